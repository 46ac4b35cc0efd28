// Calls that belong together: those that an agent makes within a moment are one answer's calls to the editor. Holds
// calls until that moment has passed, and knows nothing of where they go.

import type { Clock } from "../../core/ports.ts";

export interface Gathering<T> {
  /** `false`: there are as many as may wait already. */
  add(call: T): boolean;
  /** Forgets a call that nobody waits for any more; `false`: it is not here. */
  remove(call: T): boolean;
  /** The calls whose moment has passed, in the order in which they came. */
  take(): readonly T[];
  readonly ready: boolean;
  /** Hands out what is there and stops the timer. */
  close(): readonly T[];
}

export interface GatheringOptions {
  readonly clock: Clock;
  /** How long after a call another one still belongs to it, in milliseconds. */
  readonly gatherMs: number;
  readonly most: number;
  /** How many are handed out together. */
  readonly atOnce: number;
  readonly onReady: () => void;
}

/** However many keep coming, the first has waited long enough after this many moments. */
const MOST_MOMENTS = 4;

export function createGathering<T>(options: GatheringOptions): Gathering<T> {
  const { clock, gatherMs, most, atOnce, onReady } = options;
  let calls: T[] = [];
  let ready = false;
  let until = 0;
  let stopTimer = (): void => undefined;

  function close(): readonly T[] {
    stopTimer();
    const rest = calls;
    calls = [];
    ready = false;
    return rest;
  }

  return {
    add: (call) => {
      if (calls.length >= most) return false;
      if (calls.length === 0) until = clock.monotonic() + gatherMs * MOST_MOMENTS;
      calls.push(call);
      // One that comes while others are ready already goes with them, or after them.
      if (ready) return true;
      stopTimer();
      const left = Math.max(0, until - clock.monotonic());
      stopTimer = clock.timer(Math.min(gatherMs, left), () => {
        ready = calls.length > 0;
        if (ready) onReady();
      });
      return true;
    },
    remove: (call) => {
      const index = calls.indexOf(call);
      if (index >= 0) calls.splice(index, 1);
      ready &&= calls.length > 0;
      return index >= 0;
    },
    take: () => {
      const taken = calls.splice(0, atOnce);
      ready = calls.length > 0;
      return taken;
    },
    get ready() {
      return ready;
    },
    close,
  };
}
