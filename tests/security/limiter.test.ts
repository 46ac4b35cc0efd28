import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import { createLimiter } from "../../src/security/limiter.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { aKey, aSession, attempt, refusal } from "./rate-support.ts";

function aLimiter(maxSubjects?: number) {
  const clock = createFakeClock();
  return { clock, limiter: createLimiter({ clock, ...(maxSubjects && { maxSubjects }) }) };
}

describe("requests per minute", () => {
  const key = aKey("k", 3);

  test("are let through up to the limit, and again when the first are a minute old", () => {
    const { clock, limiter } = aLimiter();
    limiter.reserve([key], 10);
    clock.advance(20_000);
    limiter.reserve([key], 10);
    limiter.reserve([key], 10);
    clock.advance(10_000);
    const error = refusal(limiter, [key], 10);
    expect([error.code, error.retryAfterMs]).toEqual(["rate_limited", 30_000]);
    expect(error.message).toBe("This client may send 3 requests a minute. Try again in 30 s.");
    clock.advance(29_999);
    expect(refusal(limiter, [key], 10).retryAfterMs).toBe(1);
    clock.advance(1);
    limiter.reserve([key], 10);
    expect(refusal(limiter, [key], 10).retryAfterMs).toBe(20_000);
  });

  test("are not counted when they are refused", () => {
    const { clock, limiter } = aLimiter();
    for (let count = 0; count < 3; count++) limiter.reserve([key], 0);
    for (let count = 0; count < 50; count++) refusal(limiter, [key], 0);
    clock.advance(60_000);
    expect(limiter.look(key).remainingRequests).toBe(3);
  });

  test("are never doubled across the edge of a minute, as counting by fixed windows would", () => {
    // A counter that starts with the first request, and starts again when its minute is over.
    let startedAt = Number.NEGATIVE_INFINITY;
    let counted = 0;
    const fixed = (now: number, limit: number): boolean => {
      if (now >= startedAt + 60_000) [startedAt, counted] = [now, 0];
      return ++counted <= limit;
    };
    const { clock, limiter } = aLimiter();
    const ten = aKey("ten", 10);
    const arrivals = [0, ...Array.from({ length: 9 }, () => 59_000), ...Array(10).fill(60_000)];
    const admitted = { fixed: 0, sliding: 0 };
    for (const at of arrivals) {
      clock.advance(at - clock.monotonic());
      const isLast = at >= 59_000;
      if (fixed(at, 10) && isLast) admitted.fixed += 1;
      if (!(attempt(limiter, [ten], 0) instanceof AppError) && isLast) admitted.sliding += 1;
    }
    // Within one second: 19 against the 10 that were agreed.
    expect(admitted).toEqual({ fixed: 19, sliding: 10 });
  });

  test("of a limit that was lowered or raised meanwhile are counted on", () => {
    const { limiter } = aLimiter();
    for (let count = 0; count < 3; count++) limiter.reserve([key], 0);
    expect(limiter.look(aKey("k", 2)).remainingRequests).toBe(0);
    expect(refusal(limiter, [aKey("k", 2)], 0).retryAfterMs).toBe(60_000);
    expect(limiter.reserve([aKey("k", 5)], 0).state.remainingRequests).toBe(1);
  });
});

describe("tokens per minute", () => {
  const key = aKey("k", null, 1_000);

  test("are reserved, and what was not used is given back", () => {
    const { clock, limiter } = aLimiter();
    const reservation = limiter.reserve([key], 900);
    expect(reservation.state.remainingTokens).toBe(100);
    expect(refusal(limiter, [key], 101).retryAfterMs).toBe(60_000);
    clock.advance(5_000);
    reservation.settle(250);
    expect(limiter.look(key).remainingTokens).toBe(750);
  });

  test("that were used beyond what was reserved count from the end of the turn on", () => {
    const { clock, limiter } = aLimiter();
    const reservation = limiter.reserve([key], 500);
    clock.advance(30_000);
    reservation.settle(1_400);
    expect(limiter.look(key)).toMatchObject({ remainingTokens: 0, resetTokensMs: 60_000 });
    // 500 leave after 30 s: of the 900 that stay, 100 are free.
    expect(refusal(limiter, [key], 100).retryAfterMs).toBe(30_000);
    expect(refusal(limiter, [key], 101).retryAfterMs).toBe(60_000);
    clock.advance(30_000);
    expect(limiter.look(key).remainingTokens).toBe(100);
    limiter.reserve([key], 100);
  });

  test("stay as reserved where the agent does not say what it used", () => {
    const { limiter } = aLimiter();
    limiter.reserve([key], 600).settle(undefined);
    expect(limiter.look(key).remainingTokens).toBe(400);
  });

  test("of a turn longer than a minute give nothing back, and only the rest counts", () => {
    const { clock, limiter } = aLimiter();
    const shorter = limiter.reserve([key], 400);
    const longer = limiter.reserve([key], 400);
    clock.advance(90_000);
    shorter.settle(10);
    expect(limiter.look(key).remainingTokens).toBe(1_000);
    longer.settle(700);
    expect(limiter.look(key).remainingTokens).toBe(700);
  });

  test("over the whole limit are refused for good, and the message says what to do", () => {
    const { limiter } = aLimiter();
    const error = refusal(limiter, [key], 1_001);
    expect([error.code, error.retryAfterMs]).toEqual(["rate_limited", undefined]);
    expect(error.message).toBe(
      "This client may use 1000 tokens a minute, and this request alone counts 1001: trying again cannot help. " +
        "Shorten the prompt, or ask for a smaller max_tokens.",
    );
    limiter.reserve([key], 1_000);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -5, 1e300, 0.5])(
    "are counted soundly when an agent claims to have used %p",
    (claimed) => {
      const { clock, limiter } = aLimiter();
      limiter.reserve([key], 100).settle(claimed);
      const { remainingTokens } = limiter.look(key);
      expect(Number.isInteger(remainingTokens)).toBe(true);
      clock.advance(60_000);
      expect(limiter.look(key).remainingTokens).toBe(1_000);
      limiter.reserve([key], 1_000);
      expect(limiter.look(key).remainingTokens).toBe(0);
    },
  );

  test("are let through without any where none are needed, even over the limit", () => {
    const { limiter } = aLimiter();
    limiter.reserve([key], 10).settle(5_000);
    expect(limiter.reserve([key], 0).state.remainingTokens).toBe(0);
  });
});

