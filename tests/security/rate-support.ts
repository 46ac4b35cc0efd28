// For tests of the limiter: subjects, refusals, a seeded chance, and the same limits by brute force.

import { AppError } from "../../src/core/error.ts";
import type { RateLimiter, RateSubject, Reservation } from "../../src/core/ports.ts";

export function aKey(
  id: string,
  requestsPerMinute: number | null,
  tokensPerMinute: number | null = null,
): RateSubject {
  return { kind: "key", id, requestsPerMinute, tokensPerMinute };
}

export function aSession(
  id: string,
  requestsPerMinute: number | null,
  tokensPerMinute: number | null = null,
): RateSubject {
  return { kind: "session", id, requestsPerMinute, tokensPerMinute };
}

/** The reservation, or the refusal. */
export function attempt(
  limiter: RateLimiter,
  subjects: readonly RateSubject[],
  tokens: number,
): Reservation | AppError {
  try {
    return limiter.reserve(subjects, tokens);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

export function refusal(
  limiter: RateLimiter,
  subjects: readonly RateSubject[],
  tokens: number,
): AppError {
  const answer = attempt(limiter, subjects, tokens);
  if (!(answer instanceof AppError)) throw new Error("It was let through.");
  return answer;
}

/** Mulberry32: 0 ≤ x < 1, the same from the same seed. */
export function createChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Something that counted for a subject. `tokens` changes as it is settled; a refunded one counts nothing. */
export interface Past {
  readonly at: number;
  readonly id: string;
  requests: number;
  tokens: number;
  /** Tokens settled over what was reserved: counted, but never asked for. */
  readonly isExtra: boolean;
}

/** Keeps everything that ever happened, and adds it up anew for each question. */
export class BruteForce {
  readonly all: Past[] = [];
  #first = 0;

  add(past: Past): Past {
    this.all.push(past);
    return past;
  }

  /** What counts of the last `windowMs` milliseconds: of (now - windowMs, now]. */
  used(id: string, unit: "requests" | "tokens", now: number, windowMs: number): number {
    while ((this.all[this.#first]?.at ?? now) < now - 200_000) this.#first += 1;
    let sum = 0;
    for (let index = this.#first; index < this.all.length; index++) {
      const past = this.all[index]!;
      if (past.id === id && past.at + windowMs > now) sum += past[unit];
    }
    return sum;
  }

  /** Milliseconds until nothing counts any more. */
  reset(id: string, unit: "requests" | "tokens", now: number): number {
    const newest = this.all.findLast((past) => past.id === id && past[unit] > 0);
    return Math.max(0, (newest?.at ?? Number.NEGATIVE_INFINITY) + 60_000 - now);
  }

  /** The most that was admitted in any 60 seconds of the whole history, as [t, t + 60,000). */
  most(id: string, unit: "requests" | "tokens"): number {
    const admitted = this.all.filter((past) => past.id === id && !past.isExtra);
    let most = 0;
    let sum = 0;
    let oldest = 0;
    for (const past of admitted) {
      sum += past[unit];
      while (admitted[oldest]!.at + 60_000 <= past.at) sum -= admitted[oldest++]![unit];
      most = Math.max(most, sum);
    }
    return most;
  }
}
