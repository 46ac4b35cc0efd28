// What happened in the last sixty seconds, second by second. Bounded, without timers: a slot is emptied when its
// second comes round again.

import type { Clock } from "../core/ports.ts";

export interface LastMinute {
  add(sample: { readonly failed: boolean; readonly ms: number }): void;
  look(): MinuteFigures;
}

/** All 0 where nothing happened. */
export interface MinuteFigures {
  /** Per second, over the last minute, or over the time since the start where that is less. */
  readonly perSecond: number;
  readonly averageMs: number;
  /** 0 to 1. */
  readonly failedShare: number;
}

interface Slot {
  second: number;
  count: number;
  failed: number;
  ms: number;
}

const SLOTS = 60;

export function createLastMinute(clock: Clock): LastMinute {
  const startedAt = clock.monotonic();
  const slots: Slot[] = Array.from({ length: SLOTS }, () => empty(-SLOTS));

  const secondNow = (): number => Math.floor(clock.monotonic() / 1_000);

  function slotOf(second: number): Slot {
    const index = second % SLOTS;
    const slot = slots[index];
    if (slot?.second === second) return slot;
    const fresh = empty(second);
    slots[index] = fresh;
    return fresh;
  }

  return {
    add: ({ failed, ms }) => {
      const slot = slotOf(secondNow());
      slot.count += 1;
      slot.failed += failed ? 1 : 0;
      slot.ms += ms;
    },
    look: () => {
      const now = secondNow();
      const recent = slots.filter((slot) => slot.second > now - SLOTS);
      const sum = (of: (slot: Slot) => number): number =>
        recent.reduce((total, slot) => total + of(slot), 0);
      const count = sum((slot) => slot.count);
      const seconds = Math.min(SLOTS, Math.max(1, (clock.monotonic() - startedAt) / 1_000));
      return {
        perSecond: count / seconds,
        averageMs: count === 0 ? 0 : sum((slot) => slot.ms) / count,
        failedShare: count === 0 ? 0 : sum((slot) => slot.failed) / count,
      };
    },
  };
}

function empty(second: number): Slot {
  return { second, count: 0, failed: 0, ms: 0 };
}
