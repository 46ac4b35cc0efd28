import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { ErrorCode } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { ChatRequest, Message, Turn } from "../../src/core/turn.ts";
import { createBuffers } from "../../src/engine/buffers.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Caller } from "../../src/engine/engine.ts";
import type { AdmissionRecord, RepeatRecord, TurnRecord } from "../../src/engine/records.ts";
import type { Rates } from "../../src/engine/rate-gate.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import { aSession, createFakeDirectory } from "../support/fake-directory.ts";

type Answer = (turn: Turn, signal: AbortSignal) => AsyncIterable<TurnEvent>;

const LIMITS = {
  firstByteMs: 1_000,
  silenceMs: 500,
  turnMs: 10_000,
  answerSize: 1_000,
  turnsInFlight: 10,
  turnsPerAgent: 4,
  turnsPerKey: 3,
  queuePerAgent: 0,
  queueWaitMs: 30_000,
};

const NO_RATES: Rates = {
  keyRequests: null,
  keyTokens: null,
  sessionRequests: null,
  sessionTokens: null,
  reserveTokens: 100,
};

function setUp(
  answer: Answer,
  rates: Partial<Rates> = {},
  onAdmit: (record: AdmissionRecord) => Promise<void> = () => Promise.resolve(),
) {
  const clock = createFakeClock();
  const turns: Turn[] = [];
  const agent: Agent = {
    info: { agentId: "a1", label: "", connector: "test", models: [], requestedScopes: [] },
    run: (turn, signal) => {
      turns.push(turn);
      return answer(turn, signal);
    },
  };
  const sessions = createFakeDirectory(agent, [aSession()]);
  const records: TurnRecord[] = [];
  const repeats: RepeatRecord[] = [];
  const engine = createEngine({
    sessions,
    catalog: createCatalog({ modelName: undefined, aliases: {} }),
    clock,
    random: createFakeRandom(),
    limits: LIMITS,
    limiter: createLimiter({ clock }),
    buffers: createBuffers(1_000_000),
    rates: () => ({ ...NO_RATES, ...rates }),
    onAdmit,
    onRepeat: (record) => repeats.push(record),
    onEnd: (record) => records.push(record),
  });
  return { clock, turns, sessions, records, repeats, engine };
}

function chat(messages: readonly Message[] = [user("hi")]): ChatRequest {
  return { kind: "chat", model: "m1", stream: true, messages, parameters: {} };
}

function user(text: string): Message {
  return { role: "user", content: [{ type: "text", text }] };
}

let requests = 0;
function caller(fields: Partial<Caller> = {}): Caller {
  requests += 1;
  return {
    requestId: `req_${requests}`,
    keyId: "k",
    peer: "127.0.0.1",
    origin: { userAgent: undefined, endpoint: "/x", method: "POST", bytes: 2, promptHash: "h" },
    fingerprint: `f${requests}`,
    idempotencyKey: undefined,
    retryCount: 0,
    pin: undefined,
    allowedModels: null,
    allowedSessions: null,
    ...fields,
  };
}

const STOP: TurnEvent = { type: "finish", reason: "stop" };
const never = new AbortController().signal;

async function* says(...texts: string[]): AsyncGenerator<TurnEvent> {
  for (const text of texts) yield { type: "text-delta", text };
  yield STOP;
}

async function* calls(
  text: string,
  reason: "tool_calls" | "stop" | "length",
): AsyncGenerator<TurnEvent> {
  yield { type: "tool-call-start", id: "1", name: "a" };
  yield { type: "tool-call-delta", id: "1", arguments: text };
  yield { type: "finish", reason };
}

/** Ends as agents do: by throwing when it is stopped. */
async function* hangs(signal: AbortSignal): AsyncGenerator<TurnEvent> {
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  yield STOP;
}

