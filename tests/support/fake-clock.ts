// A clock that stands still until the test moves it. Timers fire in the order of their times.

import type { Clock, Random } from "../../src/core/ports.ts";

export interface FakeClock extends Clock {
  /** Moves monotonic and wall time, firing what falls due. */
  advance(ms: number): void;
  /** Moves the wall clock only, as when somebody sets it. */
  setWall(now: number): void;
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
}

export function createFakeClock(startAt = 1_700_000_000_000): FakeClock {
  let monotonic = 0;
  let wall = startAt;
  const timers = new Set<{ at: number; callback: () => void }>();

  function due(until: number): { at: number; callback: () => void } | undefined {
    return [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
  }

  return {
    now: () => wall,
    monotonic: () => monotonic,
    timer: (ms, callback) => {
      const timer = { at: monotonic + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    soon: queueMicrotask,
    advance: (ms) => {
      const until = monotonic + ms;
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        timers.delete(timer);
        wall += timer.at - monotonic;
        monotonic = timer.at;
        timer.callback();
      }
      wall += until - monotonic;
      monotonic = until;
    },
    setWall: (now) => {
      wall = now;
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Ids that count up: unguessable ones make poor tests. */
export function createFakeRandom(): Random {
  let count = 0;
  return {
    id: (prefix) => `${prefix}${(count += 1)}`,
    secret: () => `mlp_${String((count += 1)).padStart(43, "0")}`,
    fraction: () => 0.5,
  };
}
