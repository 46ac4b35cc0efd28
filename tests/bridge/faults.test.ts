// What goes wrong on a real link: cuts, restarts, replacement, silence, slow readers and frames that must not be.

import { afterEach, describe, expect, test } from "bun:test";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import { linkLimits } from "../../src/bridge/settings.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { echoAgent, hangingAgent, infoOf, textOf } from "./support/agents.ts";
import {
  type BridgeHouse,
  chatTurn,
  type HouseOptions,
  openBridge,
  type RawSocket,
  readAll,
} from "./support/bridge-house.ts";
import { HELLO } from "./support/wire-pair.ts";

const open: BridgeHouse[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((house) => house.close()));
});
async function house(options: HouseOptions = {}): Promise<BridgeHouse> {
  const one = await openBridge(options);
  open.push(one);
  return one;
}

const never = new AbortController().signal;
const SMALL = { ...linkLimits(), answer_bytes: 8_192, credit_bytes: 4_096 };

async function lease(from: Pick<BridgeHouse["sessions"], "acquire">, sessionId: string) {
  return await from.acquire(sessionId, { scopes: ["inference"], onEnd: () => undefined });
}

async function linked(agent: Agent, options: HouseOptions = {}) {
  const bridge = await house(options);
  const runner = await bridge.activeRunner(agent);
  const provider = bridge.provider();
  await provider.changes.when(({ status, connected }) => status === "active" && connected);
  const { sessionId } = runner;
  const start = async (text: string, fields: Parameters<typeof chatTurn>[2] = {}) => {
    const held = await lease(provider.remote, sessionId);
    const turn = chatTurn(sessionId, text, fields);
    return { turn, events: held.agent.run(turn, never), settle: () => held.settle(undefined) };
  };
  return { bridge, runner, provider, sessionId, start };
}

/** A client of our own making that has joined as an agent and been approved. */
async function rawAgent(
  bridge: BridgeHouse,
  agentId = "raw-agent",
): Promise<RawSocket & { id: string }> {
  const raw = await bridge.raw("agent");
  raw.send({ ...HELLO, agent_id: agentId });
  const asked = await raw.frames.when(({ type }) => type === "session");
  const id = String(asked["session_id"]);
  await bridge.sessions.approve(id, {});
  await raw.frames.when(({ status }) => status === "active");
  return { ...raw, id };
}