describe("a turn", () => {
  test("ends once as done, with an estimate where the agent did not count", async () => {
    const { engine, sessions, records, turns } = setUp(() => says("hello ", "world"));
    const turn = await engine.admit(chat(), caller({ requestId: "req_x" }), never);
    const end = await turn.run();
    expect(end).toMatchObject({ outcome: "done", result: { text: "hello world" } });
    expect(turns.map((each) => each.id)).toEqual(["req_x"]);
    expect(sessions.settled).toEqual([
      { sessionId: "s1", usage: { promptTokens: 1, completionTokens: 3, estimated: true } },
    ]);
    expect(records).toEqual([
      expect.objectContaining({ turnId: "req_x", outcome: "done", errorCode: undefined }),
    ]);
    expect(engine.openTurns()).toEqual([]);
  });

  test("says who asks, where that is known", async () => {
    const { engine, turns } = setUp(() => says("x"));
    await (await engine.admit(chat(), caller({ keyId: "key_1" }), never)).run();
    await (await engine.admit(chat(), caller({ keyId: "" }), never)).run();
    expect(turns.map(({ owner }) => owner)).toEqual(["key_1", undefined]);
  });

  test("is told to the sink as it happens, and waits for it", async () => {
    const { engine } = setUp(() => says("a", "b"));
    const turn = await engine.admit(chat(), caller(), never);
    const heard: string[] = [];
    await turn.run((event) => {
      heard.push(event.type);
      return Promise.resolve();
    });
    expect(heard).toEqual(["text-delta", "text-delta", "finish"]);
  });

  const failures: [string, ErrorCode, Answer][] = [
    ["an answer of nothing", "empty_answer", () => says()],
    ["an agent that just stops", "agent_error", async function* () {}],
    [
      "mixed up tool calls",
      "agent_error",
      async function* () {
        yield { type: "tool-call-start", id: "1", name: "a" };
        yield { type: "tool-call-start", id: "2", name: "b" };
        yield { type: "tool-call-delta", id: "1", arguments: "{}" };
      },
    ],
    ["a call of a tool with half an object", "agent_error", () => calls('{"a":', "tool_calls")],
    ["a call of a tool with a list", "agent_error", () => calls("[1]", "stop")],
    ["a whole answer over the limit", "agent_error", () => says("x".repeat(1_001))],
    [
      "an error of the agent's",
      "agent_lost",
      async function* () {
        yield { type: "text-delta", text: "a" };
        throw new AppError("agent_lost", "gone");
      },
    ],
    [
      "an exception that is not ours",
      "internal",
      async function* () {
        yield { type: "text-delta", text: "a" };
        throw new TypeError("secret detail");
      },
    ],
  ];
  test.each(failures)("%s is a failure, once", async (_name, code, answer) => {
    const { engine, sessions, records } = setUp(answer);
    const end = await (await engine.admit(chat(), caller(), never)).run();
    expect(end.outcome === "done" ? end : end.error.code).toBe(code);
    expect(JSON.stringify(end)).not.toContain("secret detail");
    expect(sessions.settled).toHaveLength(1);
    expect(records).toHaveLength(1);
  });

  test("that was cut off within a call is done, and has what there is of it", async () => {
    const { engine } = setUp(() => calls('{"a":', "length"));
    const end = await (await engine.admit(chat(), caller(), never)).run();
    expect(end).toMatchObject({ outcome: "done", result: { toolCalls: [{ arguments: '{"a":' }] } });
  });

  test("that grows past what is kept is still streamed", async () => {
    const { engine } = setUp(() => says("x".repeat(2_000)));
    const turn = await engine.admit(chat(), caller(), never);
    const end = await turn.run(() => undefined);
    expect(end).toMatchObject({ outcome: "done", result: undefined });
  });

  test("of nothing but ids of calls is bounded all the same", async () => {
    const { engine } = setUp(async function* () {
      for (let index = 0; index < 3; index += 1) {
        yield { type: "tool-call-start", id: `${index}${"i".repeat(500)}`, name: "f" };
      }
      yield { type: "finish", reason: "tool_calls" };
    });
    const whole = await (await engine.admit(chat(), caller(), never)).run();
    expect(whole).toMatchObject({ outcome: "error", error: { code: "agent_error" } });
    const streamed = await (await engine.admit(chat(), caller(), never)).run(() => undefined);
    expect(streamed).toMatchObject({ outcome: "done", result: undefined, answered: 3 });
  });
});

