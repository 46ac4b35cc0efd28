// Whether an upstream is worth asking: set aside after a failure, for longer each time; back once it has answered.
// A machine without a clock or a timer: moments come in as monotonic milliseconds.

/** `up`; `aside`: only when nobody else can; `resting`: it asked to be left alone, and is. */
export type Standing = "up" | "aside" | "resting";

export interface Health {
  standing(now: number): Standing;
  /** Until it may be asked again, in milliseconds; 0 when it may. */
  restMs(now: number): number;
  /** Whether it was heard of in the last `ms`. */
  isFresh(now: number, ms: number): boolean;
  /** It took a turn. */
  answered(now: number): void;
  /** It gave its list of models: it is there, which says nothing yet of turns. */
  reached(now: number): void;
  /** `fraction` (0 to 1) is the jitter. Answers with the time after which it should be looked at, in milliseconds. */
  failed(now: number, fraction: number, retryAfterMs?: number): number;
}

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** Half of a delay is certain, the other half chance: many that lost one server do not come back at once. */
const JITTER = 0.5;

export function createHealth(): Health {
  let failures = 0;
  let isAside = false;
  let restsUntil = Number.NEGATIVE_INFINITY;
  let heardAt = Number.NEGATIVE_INFINITY;

  function reached(now: number): void {
    isAside = false;
    heardAt = now;
  }

  return {
    standing: (now) => (now < restsUntil ? "resting" : isAside ? "aside" : "up"),
    restMs: (now) => Math.max(0, restsUntil - now),
    isFresh: (now, ms) => now - heardAt < ms,
    reached,
    answered(now) {
      failures = 0;
      restsUntil = Number.NEGATIVE_INFINITY;
      reached(now);
    },
    failed(now, fraction, retryAfterMs) {
      const longest = Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS);
      const delay = Math.ceil(longest * (1 - JITTER + JITTER * fraction));
      failures = Math.min(failures + 1, 30);
      isAside = true;
      heardAt = Number.NEGATIVE_INFINITY;
      if (retryAfterMs === undefined) return delay;
      restsUntil = Math.max(restsUntil, now + retryAfterMs);
      return Math.max(delay, retryAfterMs);
    },
  };
}