describe("a lost link", () => {
  test("an agent killed in mid-stream ends each of its turns once, as agent_lost", async () => {
    const hanging = hangingAgent();
    const { bridge, start, provider, sessionId } = await linked(hanging.agent);
    const turns = await Promise.all(Array.from({ length: 20 }, () => start("hi")));
    const readers = turns.map(({ events }) => events[Symbol.asyncIterator]());
    for (const reader of readers) {
      expect(await reader.next()).toMatchObject({ value: { text: "one " } });
    }
    const ends = readers.map((reader) => readAll({ [Symbol.asyncIterator]: () => reader }));
    bridge.cut("agent");
    for (const end of ends) {
      expect(await end).toEqual({ text: "", finished: false, code: "agent_lost" });
    }
    for (const { settle } of turns) settle();
    expect(bridge.sessions.list()[0]?.inFlight).toBe(0);
    const back = await provider.changes.when(({ connected }) => !connected);
    expect(back.sessionId).toBe(sessionId);
    for (const { turn } of turns) await hanging.aborted.when(({ id }) => id === turn.id);
  });

  test("a provider that vanishes has its turns cancelled at the agent", async () => {
    const hanging = hangingAgent();
    const { bridge, start } = await linked(hanging.agent);
    const { turn, events } = await start("hi");
    const end = readAll(events);
    await hanging.started.when(({ id }) => id === turn.id);
    bridge.cut("provider");
    expect((await end).code).toBe("agent_lost");
    expect((await hanging.aborted.when(({ id }) => id === turn.id)).code).toBe("client_cancelled");
  });

  test("after a restart of the hub both sides come back by themselves, without a new approval", async () => {
    const { bridge, runner, provider, sessionId, start } = await linked(echoAgent());
    const changes = provider.changes.seen.length;
    const states = provider.states.seen.length;
    const told = runner.sessions.seen.length;
    bridge.restart();
    await runner.sessions.when(({ connected }) => connected, told);
    await provider.states.when(({ state }) => state === "waiting", states);
    await provider.changes.when(
      ({ status, connected }) => status === "active" && connected,
      changes,
    );
    await provider.states.when(({ state }) => state === "connected", states);
    expect(runner.runner.status().session).toMatchObject({ sessionId, status: "active" });
    expect(runner.tokens).toHaveLength(2);
    expect(bridge.sessions.list()).toHaveLength(1);
    const { events } = await start("back again");
    expect((await readAll(events)).text).toBe("back again");
  });

  test("while the hub is away its sessions stay listed, out of reach", async () => {
    const { bridge, provider, sessionId } = await linked(echoAgent());
    bridge.refuseWith(503);
    const held = await lease(provider.remote, sessionId);
    const seen = provider.changes.seen.length;
    bridge.cut("provider");
    await provider.changes.when(({ connected }) => !connected, seen);
    expect(provider.remote.list()).toMatchObject([{ sessionId, connected: false }]);
    expect(lease(provider.remote, sessionId)).rejects.toMatchObject({ code: "no_active_session" });
    const late = held.agent.run(chatTurn(sessionId, "too late"), never);
    expect((await readAll(late)).code).toBe("agent_lost");
  });

  test("a hub that shuts down says so to both ends of a turn", async () => {
    const hanging = hangingAgent();
    const { bridge, start } = await linked(hanging.agent);
    const { turn, events } = await start("hi");
    const end = readAll(events);
    await hanging.started.when(({ id }) => id === turn.id);
    bridge.hub.close();
    expect((await end).code).toBe("shutdown");
    expect((await hanging.aborted.when(({ id }) => id === turn.id)).code).toBe("shutdown");
    expect(bridge.hub.links()).toEqual([]);
  });

  test("a runner that shuts down ends its turns as shutdown, and closing twice is harmless", async () => {
    const hanging = hangingAgent();
    const { runner, start } = await linked(hanging.agent);
    const { turn, events } = await start("hi");
    const end = readAll(events);
    await hanging.started.when(({ id }) => id === turn.id);
    void runner.runner.close();
    void runner.runner.close();
    expect((await end).code).toBe("shutdown");
    expect(runner.states.seen.at(-1)).toEqual({ state: "closed" });
  });

  test("a second link of the same session replaces the first, whose turns end once", async () => {
    const hanging = hangingAgent();
    const { bridge, runner, start, sessionId } = await linked(hanging.agent);
    const { turn, events } = await start("hi");
    const end = readAll(events);
    await hanging.started.when(({ id }) => id === turn.id);
    const second = bridge.runner(echoAgent(), { tokens: [...runner.tokens] });
    const resumed = await second.sessions.when(({ status }) => status === "active");
    expect(resumed.sessionId).toBe(sessionId);
    expect(await end).toMatchObject({ finished: false, code: "agent_lost" });
    const stopped = await runner.states.when(({ state }) => state === "stopped");
    expect(stopped).toMatchObject({ reason: "another process has taken over this session" });
    expect(bridge.hub.links().filter(({ role }) => role === "agent")).toHaveLength(1);
    expect((await readAll((await start("to the second")).events)).text).toBe("to the second");
  });

  test("an agent that goes silent is found dead after a ping without an answer", async () => {
    const clock = createFakeClock();
    const bridge = await house({ hubClock: clock });
    const agent = await rawAgent(bridge);
    const held = await lease(bridge.sessions, agent.id);
    const end = readAll(held.agent.run(chatTurn(agent.id, "hi"), never));
    await agent.frames.when(({ type }) => type === "model_invoke");
    clock.advance(30_000);
    clock.advance(9_999);
    expect(bridge.hub.links()).toHaveLength(1);
    clock.advance(1);
    expect((await end).code).toBe("agent_lost");
    expect(bridge.hub.links()).toEqual([]);
    await agent.closed;
    held.settle(undefined);
    expect(clock.pending).toBe(0);
  });

  test("an agent that answers pings is kept", async () => {
    const clock = createFakeClock();
    const bridge = await house({ hubClock: clock });
    const agent = await rawAgent(bridge);
    clock.advance(30_000);
    const ping = await agent.frames.when(({ type }) => type === "ping");
    agent.send({ type: "pong", timestamp: ping["timestamp"] });
    agent.send({ type: "ping", timestamp: 4 });
    await agent.frames.when(({ type }) => type === "pong");
    clock.advance(10_000);
    expect(bridge.hub.links()).toHaveLength(1);
  });

  test("a link that never says hello is closed after five seconds", async () => {
    const clock = createFakeClock();
    const bridge = await house({ hubClock: clock });
    const mute = await bridge.raw("agent");
    clock.advance(5_000);
    expect((await mute.closed).code).toBe(4408);
  });
});

