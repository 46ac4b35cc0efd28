// The link machine by itself: greetings, turns, credit, liveness and everything that closes it. No sockets, no time.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { LinkEffect } from "../../src/bridge/effect.ts";
import type { HelloFrame } from "../../src/bridge/frame.ts";
import { DEFAULT_TIMES } from "../../src/bridge/liveness.ts";
import {
  askOf,
  CANCELLED,
  createEnd,
  type End,
  framesOf,
  HELLO,
  LAST,
  move,
  openPair,
  SMALL_LIMITS,
  textChunk,
} from "./support/wire-pair.ts";

function closeOf(effects: readonly LinkEffect[]): number | undefined {
  return effects.find((effect) => effect.type === "close")?.code;
}

function started(id = "t1"): { hub: End; agent: End } {
  const pair = openPair();
  pair.hub.step({ type: "ask", frame: askOf(id) });
  move(pair.hub, pair.agent);
  return pair;
}

function chunk(id: string, index: number, rest = textChunk("x")): string {
  return `{"type":"model_stream_chunk","id":"${id}","chunk_index":${index},${rest}}`;
}

describe("the greeting", () => {
  test("an agent says hello, the hub lets it in, and both are open with the hub's limits", () => {
    const { hub, agent } = openPair({ ...SMALL_LIMITS, turns: 3 });
    expect([hub.link.phase, agent.link.phase]).toEqual(["open", "open"]);
    expect(agent.link.limits.turns).toBe(3);
    expect(hub.effects.some(({ type }) => type === "hello")).toBe(true);
  });

  test("a link that says nothing for five seconds is closed with 4408", () => {
    const hub = createEnd("hub", "agent");
    const opened = hub.step({ type: "opened", at: 0, hello: undefined });
    expect(opened).toEqual([{ type: "timer", ms: 5_000 }]);
    expect(closeOf(hub.step({ type: "tick", at: 5_000 }))).toBe(4408);
  });

  test("anything before hello is closed with 4400", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "opened", at: 0, hello: undefined });
    expect(closeOf(hub.take(chunk("t1", 0)))).toBe(4400);
  });

  test("a role that the secret does not give is closed with 4403", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "opened", at: 0, hello: undefined });
    expect(closeOf(hub.take(JSON.stringify({ ...HELLO, role: "provider" })))).toBe(4403);
  });

  test("another version of the protocol is closed with 4400", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "opened", at: 0, hello: undefined });
    expect(closeOf(hub.take(JSON.stringify({ ...HELLO, protocol: 2 })))).toBe(4400);
  });

  test("an agent that has joined says by another hello which models it has now", () => {
    const { hub, agent } = openPair();
    const announced = agent.step({ type: "announce", frame: HELLO });
    const [sent] = announced.flatMap((effect) => (effect.type === "send" ? [effect.text] : []));
    const heard = hub.take(String(sent));
    expect(heard).toEqual([{ type: "hello", frame: HELLO }]);
    expect(closeOf(heard)).toBeUndefined();
  });

  test("a hub names what it understands only to those who have named it", () => {
    const welcomed = (capabilities: HelloFrame["capabilities"]) => {
      const { hub } = openPair(SMALL_LIMITS, { ...HELLO, capabilities });
      const texts = hub.effects.flatMap((effect) => (effect.type === "send" ? [effect.text] : []));
      return JSON.parse(texts[0] ?? "") as {
        readonly type: string;
        readonly capabilities?: object;
      };
    };
    expect(welcomed({ tool_result_parts: true, something_later: true })).toMatchObject({
      type: "welcome",
      capabilities: { tool_result_parts: true },
    });
    for (const old of [{}, { tool_result_parts: false }, { stream: true }]) {
      expect(welcomed(old)).toMatchObject({ type: "welcome" });
      expect(welcomed(old)).not.toHaveProperty("capabilities");
    }
  });

  test("any other second hello is closed with 4400, before and after the welcome", () => {
    const { hub } = openPair();
    expect(closeOf(hub.take(JSON.stringify({ ...HELLO, role: "provider" })))).toBe(4400);
    const deciding = createEnd("hub", "agent");
    deciding.step({ type: "opened", at: 0, hello: undefined });
    deciding.take(JSON.stringify(HELLO));
    expect(closeOf(deciding.take(JSON.stringify(HELLO)))).toBe(4400);
  });

  test("while the hub decides, no time runs against the agent", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "opened", at: 0, hello: undefined });
    hub.take(JSON.stringify(HELLO));
    expect(closeOf(hub.step({ type: "tick", at: 5_000 }))).toBeUndefined();
    expect(hub.link.phase).toBe("admitting");
  });

  test("a dialler that is not welcomed hangs up", () => {
    const agent = createEnd("agent", "hub");
    agent.step({ type: "opened", at: 0, hello: HELLO });
    expect(closeOf(agent.step({ type: "tick", at: DEFAULT_TIMES.welcomeMs }))).toBe(4408);
  });

  test("a turn asked before the link is open is lost at once", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "ask", frame: askOf("t1") });
    expect(hub.ends.get("t1")).toEqual(["agent_lost"]);
    expect(hub.outbox).toEqual([]);
  });
});