describe("a reservation", () => {
  const key = aKey("k", 10, 1_000);
  const session = aSession("s", 2, 5_000);

  test("is given back whole by a refund", () => {
    const { limiter } = aLimiter();
    limiter.reserve([key], 100);
    const before = limiter.look(key);
    limiter.reserve([key], 300).refund();
    expect(limiter.look(key)).toEqual(before);
  });

  test("ends once: what comes later does nothing", () => {
    const { limiter } = aLimiter();
    const settled = limiter.reserve([key], 100);
    settled.settle(50);
    settled.settle(500);
    settled.refund();
    expect(limiter.look(key)).toMatchObject({ remainingRequests: 9, remainingTokens: 950 });
    const refunded = limiter.reserve([key], 100);
    refunded.refund();
    refunded.settle(700);
    expect(limiter.look(key)).toMatchObject({ remainingRequests: 9, remainingTokens: 950 });
  });

  test("counts for all subjects or for none", () => {
    const { limiter } = aLimiter();
    limiter.reserve([key, session], 10);
    limiter.reserve([key, session], 10);
    const before = limiter.look(key);
    const error = refusal(limiter, [key, session], 10);
    expect(error.message).toBe("This session may send 2 requests a minute. Try again in 60 s.");
    expect(limiter.look(key)).toEqual(before);
  });

  test("waits for the slowest of its subjects", () => {
    const { clock, limiter } = aLimiter();
    const one = aKey("one", 1);
    const other = aSession("one", 1);
    limiter.reserve([one], 0);
    clock.advance(7_000);
    limiter.reserve([other], 0);
    expect(refusal(limiter, [one], 0).retryAfterMs).toBe(53_000);
    expect(refusal(limiter, [one, other], 0).retryAfterMs).toBe(60_000);
    expect(refusal(limiter, [other, one], 0).retryAfterMs).toBe(60_000);
  });

  test("shows the subject that is closest to its limits", () => {
    const { limiter } = aLimiter();
    expect(limiter.reserve([key, session], 10).state.limitRequests).toBe(2);
    expect(limiter.reserve([key, session], 850).state.limitRequests).toBe(2);
    expect(limiter.reserve([key, aSession("s2", null)], 100).state).toEqual({
      limitRequests: 10,
      remainingRequests: 7,
      resetRequestsMs: 60_000,
      limitTokens: 1_000,
      remainingTokens: 40,
      resetTokensMs: 60_000,
    });
  });

  test("charges a subject that is named twice once", () => {
    const { limiter } = aLimiter();
    limiter.reserve([key, key], 100);
    expect(limiter.look(key)).toMatchObject({ remainingRequests: 9, remainingTokens: 900 });
  });

  test("without any limit costs nothing and keeps nothing", () => {
    const { limiter } = aLimiter(1);
    for (let count = 0; count < 10; count++) {
      const reservation = limiter.reserve([aKey(`k${count}`, null)], 1e12);
      reservation.settle(5);
      reservation.refund();
      expect(reservation.state).toMatchObject({ limitRequests: null, remainingTokens: null });
    }
    limiter.reserve([aKey("last", 1)], 0);
    expect(limiter.look(aKey("last", 1)).remainingRequests).toBe(0);
  });
});

describe("the number of subjects", () => {
  test("is bounded: beyond it a new one is refused until an old one counts nothing", () => {
    const { clock, limiter } = aLimiter(2);
    limiter.reserve([aKey("a", 5)], 0);
    clock.advance(10_000);
    limiter.reserve([aKey("b", 5)], 0);
    const error = refusal(limiter, [aKey("c", 5)], 0);
    expect([error.code, error.retryAfterMs]).toEqual(["too_busy", 50_000]);
    clock.advance(49_999);
    expect(refusal(limiter, [aKey("c", 5)], 0).retryAfterMs).toBe(1);
    clock.advance(1);
    limiter.reserve([aKey("c", 5)], 0);
    expect(refusal(limiter, [aKey("d", 5), aSession("d", 5)], 0).retryAfterMs).toBe(60_000);
  });

  test("never makes one forgotten that still counts", () => {
    const { clock, limiter } = aLimiter(2);
    limiter.reserve([aKey("a", 1)], 0);
    for (let count = 0; count < 100; count++) {
      clock.advance(500);
      attempt(limiter, [aKey(`x${count}`, 1)], 0);
    }
    expect(limiter.look(aKey("a", 1)).remainingRequests).toBe(0);
  });

  test("holds an idle subject's settled tokens, too", () => {
    const { clock, limiter } = aLimiter(1);
    const key = aKey("a", 5, 1_000);
    const reservation = limiter.reserve([key], 100);
    clock.advance(70_000);
    limiter.reserve([aKey("b", 5)], 0);
    reservation.settle(600);
    expect(limiter.look(key).remainingTokens).toBe(500);
  });
});