describe("slow readers", () => {
  test("hold the agent back, lose nothing and do not slow the others", async () => {
    let produced = 0;
    const piece = "0123456789".repeat(20);
    const agent: Agent = {
      info: infoOf(),
      async *run(turn): AsyncGenerator<TurnEvent> {
        const count = textOf(turn) === "flood" ? 2_000 : 3;
        for (let index = 0; index < count; index += 1) {
          if (count > 3) produced += 1;
          yield { type: "text-delta", text: `${index}:${piece}` };
        }
        yield { type: "finish", reason: "stop" };
      },
    };
    const { start } = await linked(agent, { limits: SMALL });
    const { events } = await start("flood");
    const reader = events[Symbol.asyncIterator]();
    const first = await reader.next();
    // Other turns come and go while nobody reads the first one.
    for (let index = 0; index < 20; index += 1) {
      const other = await start("small");
      expect((await readAll(other.events)).finished).toBe(true);
    }
    // Two links, each with a window and a chunk in hand.
    expect(produced).toBeLessThan(40);
    const rest = await readAll({ [Symbol.asyncIterator]: () => reader });
    const all = Array.from({ length: 2_000 }, (_, index) => `${index}:${piece}`).join("");
    const begun = first.value?.type === "text-delta" ? first.value.text : "";
    expect(begun + rest.text === all).toBe(true);
    expect(rest.finished).toBe(true);
    expect(produced).toBe(2_000);
  });

  test("one piece larger than the window arrives whole, in parts", async () => {
    const { start } = await linked(echoAgent(), { limits: SMALL });
    const text = "ü\u0000👩🏽‍💻x".repeat(3_000);
    expect(await readAll((await start(text)).events)).toMatchObject({ text, finished: true });
  });

  test("an agent that ignores the credit loses that turn only", async () => {
    const bridge = await house({ limits: SMALL });
    const agent = await rawAgent(bridge);
    const held = await lease(bridge.sessions, agent.id);
    const events = held.agent.run(chatTurn(agent.id, "hi"), never)[Symbol.asyncIterator]();
    const first = events.next();
    const { id } = await agent.frames.when(({ type }) => type === "model_invoke");
    for (const chunk_index of [0, 1, 2, 3]) {
      const delta = { content: "y".repeat(1_500) };
      agent.send({ type: "model_stream_chunk", id, chunk_index, delta });
    }
    await first;
    const cancel = await agent.frames.when(({ type }) => type === "cancel");
    expect(cancel).toMatchObject({ id, reason: "agent_error" });
    const rest = await readAll({ [Symbol.asyncIterator]: () => events });
    expect(rest).toMatchObject({ code: "agent_error", finished: false });
    expect(bridge.hub.links()).toHaveLength(1);
  });
});

