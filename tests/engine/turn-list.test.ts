// Requests with several prompts, in an engine as a whole.

import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent } from "../../src/core/ports.ts";
import type { CompletionRequest, Turn } from "../../src/core/turn.ts";
import { createBuffers } from "../../src/engine/buffers.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { Caller } from "../../src/engine/engine.ts";
import type { AdmissionRecord, RepeatRecord, TurnRecord } from "../../src/engine/records.ts";
import { ListError } from "../../src/engine/turn-list.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import { aSession, createFakeDirectory } from "../support/fake-directory.ts";

const LIMITS = {
  firstByteMs: 1_000_000,
  silenceMs: 1_000_000,
  turnMs: 1_000_000,
  answerSize: 1_000,
  turnsInFlight: 10,
  turnsPerAgent: 1,
  turnsPerKey: 3,
  queuePerAgent: 5,
  queueWaitMs: 30_000,
};

type Answer = (prompt: string, signal: AbortSignal) => AsyncIterable<TurnEvent>;

function setUp(
  answer: Answer = says,
  keyRequests: number | null = null,
  onEnd: () => void = () => undefined,
) {
  const clock = createFakeClock();
  const turns: Turn[] = [];
  const prompts: string[] = [];
  const agent: Agent = {
    info: { agentId: "a1", label: "", connector: "test", models: [], requestedScopes: [] },
    run: (turn, signal) => {
      turns.push(turn);
      const prompt = turn.request.kind === "completion" ? turn.request.prompt : "";
      prompts.push(prompt);
      return answer(prompt, signal);
    },
  };
  const admitted: AdmissionRecord[] = [];
  const records: TurnRecord[] = [];
  const repeats: RepeatRecord[] = [];
  const buffers = createBuffers(1_000_000);
  const engine = createEngine({
    sessions: createFakeDirectory(agent, [aSession()]),
    catalog: createCatalog({ modelName: undefined, aliases: {} }),
    clock,
    random: createFakeRandom(),
    limits: LIMITS,
    limiter: createLimiter({ clock }),
    buffers,
    rates: () => ({
      keyRequests,
      keyTokens: null,
      sessionRequests: null,
      sessionTokens: null,
      reserveTokens: 100,
    }),
    onAdmit: (record) => {
      admitted.push(record);
      return Promise.resolve();
    },
    onRepeat: (record) => repeats.push(record),
    onEnd: (record) => {
      records.push(record);
      onEnd();
    },
  });
  const ask = (texts: readonly string[], fields: Partial<Caller> = {}, signal = never) => {
    const [first = "", ...others] = texts;
    return engine.admitList([completion(first), ...others.map(completion)], caller(fields), signal);
  };
  const whole = async (texts: readonly string[], fields: Partial<Caller> = {}) => {
    const end = await (await ask(texts, fields)).run();
    if (end.outcome !== "done") return end.error.message;
    return [...(end.before ?? []), end].map((each) => each.outcome === "done" && each.result?.text);
  };
  return { clock, turns, prompts, admitted, records, repeats, buffers, engine, ask, whole };
}

const never = new AbortController().signal;

function completion(prompt: string): CompletionRequest {
  return { kind: "completion", model: "m1", stream: false, prompt, parameters: {} };
}

let requests = 0;
function caller(fields: Partial<Caller>): Caller {
  requests += 1;
  return {
    requestId: `req_${requests}`,
    keyId: "k",
    peer: "127.0.0.1",
    origin: { userAgent: undefined, endpoint: "/x", method: "POST", bytes: 2, promptHash: "h" },
    fingerprint: "same",
    idempotencyKey: undefined,
    retryCount: 0,
    pin: undefined,
    allowedModels: null,
    allowedSessions: null,
    ...fields,
  };
}

async function* says(prompt: string): AsyncGenerator<TurnEvent> {
  if (prompt.includes("fail")) throw new AppError("agent_error", "It fell over.");
  yield { type: "text-delta", text: `${prompt}!` };
  yield { type: "finish", reason: "stop" };
}

/** Waits at the prompts that hang until they are let go or stopped. */
function holding() {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  async function* answer(prompt: string, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    if (prompt.includes("hang")) {
      signal.addEventListener("abort", () => go.reject(signal.reason));
      begun.resolve();
      await go.promise;
    }
    yield* says(prompt);
  }
  return { answer, begun: begun.promise, go };
}

