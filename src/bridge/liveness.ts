// Whether the other end is still there: pings, the wait for an answer, patience after our own stall, and a limit on
// pings from the peer. Pure: time is passed in. Any inbound frame counts as a sign of life.

export interface LinkTimes {
  /** How long the hub waits for `hello`. */
  readonly helloMs: number;
  /** How long a dialler waits for `welcome`: the hub may have to ask its store. */
  readonly welcomeMs: number;
  readonly pingMs: number;
  readonly pongMs: number;
  /** A tick this much late means that we stood still, not the peer: what it sent may wait unread. */
  readonly stallMs: number;
  /** Pings that a peer may send at once, and how long until it may send one more. */
  readonly pingBurst: number;
  readonly pingRefillMs: number;
}

export const DEFAULT_TIMES: LinkTimes = {
  helloMs: 5_000,
  welcomeMs: 10_000,
  pingMs: 30_000,
  pongMs: 10_000,
  stallMs: 1_000,
  pingBurst: 20,
  pingRefillMs: 1_000,
};

/** `wait`: nothing to do for so long. `ping`: send one, then wait. `dead`: the peer is gone. */
export type Verdict =
  | { readonly verdict: "wait"; readonly ms: number }
  | { readonly verdict: "ping"; readonly ms: number }
  | { readonly verdict: "dead" };

export interface Liveness {
  readonly lastHeardAt: number | undefined;
  heard(at: number): void;
  /** Waits `ms` for the first word: `tick` then says `dead`. */
  expect(at: number, ms: number): Verdict;
  /** From now on: pings. */
  watch(at: number): Verdict;
  tick(at: number): Verdict;
  /** Whether the peer may send this ping. */
  mayPing(at: number): boolean;
}

export function createLiveness(times: LinkTimes): Liveness {
  let due = 0;
  let mode: "expecting" | "quiet" | "pinged" = "quiet";
  let heardSince = false;
  let lastHeardAt: number | undefined;
  let pings = times.pingBurst;
  let pingsAt = 0;

  function wait(at: number, ms: number): Verdict {
    due = at + ms;
    return { verdict: "wait", ms };
  }

  function expect(at: number, ms: number): Verdict {
    mode = "expecting";
    heardSince = false;
    return wait(at, ms);
  }

  function watch(at: number): Verdict {
    mode = "quiet";
    return wait(at, times.pingMs);
  }

  function tick(at: number): Verdict {
    const stalled = at - due > times.stallMs;
    if (mode === "quiet") {
      mode = "pinged";
      heardSince = false;
      due = at + times.pongMs;
      return { verdict: "ping", ms: times.pongMs };
    }
    if (mode === "pinged" && heardSince) {
      mode = "quiet";
      return wait(at, Math.max(times.pingMs - times.pongMs, 1));
    }
    return stalled ? wait(at, times.pongMs) : { verdict: "dead" };
  }

  function mayPing(at: number): boolean {
    pings = Math.min(times.pingBurst, pings + (at - pingsAt) / times.pingRefillMs);
    pingsAt = at;
    if (pings < 1) return false;
    pings -= 1;
    return true;
  }

  return {
    get lastHeardAt() {
      return lastHeardAt;
    },
    heard: (at) => {
      heardSince = true;
      lastHeardAt = at;
    },
    expect,
    watch,
    tick,
    mayPing,
  };
}