describe("the asking side", () => {
  test("chunks in order are received and the last one ends the turn", () => {
    const { hub, agent } = started();
    agent.step({ type: "chunk", id: "t1", body: textChunk("a"), last: false });
    agent.step({ type: "chunk", id: "t1", body: LAST, last: true });
    move(agent, hub);
    expect(hub.effects.filter(({ type }) => type === "received")).toHaveLength(2);
    expect([hub.ends.get("t1"), agent.ends.get("t1")]).toEqual([["done"], ["done"]]);
    expect([hub.link.turns, agent.link.turns]).toEqual([0, 0]);
  });

  test.each([
    ["a gap", [0, 2]],
    ["a repeat", [0, 0]],
    ["a start that is not 0", [1]],
  ])("%s in the index fails that turn only and cancels it at the agent", (_, indices) => {
    const { hub } = started();
    hub.step({ type: "ask", frame: askOf("t2") });
    hub.outbox.length = 0;
    for (const index of indices) hub.take(chunk("t1", index));
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
    expect(hub.ends.get("t2")).toBeUndefined();
    expect(framesOf(hub.outbox)).toMatchObject([{ type: "cancel", id: "t1" }]);
    expect(hub.link.phase).toBe("open");
  });

  test("of two ends the first wins and the second is counted as late", () => {
    const { hub } = started();
    hub.take(chunk("t1", 0, LAST));
    hub.take(`{"type":"model_result","id":"t1","status":"error"}`);
    hub.take(chunk("t1", 1));
    expect(hub.ends.get("t1")).toEqual(["done"]);
    expect(hub.link.counters).toEqual({ late: 2, unknown: 0 });
  });

  test("a reply for an id never seen is counted and nothing else", () => {
    const { hub } = openPair();
    expect(hub.take(chunk("who", 0))).toEqual([]);
    expect(hub.link.counters).toEqual({ late: 0, unknown: 1 });
  });

  test.each([
    chunk("foreign_1", 0),
    `{"type":"model_result","id":"foreign_1","status":"ok"}`,
    `{"type":"error","id":"foreign_1","error":{"code":"x","message":""}}`,
  ])("a reply for a turn of another link closes the link: %s", (text) => {
    const { hub } = started();
    expect(closeOf(hub.take(text))).toBe(1008);
    expect(hub.ends.get("t1")).toEqual(["agent_lost"]);
  });

  test("a failure result keeps a code that we know and turns others into agent_error", () => {
    const { hub } = started();
    hub.step({ type: "ask", frame: askOf("t2") });
    const failed = (id: string, code: string) =>
      `{"type":"model_result","id":"${id}","status":"error","error":{"code":"${code}","message":"m"}}`;
    hub.take(failed("t1", "session_exhausted"));
    hub.take(failed("t2", "weird"));
    expect(hub.ends.get("t1")).toEqual(["session_exhausted"]);
    expect(hub.ends.get("t2")).toEqual(["agent_error"]);
  });

  test("a time-out without words is agent_timeout", () => {
    const { hub } = started();
    hub.take(`{"type":"model_result","id":"t1","status":"timeout"}`);
    expect(hub.ends.get("t1")).toEqual(["agent_timeout"]);
  });

  test("a whole answer after chunks fails the turn", () => {
    const { hub } = started();
    hub.take(chunk("t1", 0));
    hub.take(`{"type":"model_result","id":"t1","status":"ok"}`);
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
  });

  test("a malformed chunk fails the turn it names; one that names none closes the link", () => {
    const { hub } = started();
    hub.take(chunk("t1", 0, '"delta":{"content":7}'));
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
    expect(hub.link.phase).toBe("open");
    expect(closeOf(hub.take('{"type":"model_stream_chunk"}'))).toBe(4400);
  });

  test("a request over the limit is refused before anything is sent", () => {
    const { hub } = openPair();
    const frame = askOf("t1");
    const payload = { kind: "completion", model: "m", prompt: "é".repeat(5_000), parameters: {} };
    hub.step({ type: "ask", frame: { ...frame, payload } as typeof frame });
    expect(hub.ends.get("t1")).toEqual(["payload_too_large"]);
    expect(hub.outbox).toEqual([]);
  });

  test("more turns than the link may have are refused as too_busy", () => {
    const { hub } = openPair();
    for (let index = 0; index < 9; index += 1) hub.step({ type: "ask", frame: askOf(`t${index}`) });
    expect(hub.ends.get("t8")).toEqual(["too_busy"]);
    expect(hub.link.turns).toBe(8);
  });

  test("more than the credit allows fails the turn", () => {
    const { hub } = started();
    for (const index of [0, 1, 2]) hub.take(chunk("t1", index, textChunk("y".repeat(1_900))));
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
  });

  test("credit is given back in halves of the window", () => {
    const { hub } = started();
    hub.outbox.length = 0;
    hub.step({ type: "consumed", id: "t1", bytes: 2_000 });
    expect(hub.outbox).toEqual([]);
    hub.step({ type: "consumed", id: "t1", bytes: 100 });
    expect(framesOf(hub.outbox)).toEqual([{ type: "flow", id: "t1", credit: 2_100 } as never]);
  });
});

