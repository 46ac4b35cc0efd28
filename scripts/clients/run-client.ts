// One client in a folder of its own: installed with npm, started with nothing of ours in its environment, ended with all
// of its children.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bareEnvironment } from "../bare-environment.ts";
import type { Place, Recipe } from "./recipes.ts";

const INSTALL_MILLISECONDS = 300_000;
const CONNECT_MILLISECONDS = 20_000;
const RUN_MILLISECONDS = 120_000;

export interface Mlp {
  readonly command: readonly string[];
  readonly home: string;
  readonly signal: AbortSignal;
}

export interface Ran {
  /** `null`: it was ended by a signal. */
  readonly code: number | null;
  readonly output: string;
  readonly late: boolean;
  readonly milliseconds: number;
}

interface RunOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** Runs a command in a process group of its own, and ends the group whatever happens. */
async function run(command: readonly string[], options: RunOptions): Promise<Ran> {
  const { cwd, env, milliseconds, signal } = options;
  signal.throwIfAborted();
  const started = performance.now();
  // Files, since what outlives the command would keep a pipe open.
  const folder = mkdtempSync(join(tmpdir(), "mlp-output-"));
  const [out, err] = [Bun.file(join(folder, "out")), Bun.file(join(folder, "err"))];
  const child = Bun.spawn([...command], { cwd, env, stdio: ["ignore", out, err], detached: true });
  let late = false;
  const endGroup = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // There is nobody left.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    endGroup();
  }, milliseconds);
  signal.addEventListener("abort", endGroup);
  await child.exited;
  signal.removeEventListener("abort", endGroup);
  clearTimeout(timer);
  endGroup();
  const output = `${await out.text()}\n${await err.text()}`;
  rmSync(folder, { recursive: true, force: true });
  signal.throwIfAborted();
  return {
    code: child.exitCode,
    output,
    late,
    milliseconds: Math.round(performance.now() - started),
  };
}

/** @throws Error with what npm said */
export async function install(recipe: Recipe, folder: string, signal: AbortSignal): Promise<void> {
  const cache = join(folder, "cache");
  mkdirSync(folder, { recursive: true });
  const what = `${recipe.package}@${recipe.version}`;
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--no-update-notifier"];
  const command = ["npm", "install", "--prefix", folder, "--cache", cache, ...quiet, what];
  const { code, output } = await run(command, {
    cwd: folder,
    // npm's own settings of this machine: registry, certificates, proxies.
    env: process.env,
    milliseconds: INSTALL_MILLISECONDS,
    signal,
  });
  if (code !== 0) throw new Error(`npm could not install ${what}: ${output.slice(-500)}`);
}

/** Writes the client's settings, as far as it is not `mlp connect` that does. `mlp`: how it is called, and its home. */
export async function configure(recipe: Recipe, place: Place, mlp: Mlp): Promise<void> {
  for (const [path, text] of Object.entries(recipe.files?.(place) ?? {})) {
    mkdirSync(dirname(path), { recursive: true });
    await Bun.write(path, text);
  }
  if (recipe.connect === undefined) return;
  const words = ["connect", recipe.connect, "--model", place.model, "--yes"];
  const { code, output } = await run([...mlp.command, ...words], {
    cwd: place.work,
    env: { ...bareEnvironment(place.home), MLP_HOME: mlp.home },
    milliseconds: CONNECT_MILLISECONDS,
    signal: mlp.signal,
  });
  if (code !== 0) throw new Error(`mlp connect ${recipe.connect}: ${output.slice(-500)}`);
}

export async function runClient(recipe: Recipe, place: Place, signal: AbortSignal): Promise<Ran> {
  const [program, ...rest] = recipe.command(place);
  const executable = join(place.installed, "node_modules/.bin", program);
  if (!existsSync(executable)) throw new Error(`${recipe.package} has no program "${program}"`);
  return await run([executable, ...rest], {
    cwd: place.work,
    milliseconds: RUN_MILLISECONDS,
    signal,
    env: { ...bareEnvironment(place.home), ...recipe.env?.(place) },
  });
}
