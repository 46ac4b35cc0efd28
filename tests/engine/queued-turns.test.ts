import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { Session } from "../../src/core/session.ts";
import type { ChatRequest } from "../../src/core/turn.ts";
import { createBuffers } from "../../src/engine/buffers.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Caller, EngineDeps, QueuedTurn } from "../../src/engine/engine.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import { aSession, createFakeDirectory } from "../support/fake-directory.ts";

const LIMITS = {
  firstByteMs: 600_000,
  silenceMs: 600_000,
  turnMs: 600_000,
  answerSize: 1_000,
  turnsInFlight: 10,
  turnsPerAgent: 1,
  turnsPerKey: 5,
  queuePerAgent: 3,
  queueWaitMs: 30_000,
};

const CHAT: ChatRequest = {
  kind: "chat",
  model: "m1",
  stream: true,
  messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
  parameters: {},
};

const never = new AbortController().signal;
let requests = 0;

function caller(fields: Partial<Caller> = {}): Caller {
  requests += 1;
  return {
    requestId: `req_${requests}`,
    keyId: "k",
    peer: "127.0.0.1",
    origin: { userAgent: undefined, endpoint: "/x", method: "POST", bytes: 100, promptHash: "h" },
    fingerprint: `f${requests}`,
    idempotencyKey: undefined,
    retryCount: 0,
    pin: undefined,
    allowedModels: null,
    allowedSessions: null,
    ...fields,
  };
}

/** Agents that answer when the test says so, one turn at a time. */
function setUp(
  fields: Partial<EngineDeps["limits"]> & { keyRequests?: number; sessionRequests?: number } = {},
  sessions: Session[] = [aSession()],
) {
  const clock = createFakeClock();
  const forwarded: string[] = [];
  const written: string[] = [];
  const repeats: string[] = [];
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const gateOf = (turnId: string): PromiseWithResolvers<void> => {
    const gate = gates.get(turnId) ?? Promise.withResolvers<void>();
    gates.set(turnId, gate);
    return gate;
  };
  const agent: Agent = {
    info: { agentId: "a1", label: "", connector: "test", models: [], requestedScopes: [] },
    run: async function* (turn, signal): AsyncGenerator<TurnEvent> {
      forwarded.push(`${turn.id} at ${turn.sessionId}`);
      const { promise, reject } = gateOf(turn.id);
      signal.addEventListener("abort", () => reject(signal.reason));
      await promise;
      yield { type: "text-delta", text: "yes" };
      yield { type: "finish", reason: "stop" };
    },
  };
  const directory = createFakeDirectory(agent, sessions);
  const buffers = createBuffers(1_000);
  const { keyRequests = null, sessionRequests = null, ...limits } = fields;
  const engine = createEngine({
    sessions: directory,
    catalog: createCatalog({ modelName: undefined, aliases: {} }),
    clock,
    random: createFakeRandom(),
    limits: { ...LIMITS, ...limits },
    limiter: createLimiter({ clock }),
    buffers,
    rates: () => ({
      keyRequests,
      keyTokens: null,
      sessionRequests,
      sessionTokens: null,
      reserveTokens: 100,
    }),
    onAdmit: (record) => {
      written.push(record.turnId);
      return Promise.resolve();
    },
    onRepeat: ({ requestId, repeats: first }) => repeats.push(`${requestId} repeats ${first}`),
    onEnd: () => undefined,
  });

  async function run(fields: Partial<Caller> = {}, signal = never) {
    const who = caller(fields);
    const turn = await engine.admit(CHAT, who, signal);
    return { id: who.requestId, turn, end: turn.run() };
  }

  /** A turn that waits; what becomes of it is in `admitted`. */
  function queue(fields: Partial<Caller> = {}, signal = never) {
    const who = caller(fields);
    let place: QueuedTurn | undefined;
    const admitted = engine.admit(CHAT, who, signal, (given) => {
      place = given;
    });
    // It is looked at later, or not at all.
    admitted.catch(() => undefined);
    if (place === undefined) throw new Error("it had room");
    return { id: who.requestId, admitted, place, standing: () => place?.standing() };
  }

  async function finish(running: Awaited<ReturnType<typeof run>>): Promise<void> {
    gateOf(running.id).resolve();
    expect((await running.end).outcome).toBe("done");
  }

  return {
    clock,
    engine,
    directory,
    sessions,
    buffers,
    forwarded,
    written,
    repeats,
    run,
    queue,
    finish,
  };
}

