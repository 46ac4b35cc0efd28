// Turns measurements into markdown. Pure: what it prints is what it was given, medians of the rounds, and their ratios.

import type { Report } from "./load.ts";
import type { StartUp } from "./start-up.ts";
import { median } from "./statistics.ts";
import type { TargetName } from "./targets.ts";

export type Shape = "whole" | "stream";
export const SHAPES: readonly Shape[] = ["whole", "stream"];
export const CONCURRENCIES: readonly number[] = [1, 16, 64];

/** One target at one shape and concurrency: a report a round, in the order of the rounds. */
export interface Cell {
  readonly target: TargetName;
  readonly shape: Shape;
  readonly concurrency: number;
  readonly reports: readonly Report[];
}

/** MiB of one process: before any load, the most at the end of a measurement, and at rest afterwards. */
export interface Memory {
  readonly target: TargetName;
  readonly process: string;
  readonly idle: number | null;
  readonly loaded: number | null;
  readonly after: number | null;
}

export interface Results {
  readonly targets: readonly TargetName[];
  readonly chunks: number;
  readonly cells: readonly Cell[];
  readonly memory: readonly Memory[];
  readonly startUps: ReadonlyMap<TargetName, readonly StartUp[]>;
}

const LABELS: Readonly<Record<TargetName, string>> = {
  floor: "floor",
  embedded: "`mlp up`, agent inside",
  bridge: "`mlp up` and `mlp agent`",
};

type Measure = (report: Report) => number | null;

function perSecond(report: Report): number {
  return report.requests / report.seconds;
}

/** Microseconds of CPU for one request, of the process that editors talk to, or of all that serve. */
function cpuPerRequest(of: "first" | "all"): Measure {
  return (report) => {
    const seconds = of === "first" ? report.cpu.slice(0, 1) : report.cpu;
    if (seconds.length === 0 || seconds.includes(null)) return null;
    return (seconds.reduce<number>((sum, value) => sum + (value ?? 0), 0) / report.requests) * 1e6;
  };
}

function scaled(measure: Measure, factor: number): Measure {
  return (report) => {
    const value = measure(report);
    return value === null ? null : value * factor;
  };
}

