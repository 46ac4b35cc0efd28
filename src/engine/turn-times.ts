// How long turns take, measured, and from that how long one has to wait. Pure: durations come in, estimates come out.

import type { Crowding, RoomLimits, Standing } from "./fair-queue.ts";

export interface TurnTimes {
  /** A turn gave its room back after `ms`. */
  ended(sessionId: string, ms: number): void;
  /** `undefined` before a turn of this agent has ended: then nothing is known. */
  meanMs(sessionId: string): number | undefined;
}

/** How much the latest turn counts: enough to follow an agent that gets slower, too little to jump with every turn. */
const LATEST_SHARE = 0.2;
const REMEMBERED_SESSIONS = 1_000;

export function createTurnTimes(): TurnTimes {
  const means = new Map<string, number>();
  return {
    ended: (sessionId, ms) => {
      const before = means.get(sessionId);
      if (before === undefined && means.size >= REMEMBERED_SESSIONS) {
        const [oldest] = means.keys();
        if (oldest !== undefined) means.delete(oldest);
      }
      means.set(sessionId, before === undefined ? ms : before + LATEST_SHARE * (ms - before));
    },
    meanMs: (sessionId) => means.get(sessionId),
  };
}

/** In milliseconds, as if the turns that run ended at a steady rate. The tightest of the limits counts. */
export function estimateWait(
  meanMs: number,
  { position, ownPosition }: Standing,
  { crowding, limits }: { readonly crowding: Crowding; readonly limits: RoomLimits },
): number {
  const byAgent = crowding.agent ? position / limits.turnsPerAgent : 0;
  const byKey = crowding.key ? ownPosition / limits.turnsPerKey : 0;
  const byTotal = crowding.total ? position / limits.turnsInFlight : 0;
  return Math.ceil(meanMs * Math.max(byAgent, byKey, byTotal));
}