describe("a turn beyond the room", () => {
  test("waits, and runs when there is room: nothing is on record or forwarded before", async () => {
    const { run, queue, finish, written, forwarded, engine } = setUp();
    const first = await run();
    const second = queue();
    expect(second.standing()).toEqual({ position: 1, estimatedWaitMs: undefined });
    expect([written, engine.load()]).toEqual([[first.id], { running: 1, waiting: 1 }]);
    await finish(first);
    const turn = await second.admitted;
    expect([written, engine.load()]).toEqual([[first.id, second.id], { running: 1, waiting: 0 }]);
    await finish({ id: second.id, turn, end: turn.run() });
    expect(forwarded).toEqual([`${first.id} at s1`, `${second.id} at s1`]);
    expect(engine.load()).toEqual({ running: 0, waiting: 0 });
  });

  test("is listed with its place and with the wait that earlier turns foretell", async () => {
    const { run, queue, finish, engine, clock } = setUp();
    const first = await run();
    clock.advance(4_000);
    await finish(first);
    await run();
    const [a, b, c] = [queue({ keyId: "a" }), queue({ keyId: "a" }), queue({ keyId: "b" })];
    expect(engine.openTurns().map(({ turnId, queued }) => [turnId, queued])).toEqual([
      [expect.any(String), undefined],
      [a.id, { position: 1, estimatedWaitMs: 4_000 }],
      [b.id, { position: 3, estimatedWaitMs: 12_000 }],
      [c.id, { position: 2, estimatedWaitMs: 8_000 }],
    ]);
  });

  test("does not keep another key out of a full queue", async () => {
    const { run, queue } = setUp();
    await run();
    const own = [1, 2, 3].map(() => queue({ keyId: "greedy" }));
    await expect(setUpRefusal(() => queue({ keyId: "greedy" }).admitted)).resolves.toBe(
      "it had room",
    );
    const other = queue({ keyId: "modest" });
    await expect(own[2]?.admitted).rejects.toMatchObject({ code: "too_busy", retryAfterMs: 1_000 });
    expect(other.standing()?.position).toBe(2);
  });

  test("is refused at the door when it would wait too long, with the time that it would take", async () => {
    const { run, finish, engine, clock } = setUp();
    const first = await run();
    clock.advance(45_000);
    await finish(first);
    await run();
    await expect(engine.admit(CHAT, caller(), never)).rejects.toMatchObject({
      code: "too_busy",
      retryAfterMs: 45_000,
    });
    expect(engine.load().waiting).toBe(0);
  });

  test("is refused when its time runs out", async () => {
    const { run, queue, engine, clock, buffers } = setUp();
    await run();
    const waiting = queue();
    clock.advance(29_999);
    expect(engine.load().waiting).toBe(1);
    clock.advance(1);
    await expect(waiting.admitted).rejects.toMatchObject({
      code: "too_busy",
      retryAfterMs: 30_000,
    });
    expect([engine.load(), buffers.used]).toEqual([{ running: 1, waiting: 0 }, 100]);
  });

  test("hears of its rate limit at once, and gives it back when it is refused", async () => {
    const { run, queue, engine, clock } = setUp({ keyRequests: 2 });
    await run();
    const waiting = queue();
    expect(waiting.place.limits).toMatchObject({ limitRequests: 2, remainingRequests: 0 });
    await expect(engine.admit(CHAT, caller(), never)).rejects.toMatchObject({
      code: "rate_limited",
      limits: { limitRequests: 2, remainingRequests: 0 },
    });
    clock.advance(30_000);
    await expect(waiting.admitted).rejects.toMatchObject({ code: "too_busy" });
    expect(queue().standing()?.position).toBe(1);
  });
});

