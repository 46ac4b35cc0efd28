// Turns that ended parked, as a link remembers them: whoever asked can still give them up, over every link there is.

import { afterEach, describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { Turn } from "../../src/core/turn.ts";
import { createParkedIds } from "../../src/bridge/parked-ids.ts";
import { infoOf } from "./support/agents.ts";
import {
  type BridgeHouse,
  chatTurn,
  createWatch,
  openBridge,
  readAll,
} from "./support/bridge-house.ts";
import { askOf, CANCELLED, type End, framesOf, move, openPair } from "./support/wire-pair.ts";

const PARKED = '"delta":{},"finish_reason":"tool_calls","parked":true';
const NOBODY = new AppError("parked_turn_unknown", "Nobody comes.");

/** A hub and an agent, and a turn `t1` that has ended parked on both ends. */
function parkedPair(stream = true): { hub: End; agent: End } {
  const pair = openPair();
  const { hub, agent } = pair;
  hub.step({ type: "ask", frame: askOf("t1") });
  move(hub, agent);
  if (stream) agent.step({ type: "chunk", id: "t1", body: PARKED, last: true, parked: true });
  else agent.step({ type: "result", frame: parkedResult("t1") });
  move(agent, hub);
  return pair;
}

function parkedResult(id: string) {
  const message = { role: "assistant" as const, content: "" };
  const choices = [{ index: 0 as const, message, finish_reason: "tool_calls" as const }];
  return { type: "model_result", id, status: "ok", result: { choices, parked: true } } as const;
}

function unparked({ effects }: End): readonly unknown[] {
  return effects.flatMap((effect) =>
    effect.type === "unparked" ? [{ id: effect.id, code: effect.error?.code }] : [],
  );
}

describe("a link's parked turn", () => {
  test.each([
    ["streamed", true],
    ["whole", false],
  ])("that was %s is over once, and given up by one cancel", (_how, stream) => {
    const { hub, agent } = parkedPair(stream);
    expect([hub.ends.get("t1"), agent.ends.get("t1")]).toEqual([["done"], ["done"]]);
    hub.step({ type: "cancel", id: "t1", error: NOBODY });
    hub.step({ type: "cancel", id: "t1", error: NOBODY });
    expect(framesOf(hub.outbox)).toEqual([
      { type: "cancel", id: "t1", reason: "parked_turn_unknown" } as never,
    ]);
    move(hub, agent);
    for (const end of [hub, agent]) {
      expect(unparked(end)).toEqual([{ id: "t1", code: "parked_turn_unknown" }]);
      expect(end.ends.get("t1")).toEqual(["done"]);
      expect(end.link.counters).toEqual({ late: 0, unknown: 0 });
    }
  });

  test("whose end crosses its cancel on the way is given up by it", () => {
    const { hub, agent } = openPair();
    hub.step({ type: "ask", frame: askOf("t1") });
    move(hub, agent);
    hub.step({ type: "cancel", id: "t1", error: CANCELLED });
    agent.step({ type: "chunk", id: "t1", body: PARKED, last: true, parked: true });
    move(hub, agent);
    move(agent, hub);
    expect([hub.ends.get("t1"), agent.ends.get("t1")]).toEqual([["client_cancelled"], ["done"]]);
    expect(unparked(hub)).toEqual([]);
    expect(unparked(agent)).toEqual([{ id: "t1", code: "client_cancelled" }]);
  });

  test("that goes on is not given up any more", () => {
    const { hub, agent } = parkedPair();
    hub.step({
      type: "ask",
      frame: {
        type: "tool_results",
        id: "t2",
        session_id: "s1",
        resumes: "t1",
        model: "m",
        stream: true,
        results: [],
        deadline_ms: 1_000,
      },
    });
    move(hub, agent);
    for (const end of [hub, agent]) expect(unparked(end)).toEqual([{ id: "t1", code: undefined }]);
    hub.step({ type: "cancel", id: "t1", error: NOBODY });
    expect(hub.outbox).toEqual([]);
    agent.take('{"type":"cancel","id":"t1","reason":"late"}');
    expect([unparked(agent).length, agent.link.counters.late]).toEqual([1, 1]);
  });

  test("ends with its link, on both ends", () => {
    const { hub, agent } = parkedPair();
    hub.step({ type: "closed" });
    agent.step({ type: "closed" });
    expect(unparked(hub)).toEqual([{ id: "t1", code: "agent_lost" }]);
    expect(unparked(agent)).toEqual([{ id: "t1", code: "client_cancelled" }]);
  });

  test("is nothing to be given up where the turn only ended: the cancel is late", () => {
    const { hub, agent } = openPair();
    hub.step({ type: "ask", frame: askOf("t1") });
    move(hub, agent);
    const last = '"delta":{},"finish_reason":"stop"';
    agent.step({ type: "chunk", id: "t1", body: last, last: true });
    move(agent, hub);
    hub.step({ type: "cancel", id: "t1", error: CANCELLED });
    expect([hub.outbox, unparked(hub)]).toEqual([[], []]);
  });

  test("that is the oldest of too many is given up by both ends, once", () => {
    const { hub, agent } = parkedPair();
    for (let count = 2; count <= 1_025; count += 1) {
      const id = `t${count}`;
      hub.step({ type: "ask", frame: askOf(id) });
      move(hub, agent);
      agent.step({ type: "chunk", id, body: PARKED, last: true, parked: true });
      move(agent, hub);
    }
    move(hub, agent);
    for (const end of [hub, agent]) {
      expect(unparked(end)).toEqual([{ id: "t1", code: "parked_turn_unknown" }]);
      expect(end.link.phase).toBe("open");
    }
    expect(agent.link.counters).toEqual({ late: 1, unknown: 0 });
  });

  test("makes way as the oldest of too many", () => {
    const parked = createParkedIds(2);
    expect([parked.add("a"), parked.add("b"), parked.add("c")]).toEqual([
      undefined,
      undefined,
      "a",
    ]);
    expect([parked.remove("a"), parked.remove("b"), parked.removeAll()]).toEqual([
      false,
      true,
      ["c"],
    ]);
  });
});

const open: BridgeHouse[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((house) => house.close()));
});

