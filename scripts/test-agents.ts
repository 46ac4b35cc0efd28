// `bun run test:agents [package …] [--write]`: real agents from npm answer through us, one after the other, in front of a
// scripted model on loopback. Opt-in, since it installs what they are. `--write` puts what became of them in docs/agents.md.
// On Linux, where the kernel allows it, each runs where there is no network but loopback. VERBOSE=1 shows our log.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { RECIPES } from "./agents/recipes.ts";
import type { Recipe } from "./agents/recipes.ts";
import { renderSummary, writeReport } from "./agents/report.ts";
import type { Result } from "./agents/report.ts";
import { INSIDE_MILLISECONDS, failedTry, tryAgent } from "./agents/try-agent.ts";
import type { Tried } from "./agents/try-agent.ts";

const INSTALL_MILLISECONDS = 300_000;

/** Ends what it runs with everything that it started. */
async function runGroup(command: readonly string[], milliseconds: number): Promise<string> {
  const child = Bun.spawn([...command], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const endGroup = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // There is nobody left.
    }
  };
  const timer = setTimeout(endGroup, milliseconds);
  process.once("SIGINT", endGroup).once("SIGTERM", endGroup);
  const output = await child.stdout.text();
  const code = await child.exited;
  clearTimeout(timer);
  endGroup();
  process.off("SIGINT", endGroup).off("SIGTERM", endGroup);
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${output.slice(-500)}`);
  return output;
}

async function install({ package: name, version }: Recipe, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--no-update-notifier"];
  const place = ["--prefix", folder, "--cache", join(folder, "cache")];
  await runGroup(
    ["npm", "install", ...place, ...quiet, `${name}@${version}`],
    INSTALL_MILLISECONDS,
  );
}

/** Whether the kernel lets us make a network of our own. */
function canIsolate(): boolean {
  if (process.platform !== "linux" || Bun.which("unshare") === null || Bun.which("ip") === null) {
    return false;
  }
  return Bun.spawnSync(["unshare", "--net", "ip", "link", "set", "lo", "up"]).exitCode === 0;
}

async function inside(recipe: Recipe, folder: string, isolate: boolean): Promise<Tried> {
  const again = [process.execPath, import.meta.path, "--inside", recipe.package, folder];
  const isolated = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const enter = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const command = isolate ? [...isolated, ...enter, ...again] : again;
  const line = (await runGroup(command, INSIDE_MILLISECONDS)).trim().split("\n").at(-1) ?? "";
  return JSON.parse(line) as Tried;
}

async function tryRecipe(recipe: Recipe, isolate: boolean): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "mlp-agent-"));
  try {
    await install(recipe, join(folder, "installed"));
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { recipe, skipped: `npm did not install it: ${reasonOf(error)}` };
  }
  try {
    return { recipe, tried: await inside(recipe, folder, isolate) };
  } catch (error) {
    return { recipe, tried: failedTry(reasonOf(error)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<number> {
  const words = process.argv.slice(2);
  if (words[0] === "--inside") {
    const recipe = RECIPES.find((each) => each.package === words[1]);
    if (recipe === undefined || words[2] === undefined) throw new Error("--inside <name> <folder>");
    console.log(JSON.stringify(await tryAgent(recipe, words[2])));
    return 0;
  }
  const wanted = words.filter((word) => !word.startsWith("--"));
  const isolate = canIsolate();
  const results: Result[] = [];
  for (const recipe of RECIPES) {
    if (wanted.length > 0 && !wanted.includes(recipe.package)) continue;
    const result = await tryRecipe(recipe, isolate);
    results.push(result);
    console.log(renderSummary(result));
  }
  if (words.includes("--write")) {
    if (wanted.length > 0) throw new Error("--write publishes all of them: name none.");
    const node = Bun.spawnSync(["node", "--version"]).stdout.toString().trim().replace("v", "");
    const date = new Date().toISOString().slice(0, 10);
    await writeReport(results, { isolated: isolate, node, version: manifest.version, date });
  }
  return results.every(({ tried }) => isGreen(tried)) ? 0 : 1;
}

function isGreen(tried: Tried | undefined): boolean {
  return Object.values(tried?.outcomes ?? {}).every(({ status }) => status !== "fail");
}

process.exitCode = await main();
