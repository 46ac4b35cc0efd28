import { describe, expect, test } from "bun:test";
import { createTurnTimes, estimateWait } from "../../src/engine/turn-times.ts";

const limits = { turnsInFlight: 100, turnsPerAgent: 4, turnsPerKey: 2, queuePerAgent: 9 };
const standing = { position: 8, ownPosition: 3 };
const free = { total: false, agent: false, key: false };

function wait(crowding: Partial<typeof free>): number {
  return estimateWait(1_000, standing, { crowding: { ...free, ...crowding }, limits });
}

describe("the wait that is foretold", () => {
  test("is how often the limit has to be emptied first, at the mean of the agent's turns", () => {
    expect(wait({ agent: true })).toBe(2_000);
    expect(wait({ key: true })).toBe(1_500);
    expect(wait({ total: true })).toBe(80);
  });

  test("is that of the tightest of the limits, and none where there is room", () => {
    expect(wait({ agent: true, key: true, total: true })).toBe(2_000);
    expect(wait({})).toBe(0);
  });
});

describe("the time that turns take", () => {
  test("is known from the first on, of each agent by itself, and follows slowly", () => {
    const times = createTurnTimes();
    expect(times.meanMs("a")).toBeUndefined();
    times.ended("a", 1_000);
    times.ended("b", 9);
    times.ended("a", 2_000);
    expect([times.meanMs("a"), times.meanMs("b")]).toEqual([1_200, 9]);
  });

  test("is forgotten of the agent that came first, when there are too many", () => {
    const times = createTurnTimes();
    for (let index = 0; index <= 1_000; index += 1) times.ended(`s${index}`, 5);
    expect([times.meanMs("s0"), times.meanMs("s1"), times.meanMs("s1000")]).toEqual([
      undefined,
      5,
      5,
    ]);
  });
});