describe("several prompts", () => {
  test("are turns of their own, one after the other, with ids, records and counts of their own", async () => {
    const { ask, turns, prompts, admitted, records, engine } = setUp();
    const turn = await ask(["a", "b", "c"], { requestId: "req_x" });
    expect(turn.id).toBe("req_x");
    expect(engine.load()).toEqual({ running: 1, waiting: 0 });
    const end = await turn.run();
    expect(end).toMatchObject({
      outcome: "done",
      result: { text: "c!" },
      record: { turnId: "req_x.3" },
      before: [
        { result: { text: "a!" }, record: { turnId: "req_x" } },
        { result: { text: "b!" }, record: { turnId: "req_x.2" } },
      ],
    });
    const ids = ["req_x", "req_x.2", "req_x.3"];
    expect(prompts).toEqual(["a", "b", "c"]);
    for (const list of [turns.map(({ id }) => id), admitted.map(({ turnId }) => turnId)]) {
      expect(list).toEqual(ids);
    }
    expect(records.map(({ turnId, outcome }) => [turnId, outcome])).toEqual(
      ids.map((id) => [id, "done"]),
    );
    expect(engine.load()).toEqual({ running: 0, waiting: 0 });
  });

  test("are told to one sink, and what it has heard is not kept beside", async () => {
    const { ask, buffers } = setUp();
    const heard: string[] = [];
    const end = await (
      await ask(["a", "b"])
    ).run((event) => {
      heard.push(event.type === "text-delta" ? event.text : event.type);
      return undefined;
    });
    expect(heard).toEqual(["a!", "finish", "b!", "finish"]);
    expect(end.before?.map(({ result }) => result)).toEqual([undefined]);
    expect(buffers.used).toBe(0);
  });

  test("take one place at a time: another's request comes between two of them", async () => {
    const { answer, begun, go } = holding();
    const { ask, engine, prompts } = setUp(answer);
    const all = (await ask(["hang", "b"])).run();
    await begun;
    const other = engine.admit(completion("other"), caller({ fingerprint: "o" }), never);
    expect(engine.load()).toEqual({ running: 1, waiting: 1 });
    go.resolve();
    expect((await (await other).run()).outcome).toBe("done");
    expect((await all).outcome).toBe("done");
    expect(prompts).toEqual(["hang", "other", "b"]);
  });

  test("have the memory of their answers counted until all are there", async () => {
    const { answer, begun, go } = holding();
    const { ask, buffers } = setUp(answer);
    const all = (await ask(["12345", "hang"])).run();
    await begun;
    // The answer to the first, and the body that both are from.
    expect(buffers.used).toBe("12345!".length * 2 + 2);
    go.resolve();
    await all;
    expect(buffers.used).toBe(0);
  });
});

describe("several prompts end in a failure", () => {
  test("which is the first one's refusal as it is, before anything has begun", async () => {
    const { ask, prompts } = setUp(says, 0);
    const refusal = await ask(["a", "b"]).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "rate_limited" });
    expect(refusal).not.toBeInstanceOf(ListError);
    expect(prompts).toEqual([]);
  });

  test.each([
    [["fail", "b", "c"], "Prompt 1 of 3: It fell over.", ["fail"]],
    [["a", "fail", "c"], "Prompt 2 of 3: It fell over.", ["a", "fail"]],
    [["a", "b", "fail"], "Prompt 3 of 3: It fell over.", ["a", "b", "fail"]],
  ])("where one of them fails: %j", async (texts, message, ran) => {
    const { ask, prompts, records } = setUp();
    const end = await (await ask(texts)).run();
    expect(end).toMatchObject({ outcome: "error", error: { code: "agent_error", message } });
    expect(end.outcome !== "done" && end.error).toBeInstanceOf(ListError);
    expect(prompts).toEqual(ran);
    expect(records).toHaveLength(ran.length);
  });

  test("where a limit is reached, and nothing more is counted", async () => {
    const { ask, prompts, engine } = setUp(says, 2);
    const end = await (await ask(["a", "b", "c", "d"])).run();
    expect(end).toMatchObject({ outcome: "refused", neverRan: true, before: [{}, {}] });
    expect(end.outcome !== "done" && end.error.message).toStartWith("Prompt 3 of 4: ");
    expect(prompts).toEqual(["a", "b"]);
    expect(engine.load()).toEqual({ running: 0, waiting: 0 });
  });

  test("where the client hangs up: the one that runs is stopped, and no other begins", async () => {
    const { answer, begun } = holding();
    const { ask, prompts } = setUp(answer);
    const client = new AbortController();
    const end = (await ask(["a", "hang", "c"], {}, client.signal)).run();
    await begun;
    client.abort();
    expect(await end).toMatchObject({ outcome: "client_cancelled", before: [{}] });
    expect(prompts).toEqual(["a", "hang"]);
  });

  test("where the client hangs up between two of them", async () => {
    const client = new AbortController();
    const { ask, prompts, admitted } = setUp(says, null, () => client.abort());
    const end = await (await ask(["a", "b"], {}, client.signal)).run();
    expect(end).toMatchObject({ outcome: "client_cancelled", before: [{ outcome: "done" }] });
    expect([prompts, admitted.length]).toEqual([["a"], 1]);
  });

  test("where the provider stops: what has not begun is refused", async () => {
    const { answer, begun, go } = holding();
    const { ask, prompts, engine } = setUp(answer);
    const end = (await ask(["hang", "b"])).run();
    await begun;
    const drained = engine.drain();
    go.resolve();
    expect(await end).toMatchObject({ outcome: "shutdown", error: { code: "shutdown" } });
    await drained;
    expect(prompts).toEqual(["hang"]);
  });
});

