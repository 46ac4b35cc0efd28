// Keeps an eye on the upstreams: each is asked for its models now and then, and one that was set aside when its time is
// over. One timer per upstream, none once it is closed.

import type { Clock } from "../../core/ports.ts";
import type { Upstream } from "./upstream.ts";

export interface Watch {
  /** Looks at each upstream from now on. Until then, and after `close`, nothing is asked. */
  start(): void;
  /** What is known of an upstream has changed: its next look is due at another time. */
  reschedule(upstream: Upstream): void;
  close(): void;
}

export interface WatchDeps {
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
  /** Looks at one, whatever comes of it. Never rejects. */
  readonly look: (upstream: Upstream) => Promise<unknown>;
}

export function createWatch({ upstreams, clock, look }: WatchDeps): Watch {
  const timers = new Map<Upstream, () => void>();
  let isOn = false;

  function reschedule(upstream: Upstream): void {
    timers.get(upstream)?.();
    if (!isOn) return;
    const again = (): void => {
      timers.delete(upstream);
      void look(upstream).then(() => reschedule(upstream));
    };
    timers.set(upstream, clock.timer(upstream.nextLookMs(), again));
  }

  return {
    start() {
      isOn = true;
      for (const upstream of upstreams) reschedule(upstream);
    },
    reschedule,
    close() {
      isOn = false;
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}