/** Parks at once, and goes on with what is resumed; hears of it when nobody comes. */
function parkingAgent() {
  const abandoned = createWatch<{ readonly id: string; readonly code: string }>();
  const agent: Agent = {
    info: infoOf(),
    async *run(turn, signal): AsyncGenerator<TurnEvent> {
      if (turn.request.kind === "resume") {
        yield { type: "text-delta", text: `after ${turn.request.resumes}` };
        yield { type: "finish", reason: "stop" };
        return;
      }
      signal.addEventListener("abort", () => {
        const reason: unknown = signal.reason;
        const code = reason instanceof AppError ? reason.code : "none";
        abandoned.push({ id: turn.id, code });
      });
      yield { type: "tool-call-start", id: `call_${turn.id}`, name: "read_file" };
      yield { type: "finish", reason: "tool_calls", parked: true };
    },
  };
  return { agent, abandoned };
}

/** An agent, its hub and a provider; `park` runs a turn that is parked then. */
async function setUp(over: "hub" | "provider") {
  const { agent, abandoned } = parkingAgent();
  const bridge = await openBridge();
  open.push(bridge);
  const { sessionId } = await bridge.activeRunner(agent);
  const provider = bridge.provider();
  await provider.changes.when(({ status, connected }) => status === "active" && connected);
  const directory = over === "hub" ? bridge.sessions : provider.remote;
  const run = async (turn: Turn) => {
    const asked = { scopes: ["inference"], onEnd: () => undefined } as const;
    const lease = await directory.acquire(sessionId, asked);
    const stop = new AbortController();
    const played = await readAll(lease.agent.run(turn, stop.signal));
    lease.settle(undefined);
    return { stop, played };
  };
  const park = async (id: string, stream = true) => {
    const { stop, played } = await run(chatTurn(sessionId, "hi", { id, stream, tools: true }));
    expect(played.finished).toBe(true);
    return stop;
  };
  return { bridge, provider, sessionId, abandoned, run, park };
}

describe.each(["hub", "provider"] as const)("over a %s's link, work that is parked", (over) => {
  test.each([
    ["streamed", true],
    ["whole", false],
  ])("is given up at once at its agent, after a %s answer", async (_how, stream) => {
    const { abandoned, park } = await setUp(over);
    const stop = await park("turn_a", stream);
    await park("turn_b", stream);
    stop.abort(NOBODY);
    expect(await abandoned.when(() => true)).toEqual({
      id: "turn_a",
      code: "parked_turn_unknown",
    });
    expect(abandoned.seen).toHaveLength(1);
  });

  test("goes on when its results come, and is not given up then", async () => {
    const { abandoned, sessionId, run, park } = await setUp(over);
    const stop = await park("turn_c");
    const { id, ...turn } = chatTurn(sessionId, "");
    const request = {
      kind: "resume",
      model: "m1",
      stream: true,
      resumes: "turn_c",
      results: [{ toolCallId: "call_turn_c", content: [] }],
    } as const;
    const { played } = await run({ ...turn, id, request });
    expect(played).toMatchObject({ text: "after turn_c", finished: true });
    stop.abort(NOBODY);
    const other = await park("turn_d");
    other.abort(NOBODY);
    // What is said later arrives later: had the first been told off, it would be here by now.
    expect(await abandoned.when(() => true)).toMatchObject({ id: "turn_d" });
  });

  test("is given up when its agent's link is cut", async () => {
    const { bridge, abandoned, park } = await setUp(over);
    await park("turn_e");
    bridge.cut("agent");
    expect(await abandoned.when(() => true)).toEqual({ id: "turn_e", code: "client_cancelled" });
  });

  test("is given up when its session is revoked", async () => {
    const { bridge, sessionId, abandoned, park } = await setUp(over);
    await park("turn_f");
    await bridge.sessions.revoke(sessionId);
    expect(await abandoned.when(() => true)).toEqual({ id: "turn_f", code: "client_cancelled" });
  });
});

test("work that a provider parked is given up at its agent when that provider's link is cut", async () => {
  const { bridge, abandoned, park } = await setUp("provider");
  await park("turn_g");
  bridge.cut("provider");
  expect(await abandoned.when(() => true)).toEqual({ id: "turn_g", code: "client_cancelled" });
});
