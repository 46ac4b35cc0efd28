// The benchmark: the floor and the binary, side by side in one go, in turns, so that what slows the machine slows them all.
// Builds nothing. Prints progress on stderr and markdown on stdout.
//   bun bench/run.ts [--binary dist/mlp] [--rounds 7] [--chunks 64] [--quick] [--floor-only]

import { existsSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Job, Report } from "./load.ts";
import { residentMebibytes } from "./proc.ts";
import { createStage, type Stage, type Started } from "./processes.ts";
import { CONCURRENCIES, type Memory, renderResults, SHAPES, type Shape } from "./report.ts";
import { streamTexts, WHOLE_TEXT } from "./shape.ts";
import { freePort, measureStartUp, type StartUp } from "./start-up.ts";
import {
  commandOf,
  createSecrets,
  floorCommand,
  startBridge,
  startEmbedded,
  startFloor,
  type Target,
  type TargetName,
  upCommand,
  writeConfig,
} from "./targets.ts";

interface Plan {
  readonly binary: string;
  readonly floorOnly: boolean;
  readonly rounds: number;
  readonly chunks: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly restSeconds: number;
}

/** Bounds a measurement by count as well as by time. */
const MAX_REQUESTS = 100_000;

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${flag} takes a whole number above 0`);
}

function readPlan(): Plan {
  const { values } = parseArgs({
    options: {
      binary: { type: "string", default: "dist/mlp" },
      rounds: { type: "string" },
      chunks: { type: "string", default: "64" },
      quick: { type: "boolean", default: false },
      "floor-only": { type: "boolean", default: false },
    },
  });
  const pace = values.quick
    ? { rounds: 3, warmupSeconds: 0.2, seconds: 0.5, restSeconds: 1 }
    : { rounds: 7, warmupSeconds: 0.5, seconds: 1.5, restSeconds: 3 };
  const binary = resolve(values.binary);
  if (!values["floor-only"] && !existsSync(binary)) {
    throw new Error(
      `${binary} is not there: build it first, or measure the floor with --floor-only`,
    );
  }
  return {
    ...pace,
    binary,
    floorOnly: values["floor-only"],
    rounds: values.rounds === undefined ? pace.rounds : count("rounds", values.rounds),
    chunks: count("chunks", values.chunks),
  };
}

/** The same bytes for every target: the rehearsal agent says the text word by word, the floor need not read it. */
function requestBody(shape: Shape, chunks: number): string {
  const text = shape === "stream" ? streamTexts(chunks).join("") : WHOLE_TEXT;
  return JSON.stringify({
    model: "cursor-agent",
    stream: shape === "stream",
    messages: [{ role: "user", content: `/rehearse say ${JSON.stringify(text)}` }],
  });
}

function createJob(target: Target, shape: Shape, concurrency: number, plan: Plan): Job {
  return {
    url: target.url,
    headers:
      shape === "stream" ? { ...target.headers, accept: "text/event-stream" } : target.headers,
    body: requestBody(shape, plan.chunks),
    chunks: shape === "stream" ? plan.chunks : null,
    concurrency,
    warmupSeconds: plan.warmupSeconds,
    maxSeconds: plan.seconds,
    maxRequests: MAX_REQUESTS,
    pids: target.processes.map(({ pid }) => pid),
  };
}

async function runJob(generator: Started, job: Job): Promise<Report> {
  generator.send(JSON.stringify(job));
  const report = JSON.parse(await generator.line()) as Report | { readonly error: string };
  if ("error" in report) throw new Error(report.error);
  return report;
}

async function startTargets(stage: Stage, plan: Plan): Promise<Target[]> {
  const floor = await startFloor(stage, plan.chunks);
  if (plan.floorOnly) return [floor];
  const command = commandOf(plan.binary);
  return [floor, await startEmbedded(stage, command), await startBridge(stage, command)];
}

type Cells = Map<
  string,
  { target: TargetName; shape: Shape; concurrency: number; reports: Report[] }
>;

async function measureRound(
  generator: Started,
  targets: readonly Target[],
  plan: Plan,
  cells: Cells,
): Promise<void> {
  for (const shape of SHAPES) {
    for (const concurrency of CONCURRENCIES) {
      for (const target of targets) {
        const key = `${target.name} ${shape} ${concurrency}`;
        const job = createJob(target, shape, concurrency, plan);
        const report = await runJob(generator, job).catch((error: unknown) => {
          throw new Error(
            `${key} in flight: ${error instanceof Error ? error.message : "failed"}`,
            { cause: error },
          );
        });
        const cell = cells.get(key) ?? { target: target.name, shape, concurrency, reports: [] };
        cell.reports.push(report);
        cells.set(key, cell);
        note(
          `  ${key}: ${(report.requests / report.seconds).toFixed(0)}/s${report.failures > 0 ? `, ${report.failures} failures: ${report.firstFailure}` : ""}`,
        );
      }
    }
  }
}

/** The second start and later: the folder of the binary is there already. */
async function measureStartUps(stage: Stage, plan: Plan): Promise<Map<TargetName, StartUp[]>> {
  const secrets = createSecrets(join(stage.folder, "start-up"));
  const command = commandOf(plan.binary);
  const config = await writeConfig(stage);
  const floor = (): Promise<StartUp> => {
    const port = freePort();
    return measureStartUp(stage, floorCommand(port), port);
  };
  const embedded = (): Promise<StartUp> => {
    const port = freePort();
    return measureStartUp(
      stage,
      upCommand(command, { agent: "rehearsal", config, port }),
      port,
      secrets,
    );
  };
  const times = new Map<TargetName, StartUp[]>([["floor", []]]);
  if (!plan.floorOnly) {
    times.set("embedded", []);
    await embedded();
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    times.get("floor")?.push(await floor());
    if (!plan.floorOnly) times.get("embedded")?.push(await embedded());
  }
  return times;
}

function memoryOf(
  targets: readonly Target[],
  idle: ReadonlyMap<number, number | null>,
  cells: Cells,
): Memory[] {
  return targets.flatMap((target) =>
    target.processes.map((entry, index) => {
      const readings = [...cells.values()]
        .filter((cell) => cell.target === target.name)
        .flatMap((cell) => cell.reports.map((report) => report.resident[index] ?? null))
        .filter((reading) => reading !== null);
      return {
        target: target.name,
        process: entry.name,
        idle: idle.get(entry.pid) ?? null,
        loaded: readings.length === 0 ? null : Math.max(...readings),
        after: residentMebibytes(entry.pid),
      };
    }),
  );
}

/** What a reader must know to compare: the machine, the settings, and what the binary had to do for each request. */
function heading(plan: Plan, minutes: number): string {
  const processors = cpus();
  const on = plan.floorOnly
    ? "The floor alone: no key, no limits, no log."
    : "On in the binary: client key, guard (Host, Origin, content type, size), schema check, session with its scopes and counts, limits per minute for key and session, the audit, metrics, its own log on stderr to a file; the limits so high that none is met, every other setting at its default. The floor has none of these.";
  return [
    `${processors.length} × ${processors[0]?.model ?? "unknown CPU"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}, Bun ${Bun.version}; the generator shares the machine.`,
    `${plan.rounds} rounds, the targets in turns; each measurement ${plan.seconds} s after ${plan.warmupSeconds} s of warming up, at most ${MAX_REQUESTS} requests; ${minutes.toFixed(1)} minutes in all.`,
    on,
    "Figures are medians of the rounds. A ratio is the median of the ratios to the floor of the same round, with the least and the most in brackets.",
  ].join("\n\n");
}

async function main(): Promise<void> {
  const plan = readPlan();
  const begun = performance.now();
  const stage = createStage();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stage.close().then(() => process.exit(1)));
  }
  try {
    note("start-up");
    const startUps = await measureStartUps(stage, plan);
    const targets = await startTargets(stage, plan);
    const generator = stage.start("generator", [
      process.execPath,
      join(import.meta.dir, "load.ts"),
    ]);
    await Bun.sleep(plan.restSeconds * 1000);
    const pids = targets.flatMap((target) => target.processes.map(({ pid }) => pid));
    const idle = new Map(pids.map((pid) => [pid, residentMebibytes(pid)]));

    const cells: Cells = new Map();
    for (let round = 0; round < plan.rounds; round += 1) {
      note(`round ${round + 1} of ${plan.rounds}`);
      // Who comes first changes with the round.
      const first = round % targets.length;
      await measureRound(
        generator,
        [...targets.slice(first), ...targets.slice(0, first)],
        plan,
        cells,
      );
    }
    await Bun.sleep(plan.restSeconds * 1000);

    const results = {
      targets: targets.map(({ name }) => name),
      chunks: plan.chunks,
      cells: [...cells.values()],
      memory: memoryOf(targets, idle, cells),
      startUps,
    };
    process.stdout.write(
      `${heading(plan, (performance.now() - begun) / 60_000)}\n\n${renderResults(results)}`,
    );
  } finally {
    await stage.close();
  }
}

try {
  await main();
} catch (error) {
  note(error instanceof Error ? error.message : "the benchmark failed");
  process.exitCode = 1;
}
