// The engine on real sessions, and anything that may happen to both in any order: what must hold when all is over.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent, LeaseRequest } from "../../src/core/ports.ts";
import type { ChatRequest, Message, ToolCall } from "../../src/core/turn.ts";
import type { Caller } from "../../src/engine/admit.ts";
import { createBuffers } from "../../src/engine/buffers.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { TurnRecord } from "../../src/engine/records.ts";
import type { TurnEnd } from "../../src/engine/run-turn.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeRandom } from "../support/fake-clock.ts";
import { activeSession, openHouse } from "./sessions-support.ts";

const MOVES = [
  ...(["plain", "hang", "park", "fail"] as const),
  ...(["results", "retry", "hang up", "go on", "cancel"] as const),
  ...(["suspend or resume", "attach or detach", "time", "audit"] as const),
] as const;
type Move = (typeof MOVES)[number];

interface Asked {
  readonly text: string;
  readonly caller: Caller;
  readonly client: AbortController;
  ended: boolean;
  /** The calls that its turn is parked with. */
  calls: readonly ToolCall[];
}

const LIMITS = {
  firstByteMs: 60_000,
  silenceMs: 60_000,
  turnMs: 600_000,
  answerSize: 100_000,
  turnsInFlight: 5,
  turnsPerAgent: 2,
  turnsPerKey: 3,
  queuePerAgent: 3,
  queueWaitMs: 30_000,
};

function chat(text: string, more: readonly Message[] = []): ChatRequest {
  const messages: Message[] = [{ role: "user", content: [{ type: "text", text }] }, ...more];
  const parameters = text === "park" ? { stop: ["never said"] } : {};
  const tools = text === "park" ? { tools: [{ name: "read" }] } : {};
  return { kind: "chat", model: "m1", stream: true, messages, parameters, ...tools };
}

function bring(calls: readonly ToolCall[]): ChatRequest {
  const results = calls.map(({ id }): Message => ({
    role: "tool",
    toolCallId: id,
    content: [{ type: "text", text: "result" }],
  }));
  return chat("plain", [{ role: "assistant", content: [], toolCalls: calls }, ...results]);
}

