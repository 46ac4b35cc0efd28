// What a request counts against its key's and its session's limits: reserved before it runs, settled by its end.

import { AppError } from "../core/error.ts";
import type { Clock, RateLimiter, RateState, RateSubject, Reservation } from "../core/ports.ts";
import type { ResumeRequest, TurnRequest } from "../core/turn.ts";
import { reservationFor } from "./admission.ts";
import { estimateUsage } from "./estimate.ts";
import type { TurnEnd } from "./run-turn.ts";

/** Per minute; `null`: no limit. */
export interface Rates {
  readonly keyRequests: number | null;
  readonly keyTokens: number | null;
  readonly sessionRequests: number | null;
  readonly sessionTokens: number | null;
  /** What is reserved for a request that does not say its `max_tokens`. */
  readonly reserveTokens: number;
}

/** A refusal that says where the caller stands with the limit that is the closest. */
export class RateLimitedError extends AppError {
  readonly limits: RateState | undefined;
  /** When, in milliseconds since the epoch. */
  readonly at: number;

  constructor(refusal: AppError, limits: RateState | undefined, at: number) {
    const { retryAfterMs } = refusal;
    super("rate_limited", refusal.message, retryAfterMs === undefined ? {} : { retryAfterMs });
    this.limits = limits;
    this.at = at;
  }
}

export interface RateGate {
  /** @throws RateLimitedError; AppError too_busy where there are too many clients to count */
  reserve(
    who: { readonly keyId: string; readonly peer: string; readonly sessionId: string },
    request: TurnRequest,
  ): Reservation;
}

/** `rates` is read at every request, so that a changed configuration holds from the next one on. */
export function createRateGate(
  limiter: RateLimiter,
  rates: () => Rates,
  clock: Pick<Clock, "now">,
): RateGate {
  return {
    reserve: ({ keyId, peer, sessionId }, request) => {
      const now = rates();
      const key: RateSubject = {
        kind: "key",
        id: keyId === "" ? peer : keyId,
        requestsPerMinute: now.keyRequests,
        tokensPerMinute: now.keyTokens,
      };
      const session: RateSubject = {
        kind: "session",
        id: sessionId,
        requestsPerMinute: now.sessionRequests,
        tokensPerMinute: now.sessionTokens,
      };
      const subjects = [key, session];
      try {
        return limiter.reserve(subjects, reservationFor(request, now.reserveTokens));
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "rate_limited") throw error;
        const states = subjects.map((each) => limiter.look(each));
        throw new RateLimitedError(error, closest(states), clock.now());
      }
    },
  };
}

/** The state with the least of a limit left, as a share of it. */
function closest(states: readonly RateState[]): RateState | undefined {
  return states.toSorted((a, b) => shareLeft(a) - shareLeft(b))[0];
}

function shareLeft(state: RateState): number {
  const share = (left: number | null, limit: number | null): number =>
    left === null || limit === null ? Number.POSITIVE_INFINITY : left / limit;
  return Math.min(
    share(state.remainingRequests, state.limitRequests),
    share(state.remainingTokens, state.limitTokens),
  );
}

/** What an agent spent counts, be the turn done or broken off; what no agent has said a word to is given back. */
export function settleRates(
  reservation: Reservation,
  request: TurnRequest | ResumeRequest,
  end: TurnEnd,
): void {
  if (end.outcome === "refused" && end.firstEventAt === undefined) return reservation.refund();
  const { promptTokens, completionTokens } = end.usage ?? estimateUsage(request, end.answered);
  return reservation.settle(promptTokens + completionTokens);
}