describe("sizes", () => {
  test("a request too large for the link is refused before it is sent; the link lives", async () => {
    const limits = { ...linkLimits(), invoke_bytes: 50_000 };
    const { start } = await linked(echoAgent(), { limits });
    const tooLarge = await start("x".repeat(60_000));
    expect((await readAll(tooLarge.events)).code).toBe("payload_too_large");
    expect((await readAll((await start("small")).events)).text).toBe("small");
  });

  test("images may take more than a mebibyte", async () => {
    const { start } = await linked(echoAgent());
    const { events } = await start("y".repeat(5 * 1024 * 1024));
    expect((await readAll(events)).text).toHaveLength(5 * 1024 * 1024);
  });

  test("a whole answer too large for a frame fails that turn; the link lives", async () => {
    const { start } = await linked(echoAgent(), { limits: SMALL });
    const { events } = await start("z".repeat(20_000), { stream: false });
    const played = await readAll(events);
    expect(played).toMatchObject({ code: "agent_error", finished: false, text: "" });
    expect((await readAll((await start("small")).events)).text).toBe("small");
  });

  test("an agent's frame over the limit closes its link with 1009", async () => {
    const bridge = await house({ limits: SMALL });
    const agent = await bridge.raw("agent");
    agent.send({ ...HELLO, label: "x".repeat(9_000) });
    expect((await agent.closed).code).toBe(1009);
  });
});

describe("frames that must not be", () => {
  test("a binary message closes the link with 1003", async () => {
    const bridge = await house();
    const agent = await bridge.raw("agent");
    agent.socket.send(new TextEncoder().encode(JSON.stringify(HELLO)));
    expect((await agent.closed).code).toBe(1003);
    expect(bridge.hub.links()).toEqual([]);
  });

  test.each(["{", "[]", '{"type":"nothing"}', '{"type":"model_invoke"}'])(
    "%s closes the link with 4400",
    async (text) => {
      const bridge = await house();
      const agent = await rawAgent(bridge);
      agent.socket.send(text);
      expect((await agent.closed).code).toBe(4400);
    },
  );

  test("a reply for another agent's turn closes the link of whoever sent it, and only that", async () => {
    const bridge = await house();
    const honest = await rawAgent(bridge, "honest");
    const thief = await rawAgent(bridge, "thief");
    const held = await lease(bridge.sessions, honest.id);
    const end = readAll(held.agent.run(chatTurn(honest.id, "secret"), never));
    const { id } = await honest.frames.when(({ type }) => type === "model_invoke");
    const delta = { content: "stolen" };
    thief.send({ type: "model_stream_chunk", id, chunk_index: 0, delta });
    expect((await thief.closed).code).toBe(1008);
    honest.send({ type: "model_stream_chunk", id, chunk_index: 0, delta: { content: "mine" } });
    honest.send({
      type: "model_stream_chunk",
      id,
      chunk_index: 1,
      delta: {},
      finish_reason: "stop",
    });
    expect(await end).toEqual({ text: "mine", finished: true, code: undefined });
  });

  test("a flood of pings closes the link with 1008, of either kind", async () => {
    const bridge = await house();
    const talker = await rawAgent(bridge, "talker");
    for (let index = 0; index < 100; index += 1) talker.send({ type: "ping", timestamp: index });
    expect((await talker.closed).code).toBe(1008);
    const knocker = await rawAgent(bridge, "knocker");
    for (let index = 0; index < 100; index += 1) knocker.socket.ping();
    expect((await knocker.closed).code).toBe(1008);
  });

  test("an answer without an end fails when the agent's iteration just stops", async () => {
    const agent: Agent = {
      info: infoOf(),
      async *run(): AsyncGenerator<TurnEvent> {
        yield { type: "text-delta", text: "and then" };
      },
    };
    const { start } = await linked(agent);
    const streamed = await readAll((await start("hi")).events);
    expect(streamed).toEqual({ text: "and then", finished: false, code: "agent_error" });
    const whole = await readAll((await start("hi", { stream: false })).events);
    expect(whole).toEqual({ text: "", finished: false, code: "agent_error" });
  });
});
