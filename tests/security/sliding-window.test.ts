import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  addTo,
  createSlidingWindow,
  emptyIn,
  giveBack,
  usedAt,
  waitFor,
} from "../../src/security/sliding-window.ts";

test("a million additions in a minute, and a minute more of them, are kept in 602 marks", () => {
  const window = createSlidingWindow();
  let most = 0;
  for (let count = 0; count < 2_000_000; count++) {
    addTo(window, 1, count * 0.06);
    most = Math.max(most, window.marks.length);
  }
  expect(most).toBeLessThanOrEqual(602);
  expect(usedAt(window, 120_000)).toBeGreaterThanOrEqual(1_000_000);
  expect(usedAt(window, 180_000)).toBe(0);
  expect(window).toEqual({ total: 0, marks: [] });
});

test("what is added leaves after a minute, to the millisecond", () => {
  const window = createSlidingWindow();
  addTo(window, 5, 1_000);
  expect([usedAt(window, 60_999), emptyIn(window, 60_999)]).toEqual([5, 1]);
  expect([usedAt(window, 61_000), emptyIn(window, 61_000)]).toEqual([0, 0]);
});

test("what is added within 100 ms leaves together, with the last of it", () => {
  const window = createSlidingWindow();
  for (const at of [0, 60, 99, 100]) addTo(window, 1, at);
  expect(usedAt(window, 60_098)).toBe(4);
  expect(usedAt(window, 60_099)).toBe(1);
  expect(usedAt(window, 60_100)).toBe(0);
});

test("nothing leaves before its minute is over, whatever fractions its time has", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 }),
      (pauses) => {
        const window = createSlidingWindow();
        const times: number[] = [];
        let now = 1 / 3;
        for (const pause of pauses) {
          now += pause;
          times.push(now);
          addTo(window, 1, now);
        }
        for (const later of times.map((at) => at + 59_999.999_999)) {
          const young = times.filter((at) => later - at < 60_000).length;
          expect(usedAt(window, later)).toBeGreaterThanOrEqual(young);
        }
      },
    ),
  );
});

test("a wait is for the oldest that make enough room", () => {
  const window = createSlidingWindow();
  addTo(window, 10, 0);
  addTo(window, 20, 500.5);
  addTo(window, 30, 1_000);
  const waits = [0, 1, 10, 11, 30, 31, 60, 61].map((amount) => waitFor(window, amount, 2_000.25));
  expect(waits).toEqual([0, 58_000, 58_000, 58_501, 58_501, 59_000, 59_000, Infinity]);
});

test("what is given back no longer counts, unless it has left by itself", () => {
  const window = createSlidingWindow();
  const first = addTo(window, 10, 0);
  const second = addTo(window, 20, 30_000);
  giveBack(window, second, 15, 40_000);
  expect(usedAt(window, 40_000)).toBe(15);
  giveBack(window, first, 10, 60_000);
  expect(usedAt(window, 60_000)).toBe(5);
  giveBack(window, second, 5, 60_000);
  expect([usedAt(window, 60_000), emptyIn(window, 60_000)]).toEqual([0, 0]);
});
