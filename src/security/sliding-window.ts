// A count of what was added in the last 60 seconds: its one rule is that nothing ever leaves too early.
// Pure: time is passed in, in monotonic milliseconds that never go back. Knows neither limits nor subjects.

/** What is added at `t` counts in [t, t + 60,000). */
export const WINDOW_MS = 60_000;

/**
 * Additions within so long of each other are kept as one, and leave with the last of them: late by less than this,
 * never early. It bounds the memory of a window to 602 marks, however much is added.
 */
const GRAIN_MS = 100;

/** Additions that leave together. */
export interface Mark {
  readonly firstAt: number;
  leavesAt: number;
  amount: number;
}

/** Data for the functions below. `marks` are in the order of their leaving. */
export interface SlidingWindow {
  total: number;
  readonly marks: Mark[];
}

export function createSlidingWindow(): SlidingWindow {
  return { total: 0, marks: [] };
}

/** What counts now. */
export function usedAt(window: SlidingWindow, now: number): number {
  let oldest = window.marks[0];
  while (oldest !== undefined && oldest.leavesAt <= now) {
    window.total -= oldest.amount;
    window.marks.shift();
    oldest = window.marks[0];
  }
  return window.total;
}

/** Adds a whole number from 0 up. The mark is for `giveBack`. */
export function addTo(window: SlidingWindow, amount: number, now: number): Mark | undefined {
  if (amount === 0) return undefined;
  usedAt(window, now);
  window.total += amount;
  // Whole milliseconds, rounded up: sums of fractions could fall short of the 60 seconds.
  const at = Math.ceil(now);
  const newest = window.marks.at(-1);
  if (newest !== undefined && at - newest.firstAt < GRAIN_MS) {
    newest.amount += amount;
    newest.leavesAt = at + WINDOW_MS;
    return newest;
  }
  const mark = { firstAt: at, leavesAt: at + WINDOW_MS, amount };
  window.marks.push(mark);
  return mark;
}

/** Takes off a part of what was added as `mark`; what has left meanwhile stays gone. */
export function giveBack(
  window: SlidingWindow,
  mark: Mark | undefined,
  amount: number,
  now: number,
): void {
  usedAt(window, now);
  if (mark === undefined || mark.leavesAt <= now) return;
  mark.amount -= amount;
  window.total -= amount;
  while (window.marks.at(-1)?.amount === 0) window.marks.pop();
}

/** When `amount` of what counts now will have left, in milliseconds from now; 0 for nothing. Whole, rounded up. */
export function waitFor(window: SlidingWindow, amount: number, now: number): number {
  usedAt(window, now);
  let left = amount;
  if (left <= 0) return 0;
  for (const mark of window.marks) {
    left -= mark.amount;
    if (left <= 0) return mark.leavesAt - Math.floor(now);
  }
  return Number.POSITIVE_INFINITY;
}

/** When the window will be empty, in milliseconds from now. */
export function emptyIn(window: SlidingWindow, now: number): number {
  usedAt(window, now);
  const newest = window.marks.at(-1);
  return newest === undefined ? 0 : newest.leavesAt - Math.floor(now);
}
