// Hub, runner and remote hub over real sockets: joining, approval, turns, and what each end says.

import { afterEach, describe, expect, test } from "bun:test";
import type { AppError } from "../../src/core/error.ts";
import { openBunSocket } from "../../src/bridge/bun-socket.ts";
import { createRemoteHub } from "../../src/bridge/remote-hub.ts";
import { createFakeRandom } from "../support/fake-clock.ts";
import { echoAgent, hangingAgent, infoOf } from "./support/agents.ts";
import {
  type BridgeHouse,
  chatTurn,
  createWatch,
  type HouseOptions,
  openBridge,
  readAll,
  realClock,
  silent,
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

async function lease(
  from: Pick<BridgeHouse["sessions"], "acquire">,
  sessionId: string,
  onEnd: (error: AppError) => void = () => undefined,
) {
  return await from.acquire(sessionId, { scopes: ["inference"], onEnd });
}

/** Hub, agent and provider, linked; the provider has the session active. */
async function linked(agent = echoAgent(), options: HouseOptions = {}) {
  const bridge = await house(options);
  const runner = await bridge.activeRunner(agent);
  const provider = bridge.provider();
  await provider.changes.when(({ status, connected }) => status === "active" && connected);
  const run = async (text: string, fields: Parameters<typeof chatTurn>[2] = {}) => {
    const held = await lease(provider.remote, runner.sessionId);
    const played = await readAll(held.agent.run(chatTurn(runner.sessionId, text, fields), never));
    held.settle(undefined);
    return played;
  };
  return { bridge, runner, provider, sessionId: runner.sessionId, run };
}

describe("joining", () => {
  test("a runner that closes has kept its session's token first", async () => {
    const bridge = await house();
    const kept = Promise.withResolvers<void>();
    const provider = bridge.provider();
    const runner = bridge.runner(echoAgent(), { kept: kept.promise });
    const { sessionId } = await runner.sessions.when(({ status }) => status === "pending");
    await bridge.sessions.approve(sessionId);
    await provider.changes.when(({ status, connected }) => status === "active" && connected);
    await runner.sessions.when(({ status }) => status === "active");
    let isClosed = false;
    const closing = runner.runner.close().then(() => (isClosed = true));
    await provider.changes.when(({ status, connected }) => status === "active" && !connected);
    expect([isClosed, runner.tokens.length]).toEqual([false, 1]);
    kept.resolve();
    await closing;
  });

  test("an agent asks, a human approves, and the token arrives once for its ears only", async () => {
    const bridge = await house();
    const provider = bridge.provider();
    const runner = await bridge.activeRunner(echoAgent());
    expect(runner.tokens).toHaveLength(1);
    expect(runner.tokens[0]).toStartWith("mlp_");
    const session = await provider.changes.when(({ status }) => status === "active");
    expect(session.models).toEqual(infoOf().models);
    expect(session.scopes).toEqual(["inference", "tools", "agent:read"]);
    const watcher = await bridge.raw("provider");
    watcher.send({ ...HELLO, role: "provider" });
    await watcher.frames.when(({ type }) => type === "session");
    expect(JSON.stringify(watcher.frames.seen)).not.toContain("mlp_");
    expect(watcher.frames.seen[0]).toMatchObject({ type: "welcome", session_count: 1 });
  });

  test("a role that does not go with the secret is turned away", async () => {
    const bridge = await house();
    const liar = await bridge.raw("agent");
    liar.send({ ...HELLO, role: "provider" });
    expect((await liar.closed).code).toBe(4403);
  });

  test("claims that the registry refuses are answered with the reason", async () => {
    const bridge = await house();
    const odd = await bridge.raw("agent");
    odd.send({ ...HELLO, label: "evil\u202Egnp" });
    const said = await odd.frames.when(({ type }) => type === "error");
    expect(said["error"]).toMatchObject({ code: "invalid_request" });
    expect((await odd.closed).code).toBe(4403);
    expect(bridge.hub.links()).toEqual([]);
  });

  test("links beyond the limit are told to come back later", async () => {
    const bridge = await house({ maxLinks: 1 });
    await bridge.raw("agent");
    const second = await bridge.raw("agent");
    expect((await second.closed).code).toBe(1013);
  });

  test("a wrong secret is reported as a refusal, and tried again until it is right", async () => {
    const bridge = await house();
    bridge.refuseWith(401);
    const { states } = bridge.provider();
    const refused = await states.when(({ state }) => state === "refused");
    expect(refused).toMatchObject({ status: 401 });
    bridge.refuseWith(undefined);
    expect(await states.when(({ state }) => state === "connected")).toBeDefined();
  });

  test.each([
    "http://127.0.0.1:1",
    "ws://user:secret@127.0.0.1:1",
    "ws://127.0.0.1:1/?token=secret",
    "nonsense",
  ])("%s is no address to dial", (url) => {
    const options = { url, token: "t", name: "n", random: createFakeRandom() };
    expect(() =>
      createRemoteHub({ ...options, clock: realClock, log: silent, openSocket: openBunSocket }),
    ).toThrow("must look like");
  });
});

describe("turns", () => {
  test("go from a provider through the hub to the agent and back, streamed and whole", async () => {
    const { run } = await linked();
    const text = "Hello, naïve 日本語 👩🏽‍💻 \u2028 world.";
    const expected = { text, finished: true, code: undefined };
    expect(await run(text)).toEqual(expected);
    expect(await run(text, { stream: false })).toEqual(expected);
  });

  test("a hundred at once share one socket and do not mix", async () => {
    const { bridge, run } = await linked();
    const texts = Array.from({ length: 100 }, (_, index) => `turn ${index} says ${index} `);
    const played = await Promise.all(texts.map((text) => run(text)));
    expect(played.map(({ text }) => text)).toEqual(texts);
    expect(bridge.hub.links().filter(({ role }) => role === "agent")).toHaveLength(1);
    expect(bridge.hub.links().map(({ turns }) => turns)).toEqual([0, 0]);
    expect(bridge.sessions.list()[0]).toMatchObject({ requestCount: 100, tokenCount: 300 });
  });

  test("the session's own agent answers a turn of the hub's process too", async () => {
    const { bridge, sessionId } = await linked();
    const held = await lease(bridge.sessions, sessionId);
    const played = await readAll(held.agent.run(chatTurn(sessionId, "direct"), never));
    held.settle(undefined);
    expect(played.text).toBe("direct");
  });

  test("what a turn may do is what the record grants, whatever the provider claims", async () => {
    const hanging = hangingAgent();
    const { bridge, sessionId } = await linked(hanging.agent);
    const provider = await bridge.raw("provider");
    provider.send({ ...HELLO, role: "provider" });
    await provider.frames.when(({ type }) => type === "welcome");
    provider.send({
      type: "model_invoke",
      id: "turn_greedy",
      session_id: sessionId,
      model_meta: { provider: "evil", label: "", requested_scopes: ["agent:exec", "agent:write"] },
      payload: { kind: "chat", model: "m1", messages: [], parameters: { stream: true } },
      deadline_ms: 1000,
    });
    const turn = await hanging.started.when(({ id }) => id === "turn_greedy");
    expect(turn.scopes).toEqual(["inference", "tools", "agent:read"]);
  });

  test("tools need their scope even when the provider says that it needs none", async () => {
    const bridge = await house();
    const runner = bridge.runner(echoAgent());
    const { sessionId } = await runner.sessions.when(({ status }) => status === "pending");
    await bridge.sessions.approve(sessionId, { scopes: ["inference"] });
    await runner.sessions.when(({ status, connected }) => status === "active" && connected);
    const provider = bridge.provider();
    await provider.changes.when(({ status }) => status === "active");
    const held = await lease(provider.remote, sessionId);
    const turn = chatTurn(sessionId, "hi", { tools: true });
    expect(await readAll(held.agent.run(turn, never))).toMatchObject({ code: "scope_missing" });
  });

  test("an unknown session is refused, at the mirror and at the hub", async () => {
    const { provider, sessionId } = await linked();
    expect(lease(provider.remote, "nobody")).rejects.toMatchObject({ code: "session_not_found" });
    const held = await lease(provider.remote, sessionId);
    const played = await readAll(held.agent.run(chatTurn("nobody", "hi"), never));
    expect(played.code).toBe("session_not_found");
  });

  test("an id that is running already is refused, and the first turn goes on", async () => {
    const hanging = hangingAgent();
    const { bridge, provider, sessionId } = await linked(hanging.agent);
    const held = await lease(provider.remote, sessionId);
    const stop = new AbortController();
    const first = held.agent.run(chatTurn(sessionId, "a", { id: "same" }), stop.signal);
    const firstEnd = readAll(first);
    await hanging.started.when(({ id }) => id === "same");
    const again = held.agent.run(chatTurn(sessionId, "b", { id: "same" }), never);
    expect((await readAll(again)).code).toBe("conflict");
    const direct = await lease(bridge.sessions, sessionId);
    const other = direct.agent.run(chatTurn(sessionId, "c", { id: "same" }), never);
    expect((await readAll(other)).code).toBe("conflict");
    stop.abort();
    expect((await firstEnd).code).toBe("client_cancelled");
    expect(hanging.started.seen).toHaveLength(1);
  });

  test("cancelling reaches the agent's signal, with the reason", async () => {
    const hanging = hangingAgent();
    const { provider, sessionId } = await linked(hanging.agent);
    const held = await lease(provider.remote, sessionId);
    const stop = new AbortController();
    const turn = chatTurn(sessionId, "hi");
    const end = readAll(held.agent.run(turn, stop.signal));
    await hanging.started.when(({ id }) => id === turn.id);
    stop.abort();
    expect(await end).toMatchObject({ finished: false, code: "client_cancelled" });
    const heard = await hanging.aborted.when(({ id }) => id === turn.id);
    expect(heard.code).toBe("client_cancelled");
  });

  test("a revocation ends the turn everywhere, and the runner does not ask again", async () => {
    const hanging = hangingAgent();
    const { bridge, runner, provider, sessionId } = await linked(hanging.agent);
    const ends = createWatch<AppError>();
    const held = await lease(provider.remote, sessionId, ends.push);
    const turn = chatTurn(sessionId, "hi");
    const end = readAll(held.agent.run(turn, never));
    await hanging.started.when(({ id }) => id === turn.id);
    await bridge.sessions.revoke(sessionId);
    expect((await end).code).toBe("session_revoked");
    expect((await ends.when(() => true)).code).toBe("session_revoked");
    expect((await hanging.aborted.when(({ id }) => id === turn.id)).code).toBe("session_revoked");
    expect(await runner.states.when(({ state }) => state === "stopped")).toBeDefined();
    expect(bridge.sessions.list()).toHaveLength(1);
  });

  test("when a session is used up, the agent asks for a new one", async () => {
    const bridge = await house();
    const runner = bridge.runner(echoAgent());
    const { sessionId } = await runner.sessions.when(({ status }) => status === "pending");
    await bridge.sessions.approve(sessionId, { maxRequests: 1 });
    await runner.sessions.when(({ status, connected }) => status === "active" && connected);
    const held = await lease(bridge.sessions, sessionId);
    const played = await readAll(held.agent.run(chatTurn(sessionId, "last words"), never));
    held.settle(undefined);
    expect(played).toMatchObject({ text: "last words", finished: true });
    const next = await runner.sessions.when(
      (session) => session.status === "pending" && session.sessionId !== sessionId,
    );
    expect(next.agentId).toBe("agent-1");
  });

  test("a provider's health counts what it has under way", async () => {
    const hanging = hangingAgent();
    const { provider, sessionId } = await linked(hanging.agent);
    const held = await lease(provider.remote, sessionId);
    const events = held.agent.run(chatTurn(sessionId, "hi"), never)[Symbol.asyncIterator]();
    const first = events.next();
    expect(provider.remote.status()).toMatchObject({ pending: 1, activeStreams: 0 });
    await first;
    const status = provider.remote.status();
    expect(status).toMatchObject({ pending: 0, activeStreams: 1 });
    expect(status.state.state).toBe("connected");
    expect(status.messagesSent).toBe(2);
    expect(status.messagesReceived).toBeGreaterThan(2);
  });
});
