// Where a connector keeps what it needs to go on with a parked turn: bounded, and each place expires.
// Needs no timer: what has expired is thrown out when somebody comes by.

import { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";

export interface ParkingLot<T> {
  /** Drops the oldest when the lot is full. */
  put(turnId: string, sessionId: string, value: T): void;
  /** Hands it out once, to its own session. Throws `AppError` `parked_turn_unknown`. */
  take(turnId: string, sessionId: string): T;
}

export interface ParkingLotOptions {
  readonly clock: Clock;
  /** How many turns may wait. */
  readonly places: number;
  /** How long one may wait, in milliseconds. */
  readonly keepMs: number;
}

export function createParkingLot<T>(options: ParkingLotOptions): ParkingLot<T> {
  const { clock, places, keepMs } = options;
  const parked = new Map<string, { sessionId: string; value: T; until: number }>();

  /** Every turn waits equally long, so the map is in the order of expiry. */
  function sweep(room: number): void {
    const now = clock.monotonic();
    for (const [turnId, { until }] of parked) {
      if (until > now && parked.size <= room) break;
      parked.delete(turnId);
    }
  }

  function put(turnId: string, sessionId: string, value: T): void {
    sweep(places - 1);
    parked.set(turnId, { sessionId, value, until: clock.monotonic() + keepMs });
  }

  function take(turnId: string, sessionId: string): T {
    sweep(places);
    const place = parked.get(turnId);
    if (place === undefined || place.sessionId !== sessionId) {
      throw unknownTurn();
    }
    parked.delete(turnId);
    return place.value;
  }

  return { put, take };
}

export function unknownTurn(): AppError {
  return new AppError(
    "parked_turn_unknown",
    "The agent no longer waits for these tool results: send the message again.",
  );
}
