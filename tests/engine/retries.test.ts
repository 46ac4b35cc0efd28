import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnResult } from "../../src/core/event.ts";
import { createRetryGuard, repeatOf } from "../../src/engine/retries.ts";
import type { Attempt, Ending, RetryGuard } from "../../src/engine/retries.ts";
import { createFakeClock } from "../support/fake-clock.ts";

const result: TurnResult = {
  text: "hello",
  reasoning: "",
  toolCalls: [],
  vectors: [],
  finish: { type: "finish", reason: "stop" },
};

function attempt(fields: Partial<Attempt> = {}): Attempt {
  return {
    requestId: "req_1",
    keyId: "k",
    fingerprint: "f",
    idempotencyKey: undefined,
    retryCount: 0,
    ...fields,
  };
}

function setUp(maxTurns = 8) {
  const clock = createFakeClock();
  const guard = createRetryGuard({
    clock,
    repeatMs: 60_000,
    failureMs: 8_000,
    maxTurns,
    maxBytes: 10_000,
  });
  return { clock, guard };
}

const failure = new AppError("agent_lost", "gone");

describe("a recognisable retry", () => {
  test("joins the turn that is still running", () => {
    const { guard } = setUp();
    const memory = guard.remember(attempt());
    memory.started = true;
    expect(guard.find(attempt({ retryCount: 1 }))).toBe(memory);
    expect(guard.find(attempt())).toBeUndefined();
  });

  test("hears the answer again for a minute, and then is a new request", async () => {
    const { guard, clock } = setUp();
    const memory = guard.remember(attempt());
    memory.started = true;
    guard.end(memory, { result });
    const found = guard.find(attempt({ retryCount: 1 }));
    expect(repeatOf(await guard.whenEnded(found!))).toBe(result);
    clock.advance(60_001);
    expect(guard.find(attempt({ retryCount: 1 }))).toBeUndefined();
  });

  test("is a new request when the agent had never started", () => {
    const { guard } = setUp();
    guard.end(guard.remember(attempt({ idempotencyKey: "i" })), { error: failure });
    expect(guard.find(attempt({ retryCount: 2, idempotencyKey: "i" }))).toBeUndefined();
  });

  test("of another key or another body is none", () => {
    const { guard } = setUp();
    guard.remember(attempt()).started = true;
    const other = attempt({ keyId: "other", fingerprint: "other key", retryCount: 1 });
    expect(guard.find(other)).toBeUndefined();
    expect(guard.find(attempt({ fingerprint: "other", retryCount: 1 }))).toBeUndefined();
  });

  test("of a turn that was hung up on is refused instead of run again", async () => {
    const { guard } = setUp();
    const memory = guard.remember(attempt());
    memory.started = true;
    guard.end(memory, { error: new AppError("client_cancelled", "hung up") });
    const found = guard.find(attempt({ retryCount: 1 }));
    const ending = await guard.whenEnded(found!);
    expect(() => repeatOf(ending)).toThrow(expect.objectContaining({ code: "already_ran" }));
  });
});

describe("an Idempotency-Key", () => {
  test("finds its turn with no retry count", () => {
    const { guard } = setUp();
    const memory = guard.remember(attempt({ idempotencyKey: "i" }));
    memory.started = true;
    expect(guard.find(attempt({ idempotencyKey: "i" }))).toBe(memory);
  });

  test("with another body is a conflict", () => {
    const { guard } = setUp();
    guard.remember(attempt({ idempotencyKey: "i" })).started = true;
    expect(() => guard.find(attempt({ idempotencyKey: "i", fingerprint: "g" }))).toThrow(
      expect.objectContaining({ code: "conflict" }),
    );
  });
});

describe("the same request after a failure", () => {
  test("hears the failure again for eight seconds", async () => {
    const { guard, clock } = setUp();
    const memory = guard.remember(attempt());
    memory.started = true;
    guard.end(memory, { error: failure });
    clock.advance(7_999);
    const ending = await guard.whenEnded(guard.find(attempt())!);
    expect(() => repeatOf(ending)).toThrow(failure);
    clock.advance(2);
    expect(guard.find(attempt())).toBeUndefined();
  });

  test("runs at once when the failure was the user's own stop", () => {
    const { guard } = setUp();
    const memory = guard.remember(attempt());
    memory.started = true;
    guard.end(memory, { error: new AppError("client_cancelled", "stopped") });
    expect(guard.find(attempt())).toBeUndefined();
  });
});

test("what is remembered is bounded, and running turns are never forgotten", () => {
  const { guard } = setUp(3);
  const running = guard.remember(attempt({ fingerprint: "running" }));
  running.started = true;
  for (let index = 0; index < 50; index += 1) {
    const memory = guard.remember(attempt({ fingerprint: `f${index}` }));
    memory.started = true;
    guard.end(memory, { result });
  }
  expect(guard.find(attempt({ fingerprint: "running", retryCount: 1 }))).toBe(running);
  expect(guard.find(attempt({ fingerprint: "f0", retryCount: 1 }))).toBeUndefined();
  expect(guard.find(attempt({ fingerprint: "f49", retryCount: 1 }))).toBeDefined();
});

test("what is remembered is bounded though one prompt comes again and again under new keys", () => {
  const { guard } = setUp(3);
  for (let index = 0; index < 50; index += 1) {
    const memory = guard.remember(attempt({ idempotencyKey: `i${index}` }));
    memory.started = true;
    guard.end(memory, { result });
  }
  expect(guard.find(attempt({ idempotencyKey: "i0" }))).toBeUndefined();
  expect(guard.find(attempt({ idempotencyKey: "i48" }))).toBeDefined();
  expect(guard.find(attempt({ idempotencyKey: "i49" }))).toBeDefined();
});