function number(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "n/a";
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}k`;
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function medianOf(cell: Cell, measure: Measure): number | null {
  const values = cell.reports.map(measure);
  return values.includes(null) ? null : median(values.map((value) => value ?? 0));
}

/** Round by round against the floor of the same round, then the median: what slows the machine slows both. */
function ratiosOf(cell: Cell, floor: Cell, measure: Measure): number[] {
  return cell.reports.flatMap((report, round) => {
    const own = measure(report);
    const base = floor.reports[round] === undefined ? null : measure(floor.reports[round]);
    return own === null || base === null || base === 0 ? [] : [own / base];
  });
}

function ratio(cell: Cell, floor: Cell | undefined, measure: Measure): string {
  if (floor === undefined || floor === cell) return "1";
  const ratios = ratiosOf(cell, floor, measure);
  if (ratios.length === 0) return "n/a";
  return `**${median(ratios).toFixed(2)}** (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function find(
  results: Results,
  target: TargetName,
  shape: Shape,
  concurrency: number,
): Cell | undefined {
  return results.cells.find(
    (cell) => cell.target === target && cell.shape === shape && cell.concurrency === concurrency,
  );
}

function failures(cell: Cell): string {
  return String(cell.reports.reduce((sum, report) => sum + report.failures, 0));
}

function shapeTable(results: Results, shape: Shape): string {
  const unit = shape === "whole" ? "request" : "chunk";
  const factor = shape === "whole" ? 1 : 1 / results.chunks;
  const rate = scaled(perSecond, 1 / factor);
  const first = scaled(cpuPerRequest("first"), factor);
  const all = scaled(cpuPerRequest("all"), factor);
  const rows = CONCURRENCIES.flatMap((concurrency) =>
    results.targets.flatMap((target) => {
      const cell = find(results, target, shape, concurrency);
      if (cell === undefined) return [];
      const floor = find(results, "floor", shape, concurrency);
      return [
        [
          String(concurrency),
          LABELS[target],
          number(medianOf(cell, rate)),
          ratio(cell, floor, rate),
          number(medianOf(cell, (report) => report.p50)),
          number(medianOf(cell, (report) => report.p99)),
          ...(shape === "stream" ? [number(medianOf(cell, (report) => report.firstByteP50))] : []),
          number(medianOf(cell, first)),
          ratio(cell, floor, first),
          number(medianOf(cell, all)),
          ratio(cell, floor, all),
          failures(cell),
        ],
      ];
    }),
  );
  const head = [
    "in flight",
    "target",
    `${unit}s/s`,
    "ratio",
    "p50 ms",
    "p99 ms",
    ...(shape === "stream" ? ["first byte p50 ms"] : []),
    `CPU µs per ${unit}, front process`,
    "ratio",
    `CPU µs per ${unit}, all processes`,
    "ratio",
    "failures",
  ];
  return table(head, rows);
}

function bytesTable(results: Results): string {
  const rows = results.targets.map((target) => {
    const bytes = (shape: Shape): number =>
      find(results, target, shape, 1)?.reports[0]?.bytes ?? Number.NaN;
    return [
      LABELS[target],
      number(bytes("whole")),
      number(bytes("stream")),
      number(bytes("stream") / results.chunks),
    ];
  });
  return table(["target", "bytes of a whole answer", "bytes of a stream", "bytes per chunk"], rows);
}

function memoryTable(results: Results): string {
  const rows = results.memory.map((entry) => [
    LABELS[entry.target],
    entry.process,
    number(entry.idle),
    number(entry.loaded),
    number(entry.after),
  ]);
  return table(["target", "process", "idle MiB", "loaded MiB", "after MiB"], rows);
}

function startUpTable(results: Results): string {
  const rows = [...results.startUps].map(([target, times]) => [
    LABELS[target],
    number(median(times.map((time) => time.ready))),
    number(median(times.map((time) => time.answered))),
    number(Math.max(...times.map((time) => time.answered))),
  ]);
  return table(["target", "ready line ms", "first answer ms", "first answer, slowest ms"], rows);
}

/** How much the generator itself took: when it comes near one core, it is what is measured. */
function generatorTable(results: Results): string {
  const share: Measure = (report) => (report.generatorCpu / report.seconds) * 100;
  const shares = (shape: Shape, concurrency: number): string[] =>
    results.targets.map((target) => {
      const cell = find(results, target, shape, concurrency);
      return cell === undefined ? "n/a" : `${medianOf(cell, share)?.toFixed(0)} %`;
    });
  const rows = SHAPES.flatMap((shape) =>
    CONCURRENCIES.map((concurrency) =>
      [shape, String(concurrency)].concat(shares(shape, concurrency)),
    ),
  );
  return table(["answers", "in flight", ...results.targets.map((target) => LABELS[target])], rows);
}

interface Goal {
  readonly text: string;
  readonly value: number | null;
  readonly met: (value: number) => boolean;
}

function goalRatio(
  results: Results,
  target: TargetName,
  shape: Shape,
  measure: Measure,
): number | null {
  const [cell, floor] = [find(results, target, shape, 16), find(results, "floor", shape, 16)];
  if (cell === undefined || floor === undefined) return null;
  const ratios = ratiosOf(cell, floor, measure);
  return ratios.length === 0 ? null : median(ratios);
}

/** The agent inside shares the front process, so its CPU stands against all of the floor's; across the bridge, front against front. */
function goals(results: Results, target: TargetName): Goal[] {
  const label = LABELS[target];
  const cpu = cpuPerRequest(target === "embedded" ? "all" : "first");
  const loaded =
    results.memory.filter((entry) => entry.target === target).map((entry) => entry.loaded)[0] ??
    null;
  return [
    {
      text: `${label}: whole answers at 16, of the floor's, ≥ 0.5`,
      value: goalRatio(results, target, "whole", perSecond),
      met: (value) => value >= 0.5,
    },
    {
      text: `${label}: chunks at 16, of the floor's, ≥ 0.5`,
      value: goalRatio(results, target, "stream", perSecond),
      met: (value) => value >= 0.5,
    },
    {
      text: `${label}: CPU per chunk at 16, of the floor's, ≤ 2`,
      value: goalRatio(results, target, "stream", cpu),
      met: (value) => value <= 2,
    },
    {
      text: `${label}: front process under load, MiB, < 100`,
      value: loaded,
      met: (value) => value < 100,
    },
  ];
}

function goalsTable(results: Results): string {
  const times = results.startUps.get("embedded") ?? [];
  const startUp: Goal = {
    text: "`mlp up`: ready line, ms, ≤ 150",
    value: times.length === 0 ? null : median(times.map((time) => time.ready)),
    met: (value) => value <= 150,
  };
  const rows = results.targets
    .filter((target) => target !== "floor")
    .flatMap((target) => goals(results, target))
    .concat(startUp)
    .map((goal) => [
      goal.text,
      number(goal.value),
      goal.value === null ? "n/a" : goal.met(goal.value) ? "met" : "missed",
    ]);
  return table(["goal", "measured", ""], rows);
}

/** Sections of markdown, to be pasted into bench/README.md. */
export function renderResults(results: Results): string {
  const sections: (readonly [string, string])[] = [
    ["Whole answers", shapeTable(results, "whole")],
    [`Streams of ${results.chunks} chunks`, shapeTable(results, "stream")],
    ["Memory", memoryTable(results)],
    ["Start-up", startUpTable(results)],
    ["What was moved", bytesTable(results)],
    ["The generator's own CPU, of one core", generatorTable(results)],
  ];
  if (results.targets.length > 1) sections.unshift(["Goals", goalsTable(results)]);
  return sections.map(([title, body]) => `### ${title}\n\n${body}\n`).join("\n");
}