/** All that was due at this moment has happened. */
function moment(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function createWorld(limit: number) {
  const house = await openHouse();
  const runs: string[] = [];
  const parked = new Map<string, "waits" | "goes on" | "given up">();
  const hanging: (() => void)[] = [];
  const records: TurnRecord[] = [];
  const asked: Asked[] = [];
  let auditFails = false;

  const run: Agent["run"] = async function* (turn, signal): AsyncGenerator<TurnEvent> {
    if (signal.aborted) throw signal.reason;
    runs.push(turn.id);
    const { request } = turn;
    if (request.kind === "resume") parked.set(request.resumes, "goes on");
    const [first] = request.kind === "chat" ? request.messages : [];
    const text = first?.content[0]?.type === "text" ? first.content[0].text : "";
    yield { type: "text-delta", text: "word" };
    if (text === "fail") throw new AppError("agent_error", "No.");
    if (text === "hang") {
      await new Promise<void>((resolve, reject) => {
        hanging.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    const usage = { promptTokens: 1, completionTokens: 1 };
    if (text !== "park") return yield { type: "finish", reason: "stop", usage };
    parked.set(turn.id, "waits");
    signal.addEventListener("abort", () => void parked.set(turn.id, "given up"));
    yield { type: "tool-call-start", id: `call ${turn.id}`, name: "read" };
    yield { type: "finish", reason: "tool_calls", parked: true, usage };
  };

  const models = [{ id: "m1", capabilities: ["completion", "tools"] as const }];
  const scopes: LeaseRequest["scopes"] = ["inference", "tools"];
  const grant = { maxRequests: limit, maxTokens: limit * 2, ttlMs: null, scopes };
  const places: { readonly id: string; readonly agent: Agent; detach: () => void }[] = [];
  for (const agentId of ["one", "two"]) {
    const { id, agent, detach } = await activeSession(house, grant, { agentId, models });
    detach();
    const running = { info: agent.info, run };
    places.push({ id, agent: running, detach: house.sessions.attach(id, running) });
  }
  const buffers = createBuffers(1_000_000);
  const none = { keyRequests: null, keyTokens: null, sessionRequests: null, sessionTokens: null };
  const engine = createEngine({
    sessions: house.sessions,
    catalog: createCatalog({ modelName: undefined, aliases: {} }),
    clock: house.clock,
    random: createFakeRandom(),
    limits: LIMITS,
    limiter: createLimiter({ clock: house.clock }),
    buffers,
    rates: () => ({ ...none, reserveTokens: 10 }),
    onAdmit: async () => {
      await moment();
      if (auditFails) throw new AppError("audit_unavailable", "The disk is full.");
    },
    onRepeat: () => undefined,
    onEnd: (record) => records.push(record),
  });

  function ask(text: string, request: ChatRequest, fields: Partial<Caller> = {}): void {
    const number = asked.length + 1;
    const caller: Caller = {
      requestId: `turn ${number}`,
      keyId: number % 2 === 0 ? "even" : "odd",
      peer: "127.0.0.1",
      origin: { userAgent: undefined, endpoint: "/x", method: "POST", bytes: 7, promptHash: "h" },
      fingerprint: `body ${number}`,
      idempotencyKey: undefined,
      retryCount: 0,
      pin: undefined,
      allowedModels: null,
      allowedSessions: null,
      ...fields,
    };
    const client = new AbortController();
    const one: Asked = { text, caller, client, ended: false, calls: [] };
    asked.push(one);
    const ended = (end: TurnEnd): void => {
      if (end.outcome === "done" && end.result?.finish.parked === true) {
        one.calls = end.result.toolCalls;
      }
    };
    engine
      .admit(request, caller, client.signal)
      .then((turn) => turn.run())
      .then(ended, (error: unknown) => expect(error).toBeInstanceOf(AppError))
      .finally(() => (one.ended = true));
  }

  function change(move: Move, place: (typeof places)[number]): Promise<unknown> | undefined {
    const session = house.sessions.get(place.id);
    if (move === "suspend or resume") {
      if (session?.status === "active") return house.sessions.suspend(place.id);
      if (session?.status === "suspended") return house.sessions.resume(place.id);
    } else if (session?.connected === true) place.detach();
    else if (session?.status === "active" || session?.status === "suspended") {
      place.detach = house.sessions.attach(place.id, place.agent);
    }
    return undefined;
  }

  async function play(move: Move, which: number): Promise<void> {
    const one = asked[which % Math.max(1, asked.length)];
    switch (move) {
      case "results": {
        const waiting = asked.find(({ calls }) => calls.length > 0);
        if (waiting === undefined) return;
        const { calls, caller } = waiting;
        waiting.calls = [];
        return ask("results", bring(calls), { keyId: caller.keyId });
      }
      case "retry": {
        if (one === undefined || one.text === "results") return;
        const { fingerprint, keyId } = one.caller;
        return ask(one.text, chat(one.text), { fingerprint, keyId, retryCount: which % 2 });
      }
      case "hang up":
        return one?.client.abort();
      case "go on":
        return hanging.shift()?.();
      case "cancel":
        return void engine.cancel(one?.caller.requestId ?? "");
      case "time":
        return house.clock.advance(which * 700);
      case "audit":
        auditFails = !auditFails;
        return undefined;
      case "suspend or resume":
      case "attach or detach":
        return void (await change(move, places[which % 2]!));
      default:
        return ask(move, chat(move));
    }
  }

  /** Every client goes, every agent is let go, and every session ends. */
  async function end(): Promise<void> {
    for (const { client } of asked) client.abort();
    for (let left = 8; left > 0; left -= 1) {
      for (const go of hanging.splice(0)) go();
      await moment();
    }
    for (const { detach } of places) detach();
    house.clock.advance(LIMITS.turnMs);
    await moment();
    await house.sessions.close();
  }

  const sessions = () => places.map(({ id }) => house.sessions.get(id));
  return { house, engine, buffers, asked, runs, parked, records, sessions, play, end };
}

const anyMoves = fc.array(fc.tuple(fc.constantFrom(...MOVES), fc.nat({ max: 50 })), {
  maxLength: 60,
  size: "max",
});

test("whatever happens, all that was asked ends once, is counted once, and leaves nothing behind", async () => {
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(anyMoves, fc.integer({ min: 2, max: 40 }), async (moves, limit) => {
      const world = await createWorld(limit);
      for (const [move, which] of moves) {
        await world.play(move, which);
        if (which % 3 > 0) await moment();
      }
      await world.end();
      expect(world.asked.filter(({ ended }) => !ended)).toEqual([]);
      expect(world.engine.load()).toEqual({ running: 0, waiting: 0 });
      expect(world.buffers.used).toBe(0);
      expect(new Set(world.runs).size).toBe(world.runs.length);
      expect([...world.parked.values()]).not.toContain("waits");
      const ids = world.records.map(({ turnId }) => turnId);
      expect(new Set(ids).size).toBe(ids.length);
      let counted = 0;
      for (const session of world.sessions()) {
        if (session === undefined) throw new Error("a session is gone");
        const { sessionId, requestCount, tokenCount, inFlight } = session;
        expect(inFlight).toBe(0);
        expect(requestCount).toBeLessThanOrEqual(limit);
        expect(world.house.store.records.get(sessionId)).toMatchObject({
          requestCount,
          tokenCount,
        });
        counted += requestCount;
      }
      expect(counted).toBe(ids.length);
      for (const { outcome } of world.records) outcomes.add(outcome);
      for (const how of world.parked.values()) outcomes.add(how);
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
  expect([...outcomes]).toEqual(
    expect.arrayContaining(["done", "error", "client_cancelled", "goes on", "given up"]),
  );
}, 20_000);