/** What making it throws. */
async function setUpRefusal(make: () => unknown): Promise<string> {
  try {
    await make();
    return "nothing";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("a turn that waits is gone", () => {
  test("when its client hangs up", async () => {
    const { run, queue, engine, finish, forwarded, clock, buffers } = setUp();
    const first = await run();
    const client = new AbortController();
    const waiting = queue({}, client.signal);
    const timers = clock.pending;
    client.abort();
    await expect(waiting.admitted).rejects.toMatchObject({ code: "client_cancelled" });
    expect([engine.load().waiting, clock.pending]).toEqual([0, timers - 1]);
    await finish(first);
    expect([forwarded.length, engine.load().running, buffers.used]).toEqual([1, 0, 0]);
  });

  test("when its operator cancels it", async () => {
    const { run, queue, engine } = setUp();
    await run();
    const waiting = queue();
    expect(engine.cancel(waiting.id)).toBe(true);
    await expect(waiting.admitted).rejects.toMatchObject({ code: "client_cancelled" });
    expect(engine.cancel(waiting.id)).toBe(false);
  });

  test("when the server stops, at once, while what runs may end", async () => {
    const { run, queue, engine, finish } = setUp();
    const first = await run();
    const waiting = queue();
    const drained = engine.drain();
    await expect(waiting.admitted).rejects.toMatchObject({ code: "shutdown", retryAfterMs: 1_000 });
    await finish(first);
    await drained;
    expect(engine.load()).toEqual({ running: 0, waiting: 0 });
  });

  test("when its session ends and there is no other", async () => {
    const { run, queue, directory, sessions } = setUp();
    await run();
    const pinned = queue({ pin: "s1" });
    const free = queue();
    sessions[0] = aSession({ status: "revoked" });
    directory.change({ session: sessions[0] });
    await expect(pinned.admitted).rejects.toMatchObject({ code: "session_revoked" });
    await expect(free.admitted).rejects.toMatchObject({ code: "no_active_session" });
  });
});

describe("a turn that waits goes elsewhere", () => {
  const other = (fields: Partial<Session> = {}): Session =>
    aSession({ sessionId: "s2", createdAt: 2_000, ...fields });

  test("when its session ends and another one serves the model, counting there", async () => {
    const { run, queue, directory, sessions, engine } = setUp({ sessionRequests: 2 });
    await run();
    const waiting = queue();
    sessions.push(other());
    sessions[0] = aSession({ connected: false });
    directory.change({ session: sessions[0] });
    expect(await waiting.admitted).toMatchObject({
      sessionId: "s2",
      limits: { limitRequests: 2, remainingRequests: 1 },
    });
    expect(engine.load()).toEqual({ running: 2, waiting: 0 });
  });

  test("when an agent comes that has room", async () => {
    const { run, queue, directory, sessions } = setUp();
    await run();
    const pinned = queue({ pin: "s1" });
    const free = queue();
    sessions[0] = aSession({ inFlight: 1 });
    sessions.push(other());
    directory.change({ session: other() });
    expect((await free.admitted).sessionId).toBe("s2");
    expect(pinned.standing()?.position).toBe(1);
  });

  test("when another agent's turn ends first", async () => {
    const { run, queue, finish, sessions } = setUp({}, [aSession(), other()]);
    await run();
    sessions[0] = aSession({ inFlight: 1 });
    const second = await run();
    sessions[1] = other({ inFlight: 1 });
    const waiting = queue();
    sessions[1] = other();
    await finish(second);
    expect((await waiting.admitted).sessionId).toBe("s2");
  });
});

describe("a retry of a turn that waits", () => {
  const again = { fingerprint: "same", retryCount: 1 };

  test("joins it, and is on record as a repetition", async () => {
    const { run, queue, finish, engine, forwarded, written, repeats } = setUp();
    const first = await run();
    const waiting = queue({ fingerprint: "same" });
    const retry = await engine.admit(CHAT, caller({ ...again, requestId: "req_again" }), never);
    const retried = retry.run();
    await finish(first);
    const turn = await waiting.admitted;
    await finish({ id: waiting.id, turn, end: turn.run() });
    expect(await retried).toMatchObject({ outcome: "done", result: { text: "yes" } });
    expect([forwarded.length, written]).toEqual([2, [first.id, waiting.id]]);
    expect(repeats).toEqual([`req_again repeats ${waiting.id}`]);
  });

  test("takes its place over when its first attempt hangs up: nothing has run yet", async () => {
    const { run, queue, finish, engine, forwarded } = setUp();
    const first = await run();
    const client = new AbortController();
    const waiting = queue({ fingerprint: "same" }, client.signal);
    const retry = await engine.admit(CHAT, caller({ ...again, requestId: "req_again2" }), never);
    const retried = retry.run();
    client.abort();
    await expect(waiting.admitted).rejects.toMatchObject({ code: "client_cancelled" });
    await finish(first);
    await finish({ id: "req_again2", turn: retry, end: retried });
    expect(forwarded).toEqual([`${first.id} at s1`, "req_again2 at s1"]);
  });

  test("hears it when it is refused, and may then be sent anew", async () => {
    const { run, queue, engine, clock } = setUp();
    await run();
    queue({ fingerprint: "same" });
    const retry = await engine.admit(CHAT, caller(again), never);
    const retried = retry.run();
    clock.advance(30_000);
    expect(await retried).toMatchObject({
      outcome: "refused",
      error: { code: "too_busy", retryAfterMs: 30_000 },
      neverRan: true,
    });
    expect(queue(again).standing()?.position).toBe(1);
  });
});

describe("the memory that turns take", () => {
  test("is counted with what is kept of their answers, and given back", async () => {
    const { run, finish, buffers } = setUp({ turnsPerAgent: 5 });
    const turns = await Promise.all([run(), run(), run()]);
    expect(buffers.used).toBe(300);
    for (const turn of turns) await finish(turn);
    expect(buffers.used).toBe(0);
  });

  test("is bounded over all of them: one more is refused, and costs nothing", async () => {
    const { run, finish, engine, buffers } = setUp({ turnsPerAgent: 5, keyRequests: 2 });
    const big = { origin: { ...caller().origin, bytes: 950 } };
    const first = await run(big);
    await expect(engine.admit(CHAT, caller(), never)).rejects.toMatchObject({
      code: "too_busy",
      retryAfterMs: 1_000,
    });
    expect(buffers.used).toBe(950);
    await finish(first);
    await finish(await run());
    expect(buffers.used).toBe(0);
  });

  test("includes the bodies of those that wait", async () => {
    const { run, queue, engine, buffers } = setUp();
    await run();
    queue();
    expect(buffers.used).toBe(200);
    engine.abort();
    await engine.drain();
    expect(buffers.used).toBe(0);
  });
});

/** An agent that parks its first turn, holds the next ones up until `go`, and goes on with what is resumed. */
function setUpParked(sessions: Session[] = [aSession()]) {
  const clock = createFakeClock();
  let isParked = true;
  const go = Promise.withResolvers<void>();
  const resumed: unknown[] = [];
  const abandoned: string[] = [];
  const agent: Agent = {
    info: { agentId: "a1", label: "", connector: "test", models: [], requestedScopes: [] },
    run: async function* (turn, signal): AsyncGenerator<TurnEvent> {
      if (signal.aborted) throw signal.reason;
      if (turn.request.kind === "resume") {
        resumed.push(turn.request.resumes);
        yield { type: "text-delta", text: "thanks" };
        yield { type: "finish", reason: "stop" };
        return;
      }
      if (isParked) {
        isParked = false;
        signal.addEventListener("abort", () => abandoned.push(turn.id));
        yield { type: "tool-call-start", id: "c1", name: "read" };
        yield { type: "finish", reason: "tool_calls", parked: true };
        return;
      }
      await go.promise;
      yield { type: "text-delta", text: "done" };
      yield { type: "finish", reason: "stop" };
    },
  };
  const directory = createFakeDirectory(agent, sessions);
  const engine = createEngine({
    sessions: directory,
    catalog: createCatalog({ modelName: undefined, aliases: {} }),
    clock,
    random: createFakeRandom(),
    limits: LIMITS,
    limiter: createLimiter({ clock }),
    buffers: createBuffers(1_000),
    rates: () => ({
      keyRequests: null,
      keyTokens: null,
      sessionRequests: null,
      sessionTokens: null,
      reserveTokens: 100,
    }),
    onAdmit: () => Promise.resolve(),
    onRepeat: () => undefined,
    onEnd: () => undefined,
  });
  return { clock, go, resumed, abandoned, directory, engine };
}

const RESULTS: ChatRequest = {
  ...CHAT,
  messages: [
    ...CHAT.messages,
    { role: "assistant", content: [], toolCalls: [{ id: "c1", name: "read", arguments: "{}" }] },
    { role: "tool", toolCallId: "c1", content: [{ type: "text", text: "contents" }] },
  ],
};

describe("a parked turn's results", () => {
  test("wait for its own session, and are not lost when they are refused", async () => {
    const { engine, clock, go, resumed } = setUpParked();
    const parked = await engine.admit(CHAT, caller(), never);
    await parked.run();
    const busy = (await engine.admit(CHAT, caller(), never)).run();
    const refused = engine.admit(RESULTS, caller(), never);
    clock.advance(30_000);
    await expect(refused).rejects.toMatchObject({ code: "too_busy" } satisfies Partial<AppError>);
    go.resolve();
    await busy;
    await (await engine.admit(RESULTS, caller(), never)).run();
    expect(resumed).toEqual([parked.id]);
  });

  test("go to another session as a whole when their own ended while they waited", async () => {
    const sessions = [aSession()];
    const { engine, directory, go, resumed, abandoned } = setUpParked(sessions);
    const parked = await engine.admit(CHAT, caller(), never);
    await parked.run();
    const busy = (await engine.admit(CHAT, caller(), never)).run();
    const refused = engine.admit(RESULTS, caller(), never);
    sessions[0] = aSession({ status: "revoked" });
    directory.change({ session: sessions[0] });
    await expect(refused).rejects.toMatchObject({ code: "session_revoked" });
    expect(abandoned).toEqual([parked.id]);
    go.resolve();
    await busy;
    sessions.push(aSession({ sessionId: "s2" }));
    const anew = await engine.admit(RESULTS, caller(), never);
    expect(anew.sessionId).toBe("s2");
    expect(await anew.run()).toMatchObject({ outcome: "done", result: { text: "done" } });
    expect(resumed).toEqual([]);
  });

  test("are taken another time when their client hung up before the agent heard of them", async () => {
    const { engine, resumed, abandoned } = setUpParked();
    const parked = await engine.admit(CHAT, caller(), never);
    await parked.run();
    const client = new AbortController();
    const brought = await engine.admit(RESULTS, caller(), client.signal);
    client.abort();
    expect(await brought.run()).toMatchObject({ outcome: "client_cancelled" });
    expect([resumed, abandoned]).toEqual([[], []]);
    await (await engine.admit(RESULTS, caller(), never)).run();
    expect(resumed).toEqual([parked.id]);
  });

  test("are not waited for where the session ended with the turn that would wait", async () => {
    const sessions = [aSession()];
    const { engine, abandoned } = setUpParked(sessions);
    const last = await engine.admit(CHAT, caller(), never);
    sessions[0] = aSession({ status: "exhausted" });
    expect(await last.run()).toMatchObject({ outcome: "done" });
    expect(abandoned).toEqual([last.id]);
  });

  test("never leave the session that their client insists on", async () => {
    const sessions = [aSession(), aSession({ sessionId: "s2", createdAt: 2_000 })];
    const { engine, go, resumed } = setUpParked(sessions);
    const parked = await engine.admit(CHAT, caller(), never);
    await parked.run();
    go.resolve();
    const pinned = await engine.admit(RESULTS, caller({ pin: "s2" }), never);
    expect([parked.sessionId, pinned.sessionId]).toEqual(["s1", "s2"]);
    await pinned.run();
    expect(resumed).toEqual([]);
  });
});
