import { describe, expect, test } from "bun:test";
import { createAuthFailures, tooManyWrongKeys } from "../../src/security/auth-failures.ts";
import type { AuthFailures } from "../../src/security/auth-failures.ts";
import { createFakeClock } from "../support/fake-clock.ts";

/** How many of so many wrong keys in a row were one too many. */
function refusedOf(failures: AuthFailures, count: number, peer: string | undefined): number {
  return Array.from({ length: count }, () => failures.failed(peer)).filter(Boolean).length;
}

describe("wrong keys", () => {
  test("are too many from the eleventh of a peer in a minute on", () => {
    const failures = createAuthFailures({ clock: createFakeClock() });
    expect(refusedOf(failures, 10, "192.0.2.1")).toBe(0);
    expect(refusedOf(failures, 5, "192.0.2.1")).toBe(5);
    expect(failures.failed("192.0.2.2")).toBe(false);
  });

  test("are forgiven after a minute, however many came meanwhile", () => {
    const clock = createFakeClock();
    const failures = createAuthFailures({ clock, perMinute: 3 });
    refusedOf(failures, 3, "::1");
    for (let second = 1; second < 60; second++) {
      clock.advance(1_000);
      expect(failures.failed("::1")).toBe(true);
    }
    clock.advance(1_000);
    expect(failures.failed("::1")).toBe(false);
  });

  test("of one peer under two spellings of its address are counted together", () => {
    const failures = createAuthFailures({ clock: createFakeClock(), perMinute: 2 });
    const spellings = ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"];
    expect(spellings.map((peer) => failures.failed(peer))).toEqual([false, false, true]);
  });

  test("of peers beyond the bound share one count, and those that are counted stay counted", () => {
    const clock = createFakeClock();
    const failures = createAuthFailures({ clock, perMinute: 2, maxPeers: 2 });
    refusedOf(failures, 2, "a");
    refusedOf(failures, 1, "b");
    expect(["c", "d", "e", "f"].map((peer) => failures.failed(peer))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([failures.failed("a"), failures.failed("b")]).toEqual([true, false]);
    clock.advance(60_000);
    expect(refusedOf(failures, 3, "c")).toBe(1);
  });

  test("of a peer without an address are counted, too", () => {
    const failures = createAuthFailures({ clock: createFakeClock(), perMinute: 2 });
    expect(refusedOf(failures, 4, undefined)).toBe(2);
  });

  test("are refused without a time to try again after: the key would still be wrong", () => {
    const { code, retryAfterMs } = tooManyWrongKeys();
    expect([code, retryAfterMs]).toEqual(["rate_limited", undefined]);
  });
});
