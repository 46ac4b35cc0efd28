// One agent that is installed: the model, the servers, the checks, and what is left when all has been stopped.

import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { bareEnvironment } from "../bare-environment.ts";
import type { Bench, Check } from "./bench.ts";
import { orAbort } from "./bench.ts";
import { free, usual } from "./benches.ts";
import { CHECKS } from "./checks.ts";
import { startModel } from "./model.ts";
import type { ScriptedModel } from "./model.ts";
import type { Place, Recipe } from "./recipes.ts";
import { PORTS, startMlp } from "./servers.ts";
import type { Server } from "./servers.ts";

/** Of one check: what was noticed, or why it does not hold. */
export interface Outcome {
  readonly status: "pass" | "fail" | "skip";
  readonly note: string;
}

export const COLUMNS = {
  text: "text",
  streaming: "streaming",
  cancel: "cancel",
  refusesToWrite: "may not write",
  refusesToRun: "may not run",
  tools: "editor's tools",
  twoTools: "two calls",
  writes: "may write",
  runs: "may run",
  ends: "leaves nothing",
  stays: "stays here",
} as const;
export type Column = keyof typeof COLUMNS;

/** In process, with the usual scopes. */
const USUAL = [
  "text",
  "streaming",
  "cancel",
  "refusesToWrite",
  "refusesToRun",
  "tools",
  "twoTools",
] as const;
/** Over the bridge, with all scopes: that what was refused was refused by the scopes. */
const FREE = ["writes", "runs"] as const;

const CHECK_MILLISECONDS = 45_000;
const AGENT_MILLISECONDS = 180_000;
/** More than the agent's own, for the servers around it. */
export const INSIDE_MILLISECONDS = 240_000;
/** For the model. Not in the form of our keys: these never reach an agent's environment. */
const MODEL_KEY = `model-${crypto.randomUUID()}`;

export type Outcomes = Readonly<Partial<Record<Column, Outcome>>>;

export interface Tried {
  readonly outcomes: Outcomes;
  /** What the agent says it is, from our log. */
  readonly said: string;
  readonly milliseconds: number;
}

const failed = (error: unknown): Outcome => ({
  status: "fail",
  note: (error instanceof Error ? error.message : String(error))
    .replaceAll(/\s+/g, " ")
    .slice(0, 300),
});

/** It ended before it could tell. */
export function failedTry(note: string): Tried {
  const columns = Object.keys(COLUMNS) as Column[];
  const outcomes = Object.fromEntries(columns.map((column) => [column, { status: "fail", note }]));
  return { outcomes, said: "", milliseconds: INSIDE_MILLISECONDS };
}

/** `folder`: holds `installed`, and nothing else yet. */
export async function tryAgent(recipe: Recipe, folder: string): Promise<Tried> {
  const begun = performance.now();
  const home = join(folder, "home");
  for (const each of ["home/tmp", "usual", "free"])
    mkdirSync(join(folder, each), { recursive: true });
  const deadline = AbortSignal.timeout(AGENT_MILLISECONDS);
  const outcomes: Partial<Record<Column, Outcome>> = {};
  const model = startModel();
  const before = await frontOf(recipe, folder, model);
  const place = { home, base: before?.api ?? model.url, key: MODEL_KEY };
  await writeFiles(recipe, place);
  const env = { ...environmentOf(home), ...recipe.env?.(place) };
  const [program, ...rest] = recipe.command(place);
  const command = [join(folder, "installed/node_modules/.bin", program), ...rest];
  const base = { folder, env, command, model, deadline };
  let said = "";
  try {
    const bench = await usual(base);
    for (const name of USUAL) outcomes[name] = await run(CHECKS[name], bench);
    if (process.env["VERBOSE"] !== undefined) process.stderr.write(bench.log());
    await bench.stop();
    said = agentIn(bench.log());
    const freed = await free(base);
    for (const name of FREE) outcomes[name] = await run(CHECKS[name], freed);
    if (process.env["VERBOSE"] !== undefined) process.stderr.write(freed.log());
    await freed.stop();
  } catch (error) {
    for (const name of [...USUAL, ...FREE]) outcomes[name] ??= failed(error);
  }
  await before?.stop();
  await model.stop();
  outcomes.ends = endStrays(home);
  outcomes.stays = attemptsBeyond();
  return { outcomes, said, milliseconds: Math.round(performance.now() - begun) };
}

async function run(check: Check, bench: Bench): Promise<Outcome> {
  const signal = AbortSignal.any([bench.signal, AbortSignal.timeout(CHECK_MILLISECONDS)]);
  try {
    const note = await orAbort(check({ ...bench, signal }), signal);
    return { status: "pass", note };
  } catch (error) {
    return failed(signal.aborted ? new Error("it took too long") : error);
  }
}

/** Speaks the other protocols for the model. Gemini's is none of ours. */
async function frontOf(
  recipe: Recipe,
  folder: string,
  model: ScriptedModel,
): Promise<Server | undefined> {
  if (recipe.speaks === "Gemini") return undefined;
  return await startMlp({
    home: join(folder, "mlp-model"),
    env: { PATH: process.env["PATH"] ?? "" },
    key: MODEL_KEY,
    config: {},
    words: ["up", "--agent", `openai:${model.url}/v1`, ...PORTS],
  });
}

async function writeFiles(recipe: Recipe, place: Place): Promise<void> {
  for (const [path, text] of Object.entries(recipe.files?.(place) ?? {})) {
    mkdirSync(dirname(path), { recursive: true });
    await Bun.write(path, text);
  }
}

function environmentOf(home: string): Readonly<Record<string, string>> {
  // opencode installs a package into its settings unasked: it finds nobody there.
  return { ...bareEnvironment(home), npm_config_registry: "http://127.0.0.1:9" };
}

/** From the line that we log when an agent runs. */
function agentIn(log: string): string {
  const line = log.split("\n").find((each) => each.includes('"agent started"')) ?? "{}";
  const { agent = "", version = "" } = JSON.parse(line) as { agent?: string; version?: string };
  return `${agent} ${version}`.trim();
}

/** The kernel counts what could not be sent, where there is no network but loopback. */
function attemptsBeyond(): Outcome {
  const isAlone = (): boolean =>
    readFileSync("/proc/net/dev", "utf8")
      .split("\n")
      .flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? [])
      .every((name) => name === "lo");
  if (process.platform !== "linux" || !isAlone()) {
    return { status: "skip", note: "told only by a network of its own" };
  }
  const [names = "", counts = ""] = readFileSync("/proc/net/snmp", "utf8").split("\n");
  const column = names.split(" ").indexOf("OutNoRoutes");
  const six = /^Ip6OutNoRoutes\s+(\d+)/m.exec(readFileSync("/proc/net/snmp6", "utf8"))?.[1];
  const attempts = Number(counts.split(" ")[column]) + Number(six ?? 0);
  return attempts === 0
    ? { status: "pass", note: "" }
    : { status: "fail", note: `${attempts} attempts to reach beyond loopback` };
}

/** What outlived us: known by its HOME, which nobody else has. */
function endStrays(home: string): Outcome {
  if (process.platform !== "linux") return { status: "skip", note: "only Linux tells" };
  const left: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`HOME=${home}`))
        continue;
      left.push(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 100));
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It is gone already, or not ours to look at.
    }
  }
  return left.length === 0
    ? { status: "pass", note: "" }
    : { status: "fail", note: `left: ${left.join("; ")}` };
}
