// What a request counts against its key's and its session's limits: reserved before it runs, settled by its end.

import type { RateLimiter, RateSubject, Reservation } from "../core/ports.ts";
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

export interface RateGate {
  /** @throws AppError rate_limited */
  reserve(
    who: { readonly keyId: string; readonly peer: string; readonly sessionId: string },
    request: TurnRequest,
  ): Reservation;
}

/** `rates` is read at every request, so that a changed configuration holds from the next one on. */
export function createRateGate(limiter: RateLimiter, rates: () => Rates): RateGate {
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
      return limiter.reserve([key, session], reservationFor(request, now.reserveTokens));
    },
  };
}

/** What an agent spent counts, be the turn done or broken off; what never reached one is given back. */
export function settleRates(
  reservation: Reservation,
  request: TurnRequest | ResumeRequest,
  end: TurnEnd,
): void {
  if (end.outcome === "refused") return reservation.refund();
  const { promptTokens, completionTokens } = end.usage ?? estimateUsage(request, end.answered);
  return reservation.settle(promptTokens + completionTokens);
}
