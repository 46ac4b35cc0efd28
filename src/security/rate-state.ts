// Where a subject stands with its limits, and why a request is refused, in words. Pure.

import { AppError } from "../core/error.ts";
import type { RateState, RateSubject } from "../core/ports.ts";
import type { RateAccount } from "./rate-accounts.ts";
import { emptyIn, usedAt, waitFor } from "./sliding-window.ts";
import type { SlidingWindow } from "./sliding-window.ts";

export const NO_LIMITS: RateState = {
  limitRequests: null,
  remainingRequests: null,
  resetRequestsMs: 0,
  limitTokens: null,
  remainingTokens: null,
  resetTokensMs: 0,
};

export function isLimited(subject: RateSubject): boolean {
  return subject.requestsPerMinute !== null || subject.tokensPerMinute !== null;
}

/** No account: nothing is used. */
export function stateOf(
  subject: RateSubject,
  account: RateAccount | undefined,
  now: number,
): RateState {
  const { requestsPerMinute, tokensPerMinute } = subject;
  return {
    limitRequests: requestsPerMinute,
    remainingRequests: remaining(requestsPerMinute, account?.requests, now),
    resetRequestsMs: reset(requestsPerMinute, account?.requests, now),
    limitTokens: tokensPerMinute,
    remainingTokens: remaining(tokensPerMinute, account?.tokens, now),
    resetTokensMs: reset(tokensPerMinute, account?.tokens, now),
  };
}

function remaining(
  limit: number | null,
  window: SlidingWindow | undefined,
  now: number,
): number | null {
  if (limit === null || window === undefined) return limit;
  return Math.max(0, limit - usedAt(window, now));
}

function reset(limit: number | null, window: SlidingWindow | undefined, now: number): number {
  return limit === null || window === undefined ? 0 : emptyIn(window, now);
}

/** What is left, as a share of the limit: of requests or of tokens, whichever is less. */
export function shareLeft(state: RateState): number {
  return Math.min(
    share(state.remainingRequests, state.limitRequests),
    share(state.remainingTokens, state.limitTokens),
  );
}

function share(left: number | null, limit: number | null): number {
  if (left === null || limit === null) return 1;
  return limit > 0 ? left / limit : 0;
}

/** A limit that a request would break. `waitMs` is infinite where the request alone is over it. */
export interface Obstacle {
  readonly kind: RateSubject["kind"];
  readonly unit: "requests" | "tokens";
  readonly limit: number;
  readonly amount: number;
  readonly waitMs: number;
}

/** The one of the subject's limits that stands in the way the longest, if any does. */
export function obstacleFor(
  subject: RateSubject,
  account: RateAccount | undefined,
  tokens: number,
  now: number,
): Obstacle | undefined {
  const { kind, requestsPerMinute, tokensPerMinute } = subject;
  return longer(
    obstacle({ kind, unit: "requests", limit: requestsPerMinute, amount: 1 }, account, now),
    obstacle({ kind, unit: "tokens", limit: tokensPerMinute, amount: tokens }, account, now),
  );
}

export function longer(a: Obstacle | undefined, b: Obstacle | undefined): Obstacle | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.waitMs > a.waitMs ? b : a;
}

function obstacle(
  asked: Omit<Obstacle, "waitMs" | "limit"> & { readonly limit: number | null },
  account: RateAccount | undefined,
  now: number,
): Obstacle | undefined {
  const { kind, unit, limit, amount } = asked;
  // Nothing needs no room, even where settled tokens went over the limit.
  if (limit === null || amount === 0) return undefined;
  if (amount > limit) return { kind, unit, limit, amount, waitMs: Number.POSITIVE_INFINITY };
  if (account === undefined) return undefined;
  const window = account[unit];
  const excess = usedAt(window, now) + amount - limit;
  if (excess <= 0) return undefined;
  return { kind, unit, limit, amount, waitMs: waitFor(window, excess, now) };
}

export function refusalOf({ kind, unit, limit, amount, waitMs }: Obstacle): AppError {
  const who = kind === "key" ? "This client" : "This session";
  const rule = `${who} may ${unit === "requests" ? "send" : "use"} ${limit} ${unit} a minute`;
  if (Number.isFinite(waitMs)) {
    const seconds = Math.ceil(waitMs / 1_000);
    return new AppError("rate_limited", `${rule}. Try again in ${seconds} s.`, {
      retryAfterMs: waitMs,
    });
  }
  const advice = unit === "tokens" ? " Shorten the prompt, or ask for a smaller max_tokens." : "";
  return new AppError(
    "rate_limited",
    `${rule}, and this request alone counts ${amount}: trying again cannot help.${advice}`,
  );
}