describe("the answering side", () => {
  test("without credit a chunk is held, and goes when the credit comes", () => {
    const { hub, agent } = started();
    const big = textChunk("z".repeat(1_900));
    agent.step({ type: "chunk", id: "t1", body: big, last: false });
    agent.step({ type: "chunk", id: "t1", body: big, last: false });
    const held = agent.step({ type: "chunk", id: "t1", body: big, last: false });
    expect(held).toEqual([{ type: "held", id: "t1" }]);
    expect(agent.outbox).toHaveLength(2);
    const resumed = agent.take('{"type":"flow","id":"t1","credit":4000}');
    expect(resumed.map(({ type }) => type)).toEqual(["send", "resumed"]);
    move(agent, hub);
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
  });

  test("a piece larger than half the window fails the turn with an error frame", () => {
    const { hub, agent } = started();
    agent.step({ type: "chunk", id: "t1", body: textChunk("z".repeat(3_000)), last: false });
    expect(agent.ends.get("t1")).toEqual(["agent_error"]);
    move(agent, hub);
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
    expect(hub.link.phase).toBe("open");
  });

  test("a whole answer over the limit fails the turn with an error frame", () => {
    const { hub, agent } = started();
    const message = { role: "assistant" as const, content: "z".repeat(5_000) };
    const choices = [{ index: 0 as const, message, finish_reason: "stop" as const }];
    const frame = { type: "model_result" as const, id: "t1", status: "ok" as const };
    agent.step({ type: "result", frame: { ...frame, result: { choices } } });
    move(agent, hub);
    expect(hub.ends.get("t1")).toEqual(["agent_error"]);
  });

  test("an id used for two turns at once closes the link", () => {
    const { agent } = started();
    expect(closeOf(agent.take(JSON.stringify(askOf("t1"))))).toBe(4400);
    expect(agent.ends.get("t1")).toEqual(["client_cancelled"]);
  });

  test("a malformed request is answered for that id and the link lives", () => {
    const provider = createEnd("hub", "provider");
    provider.step({ type: "opened", at: 0, hello: undefined });
    provider.take(JSON.stringify({ ...HELLO, role: "provider" }));
    provider.step({ type: "accept", at: 0, linkId: "l", version: "1", sessionCount: 0 });
    provider.outbox.length = 0;
    provider.take(JSON.stringify({ ...askOf("t9"), extra: 1 }));
    expect(framesOf(provider.outbox)).toMatchObject([{ type: "error", id: "t9" }]);
    expect(provider.link.phase).toBe("open");
  });

  test("cancel ends the turn here and nothing is sent for it afterwards", () => {
    const { hub, agent } = started();
    hub.step({ type: "cancel", id: "t1", error: CANCELLED });
    move(hub, agent);
    expect(agent.ends.get("t1")).toEqual(["client_cancelled"]);
    agent.step({ type: "chunk", id: "t1", body: textChunk("late"), last: false });
    agent.step({ type: "fail", id: "t1", error: CANCELLED });
    expect(agent.outbox).toEqual([]);
  });

  test("the reason of a cancel arrives as the error's code", () => {
    const { hub, agent } = started();
    const error = new AppError("session_revoked", "Revoked.");
    hub.step({ type: "cancel", id: "t1", error });
    move(hub, agent);
    expect(agent.ends.get("t1")).toEqual(["session_revoked"]);
  });
});

