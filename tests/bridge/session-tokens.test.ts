// What becomes of a session's token on its way to an agent: links that are cut too early, an approval with nobody there,
// and agents that know nothing of saying that they keep it.

import { afterEach, describe, expect, test } from "bun:test";
import { echoAgent, infoOf } from "./support/agents.ts";
import {
  type BridgeHouse,
  chatTurn,
  openBridge,
  type RawSocket,
  readAll,
} from "./support/bridge-house.ts";
import { HELLO } from "./support/wire-pair.ts";

const open: BridgeHouse[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((house) => house.close()));
});
async function house(): Promise<BridgeHouse> {
  const one = await openBridge();
  open.push(one);
  return one;
}

const never = new AbortController().signal;
const SAYS = { session_token_kept: true };

async function knock(
  bridge: BridgeHouse,
  token: string | undefined,
  capabilities: Record<string, boolean> = SAYS,
): Promise<{ socket: RawSocket; session: Record<string, unknown> }> {
  const socket = await bridge.raw("agent");
  socket.send({ ...HELLO, capabilities, ...(token !== undefined && { session_token: token }) });
  return { socket, session: await socket.frames.when(({ type }) => type === "session") };
}

/** What is sent next has been heard after all that was sent before. */
async function heard({ send, frames }: RawSocket): Promise<void> {
  const from = frames.seen.length;
  send({ type: "ping", timestamp: from });
  await frames.when(({ type }) => type === "pong", from);
}

/** A session of an agent that dials by hand, approved while it is there; the token has arrived and is not kept yet. */
async function approved(bridge: BridgeHouse, capabilities: Record<string, boolean> = SAYS) {
  const { socket, session } = await knock(bridge, undefined, capabilities);
  const id = String(session["session_id"]);
  await bridge.sessions.approve(id);
  const active = await socket.frames.when((frame) => frame["session_token"] !== undefined);
  return { id, socket, token: String(active["session_token"]) };
}

async function hangsUp(bridge: BridgeHouse, { socket }: RawSocket, id: string): Promise<void> {
  const away = Promise.withResolvers<void>();
  const stop = bridge.sessions.subscribe(({ session }) => {
    if (session.sessionId === id && !session.connected) away.resolve();
  });
  socket.terminate();
  await away.promise;
  stop();
}

describe("a token that was told over a link", () => {
  test("and not kept before the link was cut leaves the one before it good", async () => {
    const bridge = await house();
    const { id, socket, token } = await approved(bridge);
    socket.send({ ...HELLO, capabilities: SAYS, session_token: token });
    await heard(socket);
    await hangsUp(bridge, socket, id);
    for (let time = 0; time < 3; time += 1) {
      const again = await knock(bridge, token);
      expect(again.session).toMatchObject({ session_id: id, status: "active" });
      expect(again.session["session_token"]).not.toBe(token);
      await hangsUp(bridge, again.socket, id);
    }
  });

  test("while the hub has not heard yet that the link is gone leaves the one before it good, too", async () => {
    const bridge = await house();
    const { id, token } = await approved(bridge);
    const second = await knock(bridge, token);
    const third = await knock(bridge, token);
    expect(third.session).toMatchObject({ session_id: id, status: "active" });
    expect((await second.socket.closed).code).toBe(4409);
  });

  test("and is kept, as the agent says, makes the one before it worthless", async () => {
    const bridge = await house();
    const { id, token } = await approved(bridge);
    const second = await knock(bridge, token);
    const kept = String(second.session["session_token"]);
    second.socket.send({ ...HELLO, capabilities: SAYS, session_token: kept });
    await heard(second.socket);
    const thief = await knock(bridge, token);
    expect(thief.session).toMatchObject({ status: "pending" });
    expect((await knock(bridge, kept)).session).toMatchObject({ session_id: id });
  });

  test("is taken for kept where the agent says nothing about tokens", async () => {
    const bridge = await house();
    const { id, socket, token } = await approved(bridge, {});
    const second = await knock(bridge, token, {});
    expect(second.session).toMatchObject({ session_id: id });
    expect((await knock(bridge, token, {})).session).toMatchObject({ status: "pending" });
    expect(socket.frames.seen.some(({ type }) => type === "error")).toBe(false);
  });

  test("as the first one, and never arrived, lets in the agent that was approved", async () => {
    const bridge = await house();
    const { id, socket } = await approved(bridge);
    await hangsUp(bridge, socket, id);
    const again = await knock(bridge, undefined);
    expect(again.session).toMatchObject({ session_id: id, status: "active" });
    const silent = await approved(bridge, {});
    await hangsUp(bridge, silent.socket, silent.id);
    expect((await knock(bridge, undefined, {})).session).toMatchObject({ status: "pending" });
  });
});

describe("a runner", () => {
  test("says that it keeps its token, and then the one before is worthless", async () => {
    const bridge = await house();
    const { runner, tokens, sessionId, sessions } = await bridge.activeRunner(echoAgent());
    const from = sessions.seen.length;
    bridge.cut("agent");
    await sessions.when(({ connected }) => connected, from);
    await answered(bridge, sessionId);
    expect(tokens).toHaveLength(2);
    expect(runner.status().session).toMatchObject({ sessionId, status: "active" });
    const { agentId, label, connector } = infoOf();
    const socket = await bridge.raw("agent");
    socket.send({ ...HELLO, agent_id: agentId, label, connector, session_token: tokens[0] });
    const session = await socket.frames.when(({ type }) => type === "session");
    expect(session).toMatchObject({ status: "pending" });
  });

  test("that was away when it was approved answers when it is back, without another approval", async () => {
    const bridge = await house();
    const { sessions } = bridge.runner(echoAgent());
    const { sessionId } = await sessions.when(({ status }) => status === "pending");
    const away = Promise.withResolvers<void>();
    bridge.sessions.subscribe(({ session }) => {
      if (session.sessionId === sessionId && !session.connected) away.resolve();
    });
    bridge.refuseWith(503);
    bridge.cut("agent");
    await away.promise;
    await bridge.sessions.approve(sessionId);
    bridge.refuseWith(undefined);
    await sessions.when(({ status, connected }) => status === "active" && connected);
    expect(await answered(bridge, sessionId)).toMatchObject({ text: "hello", finished: true });
    expect(bridge.sessions.list()).toHaveLength(1);
  });
});

/** The agent has had its turn: what it said before that has been heard. */
async function answered(bridge: BridgeHouse, sessionId: string) {
  const lease = await bridge.sessions.acquire(sessionId, {
    scopes: ["inference"],
    onEnd: () => undefined,
  });
  const played = await readAll(lease.agent.run(chatTurn(sessionId, "hello"), never));
  lease.settle(undefined);
  return played;
}