describe("answers that are remembered", () => {
  const vectors: TurnResult = {
    ...result,
    text: "",
    vectors: [Array.from({ length: 500 }, () => 0.1)],
  };

  test.each([
    ["text", { ...result, text: "t".repeat(2_000) }],
    ["vectors", vectors],
  ])("take bounded memory, be they %s: the oldest are no longer there", async (_what, large) => {
    const { guard } = setUp(100);
    for (let index = 0; index < 10; index += 1) {
      const memory = guard.remember(attempt({ fingerprint: `f${index}` }));
      memory.started = true;
      guard.end(memory, { result: large });
    }
    const heard = async (index: number) => {
      const found = guard.find(attempt({ fingerprint: `f${index}`, retryCount: 1 }));
      return guard.whenEnded(found!);
    };
    expect(await heard(9)).toEqual({ result: large });
    expect(await heard(8)).toEqual({ result: large });
    expect(await heard(0)).toEqual({ result: undefined });
  });

  test("leave room again when they are forgotten", async () => {
    const { guard } = setUp(2);
    const large = { ...result, text: "t".repeat(2_000) };
    for (let index = 0; index < 50; index += 1) {
      const memory = guard.remember(attempt({ fingerprint: `f${index}` }));
      memory.started = true;
      // Nobody can ask for the first of two of the same.
      const same = guard.remember(attempt({ fingerprint: `f${index}` }));
      same.started = true;
      guard.end(memory, { result: large });
      guard.end(same, { result: large });
    }
    const last = guard.find(attempt({ fingerprint: "f49", retryCount: 1 }));
    expect(await guard.whenEnded(last!)).toEqual({ result: large });
  });
});

describe("a request of several turns", () => {
  /** One turn after the other; `endings` of those that have begun. */
  function listOf(guard: RetryGuard, ...endings: readonly (Ending | undefined)[]) {
    const list = guard.openList();
    const memories = endings.map((ending, index) => {
      const memory = guard.remember(attempt({ fingerprint: `f #${index + 1}`, list }));
      memory.started = true;
      if (ending !== undefined) guard.end(memory, ending);
      return memory;
    });
    return { list, memories };
  }
  const again = (place: number, fields: Partial<Attempt> = {}) =>
    attempt({ fingerprint: `f #${place}`, ...fields });

  test("that failed is heard of again for eight seconds, what was answered as well", () => {
    const { guard, clock } = setUp();
    const { list, memories } = listOf(guard, { result }, { error: failure });
    // However long ago the first was.
    clock.advance(20_000);
    expect(guard.find(again(1))).toBeUndefined();
    guard.endList(list, true);
    clock.advance(8_000);
    expect(guard.find(again(1))).toBe(memories[0]);
    expect(guard.find(again(2))).toBe(memories[1]);
    clock.advance(1);
    expect(guard.find(again(1))).toBeUndefined();
    expect(guard.find(again(2))).toBeUndefined();
  });

  test("that succeeded may be asked again at once", () => {
    const { guard } = setUp();
    const { list } = listOf(guard, { result }, { result });
    guard.endList(list, false);
    expect(guard.find(again(1))).toBeUndefined();
    expect(guard.find(again(1, { retryCount: 1 }))).toBeDefined();
  });

  test("that its client ended has its answers heard again, and the turn that was stopped run anew", () => {
    const { guard } = setUp();
    const stopped = new AppError("client_cancelled", "hung up");
    const { list, memories } = listOf(guard, { result }, { error: stopped });
    guard.endList(list, true);
    expect(guard.find(again(1))).toBe(memories[0]);
    expect(guard.find(again(2))).toBeUndefined();
  });

  test("keeps all of them for its retries while one runs, and a minute from its end", () => {
    const { guard, clock } = setUp(3);
    const { list, memories } = listOf(guard, { result }, { result }, undefined);
    clock.advance(60_001);
    for (let index = 0; index < 50; index += 1) {
      const other = guard.remember(attempt({ fingerprint: `other ${index}` }));
      other.started = true;
      guard.end(other, { result });
    }
    const retry = { retryCount: 1 };
    expect([1, 2, 3].map((place) => guard.find(again(place, retry)))).toEqual(memories);
    guard.end(memories[2]!, { result });
    guard.endList(list, false);
    clock.advance(60_000);
    expect(guard.find(again(1, retry))).toBe(memories[0]);
    clock.advance(1);
    expect([1, 2, 3].map((place) => guard.find(again(place, retry)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("that only repeats another does not keep its failure for longer", () => {
    const { guard, clock } = setUp();
    guard.endList(listOf(guard, { result }, { error: failure }).list, true);
    clock.advance(5_000);
    const repeating = guard.openList();
    expect(guard.find(again(1, { list: repeating }))).toBeDefined();
    expect(guard.find(again(2, { list: repeating }))).toBeDefined();
    guard.endList(repeating, true);
    clock.advance(3_001);
    expect(guard.find(again(1))).toBeUndefined();
  });

  test("that goes on where another failed keeps what it heard of that one together with its own", () => {
    const { guard, clock } = setUp();
    const first = listOf(guard, { result });
    guard.endList(first.list, true);
    clock.advance(5_000);
    const { list } = first;
    const next = guard.openList();
    expect(guard.find(again(1, { list: next }))).toBe(first.memories[0]);
    const own = guard.remember(again(2, { list: next }));
    own.started = true;
    clock.advance(30_000);
    guard.end(own, { error: failure });
    guard.endList(next, true);
    expect(guard.find(again(1))).toBe(first.memories[0]);
    expect(guard.find(again(2))).toBe(own);
    expect(list.turns.size + next.turns.size).toBe(0);
  });
});
