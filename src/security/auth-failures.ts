// Wrong keys, counted by the peer they came from. Only a wrong key is ever slowed down: a right one works whatever
// happened before, so that neither a web page nor a broken editor can lock the user out.

import { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import { addTo, createSlidingWindow, emptyIn, usedAt } from "./sliding-window.ts";
import type { SlidingWindow } from "./sliding-window.ts";

export interface AuthFailuresDeps {
  readonly clock: Pick<Clock, "monotonic">;
  /** Wrong keys that one peer is told about as such in any 60 seconds. */
  readonly perMinute?: number;
  /** Peers that are counted one by one; those beyond share a single count. */
  readonly maxPeers?: number;
}

export interface AuthFailures {
  /** A wrong key was shown. `true`: one too many, to be answered with `tooManyWrongKeys`. */
  failed(peer: string | undefined): boolean;
}

const PER_MINUTE = 10;
const MOST_PEERS = 1_000;

export function createAuthFailures(deps: AuthFailuresDeps): AuthFailures {
  const { clock, perMinute = PER_MINUTE, maxPeers = MOST_PEERS } = deps;
  const peers = new Map<string, SlidingWindow>();
  const others = createSlidingWindow();
  let noRoomUntil = 0;

  function windowOf(peer: string | undefined, now: number): SlidingWindow {
    if (peer === undefined) return others;
    const name = peer.toLowerCase().replace(/^::ffff:(?=[0-9.]+$)/, "");
    const known = peers.get(name);
    if (known !== undefined) return known;
    if (peers.size >= maxPeers && !makeRoom(now)) return others;
    const window = createSlidingWindow();
    peers.set(name, window);
    return window;
  }

  /** Looks through the peers only when one of them may have been forgiven: a flood must not make each look cost. */
  function makeRoom(now: number): boolean {
    if (now < noRoomUntil) return false;
    let soonest = Number.POSITIVE_INFINITY;
    for (const [name, window] of peers) {
      const wait = emptyIn(window, now);
      if (wait === 0) peers.delete(name);
      else soonest = Math.min(soonest, wait);
    }
    if (peers.size < maxPeers) return true;
    noRoomUntil = now + soonest;
    return false;
  }

  return {
    failed: (peer) => {
      const now = clock.monotonic();
      const window = windowOf(peer, now);
      if (usedAt(window, now) >= perMinute) return true;
      addTo(window, 1, now);
      return false;
    },
  };
}

/** No time to try again after: the same key will still be wrong then. */
export function tooManyWrongKeys(): AppError {
  return new AppError(
    "rate_limited",
    "Too many wrong keys came from this address. Check the key; a right one works at once.",
  );
}
