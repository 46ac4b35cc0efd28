// Requests and tokens per minute, sliding: in no 60 seconds is ever more admitted than a limit says.
// Keeps counts only; limits come with each question, so that changed ones hold at once. Knows neither HTTP nor turns.

import { AppError } from "../core/error.ts";
import type { Clock, RateLimiter, RateState, RateSubject, Reservation } from "../core/ports.ts";
import { createRateAccounts } from "./rate-accounts.ts";
import type { RateAccount } from "./rate-accounts.ts";
import {
  isLimited,
  longer,
  NO_LIMITS,
  obstacleFor,
  refusalOf,
  shareLeft,
  stateOf,
} from "./rate-state.ts";
import type { Obstacle } from "./rate-state.ts";
import { addTo, giveBack } from "./sliding-window.ts";
import type { Mark } from "./sliding-window.ts";

export interface LimiterDeps {
  readonly clock: Pick<Clock, "monotonic">;
  /** Subjects of which something counts at once. Beyond that, new ones are refused as `too_busy`. */
  readonly maxSubjects?: number;
}

const MOST_SUBJECTS = 10_000;

/** More than any limit; keeps sums exact, whatever an agent claims to have used. */
const MOST_TOKENS = 10_000_000_000;

const UNCOUNTED: Reservation = {
  state: NO_LIMITS,
  settle: () => undefined,
  refund: () => undefined,
};

/** What one subject was charged. */
interface Hold {
  readonly subject: RateSubject;
  readonly account: RateAccount;
  readonly request: Mark | undefined;
  readonly tokens: Mark | undefined;
}

/**
 * `reserve` throws rate_limited without `retryAfterMs` where the request alone is over a limit: waiting cannot help.
 * Otherwise the same reservation is good after `retryAfterMs` if nothing else happens; a refused one counts nothing.
 * Tokens settled over what was reserved count from then on, and may put a subject over its limit.
 */
export function createLimiter({ clock, maxSubjects = MOST_SUBJECTS }: LimiterDeps): RateLimiter {
  const accounts = createRateAccounts(maxSubjects);

  function reserve(subjects: readonly RateSubject[], tokens: number): Reservation {
    const limited = subjects.filter(isLimited);
    if (limited.length === 0) return UNCOUNTED;
    const now = clock.monotonic();
    const amount = wholeTokens(tokens);
    refuseUnlessFree(limited, amount, now);
    const holds: Hold[] = [];
    for (const subject of limited) charge(holds, subject, { amount, now });
    return reservationOf(holds, amount, now);
  }

  function refuseUnlessFree(subjects: readonly RateSubject[], amount: number, now: number): void {
    let worst: Obstacle | undefined;
    let isNew = false;
    for (const subject of subjects) {
      const account = accounts.find(subject);
      if (account === undefined) isNew = true;
      worst = longer(worst, obstacleFor(subject, account, amount, now));
    }
    const roomMs = isNew ? accounts.waitForRoom(subjects, now) : 0;
    if (worst !== undefined && worst.waitMs >= roomMs) throw refusalOf(worst);
    if (roomMs > 0) throw tooManySubjects(roomMs);
  }

  /** A subject that is named twice is charged once. */
  function charge(
    holds: Hold[],
    subject: RateSubject,
    { amount, now }: { readonly amount: number; readonly now: number },
  ): void {
    const account = accounts.open(subject);
    if (holds.some((hold) => hold.account === account)) return;
    const { requestsPerMinute, tokensPerMinute } = subject;
    holds.push({
      subject,
      account,
      request: requestsPerMinute === null ? undefined : addTo(account.requests, 1, now),
      tokens: tokensPerMinute === null ? undefined : addTo(account.tokens, amount, now),
    });
  }

  function reservationOf(holds: readonly Hold[], reserved: number, now: number): Reservation {
    let isOpen = true;
    return {
      state: closestState(holds, now),
      settle: (tokens) => {
        if (!isOpen) return;
        isOpen = false;
        if (tokens === undefined || Number.isNaN(tokens)) return;
        settle(holds, wholeTokens(tokens) - reserved);
      },
      refund: () => {
        if (!isOpen) return;
        isOpen = false;
        const later = clock.monotonic();
        for (const hold of holds) {
          giveBack(hold.account.requests, hold.request, 1, later);
          giveBack(hold.account.tokens, hold.tokens, reserved, later);
        }
      },
    };
  }

  function settle(holds: readonly Hold[], more: number): void {
    if (more === 0) return;
    const now = clock.monotonic();
    for (const { subject, account, tokens } of holds) {
      if (subject.tokensPerMinute === null) continue;
      if (more < 0) giveBack(account.tokens, tokens, -more, now);
      // Opened anew: a long turn's subject may have been forgotten meanwhile.
      else addTo(accounts.open(subject).tokens, more, now);
    }
  }

  return {
    reserve,
    look: (subject) =>
      isLimited(subject) ? stateOf(subject, accounts.find(subject), clock.monotonic()) : NO_LIMITS,
  } satisfies RateLimiter;
}

function closestState(holds: readonly Hold[], now: number): RateState {
  let closest = NO_LIMITS;
  for (const { subject, account } of holds) {
    const state = stateOf(subject, account, now);
    if (closest === NO_LIMITS || shareLeft(state) < shareLeft(closest)) closest = state;
  }
  return closest;
}

function wholeTokens(tokens: number): number {
  return tokens > 0 ? Math.min(Math.ceil(tokens), MOST_TOKENS) : 0;
}

function tooManySubjects(waitMs: number): AppError {
  const seconds = Math.ceil(waitMs / 1_000);
  return new AppError(
    "too_busy",
    `Too many different clients in the last minute. Try again in ${seconds} s.`,
    { retryAfterMs: waitMs },
  );
}