describe("several prompts are asked again", () => {
  test("after one failed: no agent runs twice, and all is heard again as it was", async () => {
    const { whole, prompts, repeats, clock } = setUp();
    for (let index = 0; index < 3; index += 1) {
      expect(await whole(["a", "b", "fail", "d"])).toBe("Prompt 3 of 4: It fell over.");
      clock.advance(2_500);
    }
    expect(prompts).toEqual(["a", "b", "fail"]);
    expect(repeats).toHaveLength(6);
    expect(new Set(repeats.map((each) => each.repeats)).size).toBe(3);
    clock.advance(8_000);
    await whole(["a", "b", "fail", "d"]);
    expect(prompts).toHaveLength(6);
  });

  test("after a limit was reached: only what has not run yet runs", async () => {
    const { whole, prompts, clock } = setUp(says, 2);
    expect(await whole(["a", "b", "c"], { retryCount: 0 })).toStartWith("Prompt 3 of 3: ");
    expect(await whole(["a", "b", "c"], { retryCount: 0 })).toStartWith("Prompt 3 of 3: ");
    clock.advance(59_000);
    expect(await whole(["a", "b", "c"], { retryCount: 1 })).toStartWith("Prompt 3 of 3: ");
    clock.advance(1_000);
    expect(await whole(["a", "b", "c"], { retryCount: 2 })).toEqual(["a!", "b!", "c!"]);
    expect(prompts).toEqual(["a", "b", "c"]);
  });

  test("after the client hung up: what had been answered is heard again", async () => {
    const { answer, begun } = holding();
    const { ask, prompts } = setUp(answer);
    const client = new AbortController();
    const end = (await ask(["a", "hang"], {}, client.signal)).run();
    await begun;
    client.abort();
    await end;
    const heard: TurnEvent[] = [];
    const again = await ask(["a", "hang"]);
    await again.run((event) => void heard.push(event));
    expect(heard[0]).toEqual({ type: "text-delta", text: "a!" });
    expect(prompts).toEqual(["a", "hang", "hang"]);
  });

  test.each([
    ["counts its attempts", { retryCount: 1 }],
    ["names its request", { idempotencyKey: "once" }],
  ])("while they run, by a client that %s: it hears of all of them", async (_what, fields) => {
    const { answer, begun, go } = holding();
    const { whole, prompts, clock } = setUp(answer);
    const first = whole(["a", "hang", "c"], { ...fields, retryCount: 0 });
    await begun;
    clock.advance(100_000);
    const second = whole(["a", "hang", "c"], fields);
    go.resolve();
    expect([await first, await second]).toEqual([
      ["a!", "hang!", "c!"],
      ["a!", "hang!", "c!"],
    ]);
    expect(prompts).toEqual(["a", "hang", "c"]);
  });

  test("after all were answered: it is a new request, unless the client says otherwise", async () => {
    const { whole, prompts } = setUp();
    const answer = ["a!", "b!"];
    expect(await whole(["a", "b"])).toEqual(answer);
    expect(await whole(["a", "b"], { retryCount: 1 })).toEqual(answer);
    expect(prompts).toHaveLength(2);
    expect(await whole(["a", "b"])).toEqual(answer);
    expect(prompts).toHaveLength(4);
  });
});