describe("a turn is stopped", () => {
  async function running(fields: { sink?: () => Promise<void> } = {}) {
    const heard = Promise.withResolvers<unknown>();
    const set = setUp((_turn, signal) => {
      signal.addEventListener("abort", () => heard.resolve(signal.reason));
      return hangs(signal);
    });
    const client = new AbortController();
    const turn = await set.engine.admit(chat(), caller(), client.signal);
    return { ...set, client, turn, end: turn.run(fields.sink), heard: heard.promise };
  }

  test("when the client hangs up, and the agent hears it", async () => {
    const { client, end, heard } = await running();
    client.abort();
    expect((await end).outcome).toBe("client_cancelled");
    expect(await heard).toMatchObject({ code: "client_cancelled" });
  });

  test("when its grant ends under it", async () => {
    const { sessions, end, heard } = await running();
    sessions.leases[0]!.onEnd(new AppError("session_revoked", "revoked"));
    expect(await end).toMatchObject({ outcome: "refused", error: { code: "session_revoked" } });
    expect(await heard).toMatchObject({ code: "session_revoked" });
  });

  test("when the agent's first word is late", async () => {
    const { clock, end } = await running();
    clock.advance(999);
    clock.advance(1);
    expect(await end).toMatchObject({ outcome: "timeout", error: { code: "agent_timeout" } });
    expect(clock.pending).toBe(0);
  });

  test("by its operator, and by the end of the process", async () => {
    const one = await running();
    expect(one.engine.cancel(one.turn.id)).toBe(true);
    expect(one.engine.cancel("req_nobody")).toBe(false);
    expect((await one.end).outcome).toBe("client_cancelled");
    const two = await running();
    const drained = two.engine.drain();
    two.engine.abort();
    await drained;
    expect((await two.end).outcome).toBe("shutdown");
    await expect(two.engine.admit(chat(), caller(), never)).rejects.toMatchObject({
      code: "shutdown",
    });
  });

  test("even when the agent takes no notice", async () => {
    const { engine, records } = setUp(async function* () {
      await new Promise(() => undefined);
      yield STOP;
    });
    const client = new AbortController();
    const turn = await engine.admit(chat(), caller(), client.signal);
    const end = turn.run();
    client.abort();
    expect((await end).outcome).toBe("client_cancelled");
    expect(records).toHaveLength(1);
  });

  test("when it falls silent, but not while the client is the slow one", async () => {
    const go = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    const blocked = Promise.withResolvers<void>();
    const { engine, clock } = setUp(async function* (_turn, signal) {
      yield { type: "text-delta", text: "a" };
      go.resolve();
      yield* hangs(signal);
    });
    const turn = await engine.admit(chat(), caller(), never);
    const end = turn.run(() => {
      blocked.resolve();
      return read.promise;
    });
    await blocked.promise;
    clock.advance(499);
    read.resolve();
    await go.promise;
    clock.advance(499);
    expect(engine.openTurns()).toHaveLength(1);
    clock.advance(1);
    expect(await end).toMatchObject({ outcome: "timeout" });
  });
});

describe("before an agent starts", () => {
  test("a request over a limit is refused, and room comes back when a turn ends", async () => {
    const { engine, turns } = setUp((_turn, signal) => hangs(signal));
    const client = new AbortController();
    const open = await Promise.all(
      [1, 2, 3].map(() => engine.admit(chat(), caller(), client.signal)),
    );
    await expect(engine.admit(chat(), caller(), never)).rejects.toMatchObject({ code: "too_busy" });
    await (await engine.admit(chat(), caller({ keyId: "other" }), AbortSignal.abort())).run();
    await engine.admit(chat(), caller({ keyId: "other" }), never);
    await expect(engine.admit(chat(), caller({ keyId: "third" }), never)).rejects.toMatchObject({
      code: "too_busy",
    });
    const ends = open.map((turn) => turn.run());
    client.abort();
    await Promise.all(ends);
    await engine.admit(chat(), caller(), never);
    expect(turns.length).toBeGreaterThan(0);
  });

  test("a retry of a failing prompt starts no second agent", async () => {
    const { engine, turns } = setUp(async function* () {
      throw new AppError("agent_error", "broken");
    });
    const outcomes: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      for (const retryCount of [0, 1, 2]) {
        const turn = await engine.admit(chat(), caller({ fingerprint: "same", retryCount }), never);
        outcomes.push((await turn.run()).outcome);
      }
    }
    expect(outcomes).toEqual(Array.from({ length: 9 }, () => "error"));
    expect(turns).toHaveLength(1);
  });

  test("a retry that joins a running turn hears its answer", async () => {
    const go = Promise.withResolvers<void>();
    const { engine, turns } = setUp(async function* () {
      await go.promise;
      yield* says("once");
    });
    const first = await engine.admit(chat(), caller({ fingerprint: "same" }), never);
    const firstEnd = first.run();
    const second = await engine.admit(
      chat(),
      caller({ fingerprint: "same", retryCount: 1 }),
      never,
    );
    const heard: TurnEvent[] = [];
    const secondEnd = second.run((event) => {
      heard.push(event);
      return undefined;
    });
    go.resolve();
    expect((await firstEnd).outcome).toBe("done");
    expect((await secondEnd).outcome).toBe("done");
    expect(heard[0]).toEqual({ type: "text-delta", text: "once" });
    expect(turns).toHaveLength(1);
  });

  test("a retry of what broke before its agent started is tried anew, and waits for nothing", async () => {
    let broken = true;
    const { engine, turns } = setUp(
      () => says("now"),
      {},
      () => (broken ? Promise.reject(new TypeError("a bug")) : Promise.resolve()),
    );
    await expect(engine.admit(chat(), caller({ fingerprint: "same" }), never)).rejects.toThrow(
      TypeError,
    );
    broken = false;
    const retry = caller({ fingerprint: "same", retryCount: 1 });
    expect((await (await engine.admit(chat(), retry, never)).run()).outcome).toBe("done");
    expect(turns).toHaveLength(1);
  }, 1_000);

  test("a retry whose client goes away while it reads the answer ends", async () => {
    const { engine } = setUp(() => says("once"));
    await (await engine.admit(chat(), caller({ fingerprint: "same" }), never)).run();
    const client = new AbortController();
    const retry = await engine.admit(
      chat(),
      caller({ fingerprint: "same", retryCount: 1 }),
      client.signal,
    );
    const end = retry.run(() => new Promise(() => undefined));
    client.abort();
    expect(await end).toMatchObject({ outcome: "client_cancelled" });
  }, 1_000);
});

