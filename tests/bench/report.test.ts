// What is printed is what was measured: medians, and ratios round by round.

import { describe, expect, test } from "bun:test";
import type { Report } from "../../bench/load.ts";
import { type Cell, renderResults } from "../../bench/report.ts";
import { median, quantile } from "../../bench/statistics.ts";

function report(requests: number, cpu: readonly number[]): Report {
  return {
    requests,
    failures: 0,
    firstFailure: null,
    seconds: 1,
    p50: 1,
    p99: 2,
    firstByteP50: 0.5,
    bytes: 640,
    cpu,
    resident: cpu.map(() => 50),
    generatorCpu: 0.25,
  };
}

function render(cells: readonly Cell[]): string {
  return renderResults({
    targets: ["floor", "embedded"],
    chunks: 64,
    cells,
    memory: [
      { target: "embedded", process: "provider and agent", idle: 40, loaded: 120, after: 60 },
    ],
    startUps: new Map([["embedded", [{ ready: 90, answered: 95 }]]]),
  });
}

describe("the report", () => {
  const text = render([
    {
      target: "floor",
      shape: "whole",
      concurrency: 16,
      reports: [report(1000, [0.05, 0.05]), report(4000, [0.2, 0.2]), report(2000, [0.1, 0.1])],
    },
    {
      target: "embedded",
      shape: "whole",
      concurrency: 16,
      reports: [report(900, [0.09]), report(1600, [0.16]), report(1000, [0.1])],
    },
  ]);

  test("gives the median of the rounds", () => {
    expect(text).toContain("| 16 | floor | 2000 | 1 |");
  });

  test("compares each round with the floor's own, then takes the median", () => {
    expect(text).toContain("| 1000 | **0.50** (0.40 to 0.90) |");
  });

  test("charges the CPU of the front process, and of all of them, to each request", () => {
    // 100 µs of the one process, against 50 of the floor's front and 100 of both.
    expect(text).toContain("| 100 | **2.00** (2.00 to 2.00) | 100 | **1.00** (1.00 to 1.00) | 0 |");
  });

  test("says which goals are met, which are missed, and which were not measured", () => {
    expect(text).toContain("whole answers at 16, of the floor's, ≥ 0.5 | 0.50 | met |");
    expect(text).toContain("front process under load, MiB, < 100 | 120 | missed |");
    expect(text).toContain("chunks at 16, of the floor's, ≥ 0.5 | n/a | n/a |");
    expect(text).toContain("ready line, ms, ≤ 150 | 90.0 | met |");
  });
});

describe("statistics", () => {
  test("take the nearest rank for a quantile", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile([7], 0.99)]).toEqual([
      50, 99, 7,
    ]);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("take the middle for a median, or the mean of the two in the middle", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([5])]).toEqual([2, 2.5, 5]);
    expect(median([])).toBeNaN();
  });
});
