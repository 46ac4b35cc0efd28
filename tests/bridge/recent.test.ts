// Which ids a link still knows after their turns have ended.

import { expect, test } from "bun:test";
import { createRecentIds } from "../../src/bridge/recent.ts";

test("at least the last ids up to the limit are known, and never more than twice as many", () => {
  const recent = createRecentIds(4);
  for (let latest = 0; latest < 40; latest += 1) {
    recent.add(`t${latest}`);
    const known = Array.from({ length: latest + 1 }, (_, index) => index).filter((index) =>
      recent.has(`t${index}`),
    );
    expect(known.length).toBeLessThanOrEqual(8);
    expect(known.at(-1)).toBe(latest);
    expect(known).toContain(Math.max(0, latest - 3));
  }
});

test("an id that was never added is not known", () => {
  const recent = createRecentIds(2);
  recent.add("t1");
  expect([recent.has("t1"), recent.has("t2")]).toEqual([true, false]);
});