describe("a parked turn", () => {
  const call: TurnEvent[] = [
    { type: "tool-call-start", id: "c1", name: "read" },
    { type: "finish", reason: "tool_calls", parked: true },
  ];
  const history: Message[] = [
    user("hi"),
    {
      role: "assistant",
      content: [],
      toolCalls: [{ id: "c1", name: "read", arguments: "{}" }],
    },
    { role: "tool", toolCallId: "c1", content: [{ type: "text", text: "contents" }] },
  ];
  const answer: Answer = async function* (turn) {
    if (turn.request.kind === "resume") yield* says("thanks");
    else
      yield* turn.request.kind === "chat" && turn.request.messages.length > 1 ? says("anew") : call;
  };

  test("goes on with the results, in its session, once", async () => {
    const { engine, turns } = setUp(answer);
    const first = await engine.admit(chat(), caller(), never);
    await first.run();
    await (await engine.admit(chat(history), caller(), never)).run();
    expect(turns[1]).toMatchObject({
      sessionId: "s1",
      request: { kind: "resume", resumes: first.id, results: [{ toolCallId: "c1" }] },
    });
    await (await engine.admit(chat(history), caller(), never)).run();
    expect(turns[2]?.request.kind).toBe("chat");
  });

  test("belongs to its key, and is left by a new question in place of the results", async () => {
    const { engine, turns } = setUp(answer);
    await (await engine.admit(chat(), caller(), never)).run();
    await (await engine.admit(chat(history), caller({ keyId: "thief" }), never)).run();
    const asked = [...history.slice(0, -1), user("wait")];
    await (await engine.admit(chat(asked), caller(), never)).run();
    expect(turns.map((turn) => turn.request.kind)).toEqual(["chat", "chat", "chat"]);
  });

  test("goes on with what the user wrote beside the results", async () => {
    const { engine, turns } = setUp(answer);
    const first = await engine.admit(chat(), caller(), never);
    await first.run();
    await (await engine.admit(chat([...history, user("Hurry.")]), caller(), never)).run();
    expect(turns[1]?.request).toMatchObject({
      kind: "resume",
      resumes: first.id,
      message: [{ type: "text", text: "Hurry." }],
    });
  });

  test("whose agent cannot pass on those words is told the whole history, with them", async () => {
    const { engine, turns } = setUp(async function* (turn) {
      const { request } = turn;
      if (request.kind === "resume" && request.message !== undefined) {
        throw new AppError("parked_turn_unknown", "no words");
      }
      yield* answer(turn, never);
    });
    await (await engine.admit(chat(), caller(), never)).run();
    const asked = chat([...history, user("Hurry.")]);
    const end = await (await engine.admit(asked, caller(), never)).run();
    expect(end).toMatchObject({ outcome: "done", result: { text: "anew" } });
    expect(turns.at(-1)?.request).toMatchObject({ kind: "chat", messages: asked.messages });
  });

  test("is forgotten with its agent", async () => {
    const { engine, turns, sessions } = setUp(answer);
    await (await engine.admit(chat(), caller(), never)).run();
    sessions.change({ session: aSession({ connected: false }) });
    await (await engine.admit(chat(history), caller(), never)).run();
    expect(turns[1]?.request.kind).toBe("chat");
  });

  test("that its agent has forgotten is told again from the whole history", async () => {
    const { engine, turns } = setUp(async function* (turn) {
      if (turn.request.kind === "resume") throw new AppError("parked_turn_unknown", "forgotten");
      yield* answer(turn, never);
    });
    await (await engine.admit(chat(), caller(), never)).run();
    const end = await (await engine.admit(chat(history), caller(), never)).run();
    expect(end).toMatchObject({ outcome: "done", result: { text: "anew" } });
    expect(new Set(turns.map((turn) => turn.id)).size).toBe(3);
  });
});