describe("liveness", () => {
  test("every 30 seconds a ping goes out; any frame within ten seconds answers it", () => {
    const { hub } = openPair();
    hub.outbox.length = 0;
    const pinged = hub.step({ type: "tick", at: 30_000 });
    expect(framesOf(hub.outbox)).toMatchObject([{ type: "ping" }]);
    expect(pinged).toContainEqual({ type: "timer", ms: 10_000 });
    hub.take(chunk("nobody", 0));
    expect(hub.step({ type: "tick", at: 40_000 })).toEqual([{ type: "timer", ms: 20_000 }]);
  });

  test("no answer in time closes the link and ends its turns as lost", () => {
    const { hub } = started();
    hub.step({ type: "tick", at: 30_000 });
    expect(closeOf(hub.step({ type: "tick", at: 40_000 }))).toBe(4408);
    expect(hub.ends.get("t1")).toEqual(["agent_lost"]);
    expect(hub.link.phase).toBe("closed");
  });

  test("when we ourselves stood still, the peer gets another ten seconds", () => {
    const { hub } = started();
    hub.step({ type: "tick", at: 30_000 });
    expect(hub.step({ type: "tick", at: 42_000 })).toEqual([{ type: "timer", ms: 10_000 }]);
    hub.take('{"type":"pong","timestamp":30000}');
    expect(closeOf(hub.step({ type: "tick", at: 52_000 }))).toBeUndefined();
    expect(hub.ends.get("t1")).toBeUndefined();
  });

  test("a stall is forgiven once: a peer that stays silent is still found dead", () => {
    const { hub } = started();
    hub.step({ type: "tick", at: 30_000 });
    hub.step({ type: "tick", at: 42_000 });
    expect(closeOf(hub.step({ type: "tick", at: 52_000 }))).toBe(4408);
  });

  test("a ping is answered with its own timestamp", () => {
    const { hub } = openPair();
    hub.outbox.length = 0;
    hub.take('{"type":"ping","timestamp":17}');
    expect(framesOf(hub.outbox)).toEqual([{ type: "pong", timestamp: 17 } as never]);
  });

  test.each(["frame", "control"])("a flood of %s pings closes the link with 1008", (kind) => {
    const { hub } = openPair();
    const closes: (number | undefined)[] = [];
    for (let index = 0; index < 25; index += 1) {
      const effects =
        kind === "frame"
          ? hub.take('{"type":"ping","timestamp":1}')
          : hub.step({ type: "control-ping", at: 0 });
      closes.push(closeOf(effects));
    }
    expect(closes.indexOf(1008)).toBe(DEFAULT_TIMES.pingBurst);
  });

  test("pings at a decent pace never close the link", () => {
    const { hub } = openPair();
    for (let second = 0; second < 200; second += 1) {
      const frame = { type: "ping" as const, timestamp: second };
      hub.step({ type: "frame", at: second * 1_000, frame, bytes: 30 });
    }
    expect(hub.link.phase).toBe("open");
  });
});

describe("the end of a link", () => {
  test("a closed socket ends every turn once, on both sides", () => {
    const { hub, agent } = started();
    hub.step({ type: "closed" });
    hub.step({ type: "closed" });
    agent.step({ type: "closed" });
    expect(hub.ends.get("t1")).toEqual(["agent_lost"]);
    expect(agent.ends.get("t1")).toEqual(["client_cancelled"]);
  });

  test("a shutdown tells the other end about every turn before it closes", () => {
    const { hub, agent } = started();
    agent.step({ type: "shutdown", error: new AppError("shutdown", "Later.") });
    expect(agent.ends.get("t1")).toEqual(["shutdown"]);
    move(agent, hub);
    expect(hub.ends.get("t1")).toEqual(["shutdown"]);
    expect(closeOf(agent.effects)).toBe(1001);
  });

  test("an asker that shuts down cancels what it asked", () => {
    const { hub, agent } = started();
    hub.step({ type: "shutdown", error: new AppError("shutdown", "Later.") });
    move(hub, agent);
    expect([hub.ends.get("t1"), agent.ends.get("t1")]).toEqual([["shutdown"], ["shutdown"]]);
  });

  test("a refusal says why before it closes", () => {
    const hub = createEnd("hub", "agent");
    hub.step({ type: "opened", at: 0, hello: undefined });
    hub.take(JSON.stringify(HELLO));
    const error = new AppError("too_busy", "Too many wait.");
    const effects = hub.step({ type: "close", code: 1013, reason: "too_busy", error });
    expect(framesOf(hub.outbox)).toEqual([
      { type: "error", error: { code: "too_busy", message: "Too many wait." } } as never,
    ]);
    expect(effects.at(-1)).toEqual({ type: "close", code: 1013, reason: "too_busy" });
  });

  test("after the end nothing has any effect", () => {
    const { hub } = started();
    hub.step({ type: "closed" });
    expect(hub.take(chunk("t1", 0))).toEqual([]);
    expect(hub.step({ type: "tick", at: 99_000 })).toEqual([]);
    expect(hub.step({ type: "cancel", id: "t1", error: CANCELLED })).toEqual([]);
    hub.step({ type: "ask", frame: askOf("t2") });
    expect(hub.ends.get("t2")).toEqual(["agent_lost"]);
  });
});