describe("limits", () => {
  test("count per key and per session, and come back after a minute", async () => {
    const { engine, clock } = setUp(() => says("a"), { keyRequests: 2 });
    const first = await engine.admit(chat(), caller(), never);
    expect(first.limits).toMatchObject({ limitRequests: 2, remainingRequests: 1 });
    await first.run();
    await (await engine.admit(chat(), caller(), never)).run();
    await expect(engine.admit(chat(), caller(), never)).rejects.toMatchObject({
      code: "rate_limited",
      retryAfterMs: expect.any(Number),
    });
    await engine.admit(chat(), caller({ keyId: "other" }), never);
    clock.advance(60_200);
    expect((await engine.admit(chat(), caller(), never)).limits?.remainingRequests).toBe(1);
  });

  test("of a session hold for all its keys", async () => {
    const { engine } = setUp(() => says("a"), { sessionRequests: 1 });
    await (await engine.admit(chat(), caller(), never)).run();
    await expect(engine.admit(chat(), caller({ keyId: "other" }), never)).rejects.toMatchObject({
      code: "rate_limited",
    });
  });

  test("on tokens reserve by estimate and settle with what was used", async () => {
    const { engine } = setUp(() => says("a"), { keyTokens: 200 });
    await (await engine.admit(chat(), caller(), never)).run();
    const second = await engine.admit(chat(), caller(), never);
    expect(second.limits?.remainingTokens).toBe(200 - 2 - 101);
    await expect(engine.admit(chat(), caller(), never)).rejects.toMatchObject({
      code: "rate_limited",
    });
    await second.run();
    await engine.admit(chat(), caller(), never);
  });

  test("give back what a cancelled or refused turn did not use", async () => {
    const { engine } = setUp((_turn, signal) => hangs(signal), { keyTokens: 110 });
    const client = new AbortController();
    const turn = await engine.admit(chat(), caller(), client.signal);
    const end = turn.run();
    client.abort();
    await end;
    const again = await engine.admit(chat(), caller(), never);
    expect(again.limits?.remainingTokens).toBe(110 - 1 - 101);
  });

  test("count what an agent had begun to say when its session was revoked, and not what it never began", async () => {
    for (const [begins, left] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const { engine, sessions } = setUp(
        async function* (_turn, signal) {
          if (begins) yield { type: "text-delta", text: "a" };
          yield* hangs(signal);
        },
        { keyRequests: 2 },
      );
      const revoke = (): undefined => {
        sessions.leases[0]!.onEnd(new AppError("session_revoked", "revoked"));
      };
      const turn = await engine.admit(chat(), caller(), never);
      const running = turn.run(begins ? revoke : undefined);
      if (!begins) revoke();
      expect((await running).outcome).toBe("refused");
      const next = await engine.admit(chat(), caller({ fingerprint: "another" }), never);
      expect(next.limits?.remainingRequests).toBe(left);
    }
  });

  test("hold for a changed configuration from the next request on", async () => {
    const rates: { keyRequests: number | null } = { keyRequests: null };
    const { engine } = setUp(() => says("a"), rates);
    await (await engine.admit(chat(), caller(), never)).run();
    rates.keyRequests = 1;
    await (await engine.admit(chat(), caller(), never)).run();
    await expect(engine.admit(chat(), caller(), never)).rejects.toMatchObject({
      code: "rate_limited",
    });
  });
});

test("what cannot be written down is not forwarded, and costs nothing", async () => {
  let full = true;
  const { engine, turns, sessions } = setUp(
    () => says("a"),
    { keyRequests: 1 },
    async () => {
      if (full) throw new AppError("audit_unavailable", "The disk is full.");
    },
  );
  await expect(engine.admit(chat(), caller(), never)).rejects.toMatchObject({
    code: "audit_unavailable",
  });
  expect([turns, engine.openTurns(), sessions.settled]).toEqual([[], [], []]);
  expect(sessions.refunded).toEqual(["s1"]);
  full = false;
  const end = await (await engine.admit(chat(), caller(), never)).run();
  expect(end.outcome).toBe("done");
});
