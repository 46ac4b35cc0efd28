// `bun run test:clients [package …]`: real editor agents from npm do one task through us: read a file with their own tools,
// and change it. Behind us is a scripted model. Opt-in, since it installs what they are. Writes docs/clients.md.
// On Linux, where the kernel allows it, each runs where there is no network but loopback. VERBOSE=1 shows what they said.

import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { BEFORE, FILE, after, fileText, startModel } from "./clients/model.ts";
import type { Play } from "./clients/model.ts";
import { RECIPES } from "./clients/recipes.ts";
import type { Recipe } from "./clients/recipes.ts";
import { writeReport } from "./clients/report.ts";
import type { Result } from "./clients/report.ts";
import { configure, install, runClient } from "./clients/run-client.ts";
import type { Ran } from "./clients/run-client.ts";

const ROOT = join(import.meta.dir, "..");
const SERVER = [process.execPath, join(ROOT, "src/main.ts")];
const hurry = new AbortController();
const KEY = `mlp_${crypto.randomUUID()}`;

interface Server {
  readonly api: string;
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

async function startServer(home: string, upstream: string): Promise<Server> {
  const log = join(home, "log");
  mkdirSync(home, { recursive: true });
  const command = [...SERVER, "up", "--json"];
  const flags = ["--port", "0", "--bridge-port", "0", "--agent", `openai:${upstream}`];
  const child = Bun.spawn([...command, ...flags, "--log-level", "debug"], {
    cwd: home,
    env: { PATH: process.env["PATH"] ?? "", MLP_HOME: home, MLP_API_KEY: KEY },
    stdio: ["ignore", "pipe", Bun.file(log)],
  });
  let line = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    line += piece;
    if (line.includes("\n")) break;
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await child.exited;
  };
  const { api } = JSON.parse(line) as { api: string };
  return { api, log: () => readFileSync(log, "utf8"), stop };
}

/** In the folder of a client that is installed: the model, the server, the client, and what became of the file. */
async function inside(recipe: Recipe, folder: string): Promise<Result> {
  const [home, work] = [join(folder, "home"), join(folder, "work")];
  for (const each of [work, join(home, "tmp")]) mkdirSync(each, { recursive: true });
  const word = `w${crypto.randomUUID().slice(0, 8)}`;
  const path = join(work, FILE);
  await Bun.write(path, fileText(word));
  const { model: name = "scripted" } = recipe;
  const model = startModel(path, name);
  const server = await startServer(join(folder, "mlp"), model.url);
  try {
    const installed = join(folder, "installed");
    const place = { installed, home, work, base: server.api, key: KEY, model: name };
    const { signal } = hurry;
    await configure(recipe, place, { command: SERVER, home: join(folder, "mlp"), signal });
    const ran = await runClient(recipe, place, signal);
    const edited = readFileSync(path, "utf8") === fileText(word).replace(BEFORE, after(word));
    const told = ran.output.includes(`The word is ${word}`);
    if (process.env["VERBOSE"] !== undefined) {
      console.error(ran.output, model.play(), server.log());
    }
    return resultOf({ recipe, ran, play: model.play(), edited, told });
  } finally {
    endStrays(home);
    await server.stop();
    await model.stop();
  }
}

/** What left the client's process group and stayed: known by its HOME, which nobody else has. */
function endStrays(home: string): void {
  if (process.platform !== "linux") return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (environment.includes(`HOME=${home}`)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It is gone already, or not ours to look at.
    }
  }
}

interface Outcome {
  readonly recipe: Recipe;
  readonly ran: Ran;
  readonly play: Play;
  readonly edited: boolean;
  readonly told: boolean;
}

function resultOf({ recipe, ran, play, edited, told }: Outcome): Result {
  const facts = factsOf(recipe);
  const { requests, called, offered } = play;
  const done = {
    ...facts,
    requests,
    called,
    tools: offered.length,
    milliseconds: ran.milliseconds,
  };
  if (edited && told && ran.code === 0) return { ...done, status: "done" };
  const reasons = [
    ran.late && "it did not end in time",
    requests === 0 && "it asked nothing",
    requests > 0 && called.length === 0 && `it was offered no call it took (${offered.join(", ")})`,
    !edited && "the file is not changed",
    edited && !told && "it did not show the answer",
    ran.code !== 0 && !ran.late && `it ended with ${ran.code}`,
    lastWords(ran.output),
  ].filter((reason) => typeof reason === "string" && reason !== "");
  return { ...done, status: "failed", reason: reasons.join("; ") };
}

function factsOf({ name, package: from, version, speaks, connect, note }: Recipe) {
  const facts = { name, package: from, version, speaks, connected: connect !== undefined };
  return note === undefined ? facts : { ...facts, note };
}

function lastWords(output: string): string {
  const line = output.trim().split("\n").at(-1) ?? "";
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** Whether the kernel lets us make a network of our own. */
function canIsolate(): boolean {
  if (process.platform !== "linux" || Bun.which("unshare") === null || Bun.which("ip") === null) {
    return false;
  }
  return Bun.spawnSync(["unshare", "--net", "ip", "link", "set", "lo", "up"]).exitCode === 0;
}

async function inNetworkOfItsOwn(recipe: Recipe, folder: string): Promise<Result> {
  const enter = 'ip link set lo up && exec "$@"';
  const again = [process.execPath, import.meta.path, "--inside", recipe.name, folder];
  const isolated = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const child = Bun.spawn([...isolated, "sh", "-c", enter, "sh", ...again], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // With the first process of its namespace everything in it ends.
  const end = () => child.kill("SIGKILL");
  hurry.signal.addEventListener("abort", end);
  const line = (await child.stdout.text()).trim().split("\n").at(-1) ?? "";
  await child.exited;
  hurry.signal.removeEventListener("abort", end);
  hurry.signal.throwIfAborted();
  return JSON.parse(line) as Result;
}

async function outside(recipe: Recipe, isolate: boolean): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "mlp-client-"));
  try {
    await install(recipe, join(folder, "installed"), hurry.signal);
    return await (isolate ? inNetworkOfItsOwn : inside)(recipe, folder);
  } catch (error) {
    hurry.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    const none = { requests: 0, called: [], tools: 0, milliseconds: 0 };
    return { ...factsOf(recipe), ...none, status: "failed", reason };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const [flag, ...rest] = process.argv.slice(2);
  if (flag === "--inside") {
    const [name, folder] = rest;
    const recipe = RECIPES.find((each) => each.name === name);
    if (recipe === undefined || folder === undefined) throw new Error("--inside <name> <folder>");
    console.log(JSON.stringify(await inside(recipe, folder)));
    return 0;
  }
  const wanted = process.argv.slice(2);
  const isolate = canIsolate();
  const results: Result[] = [];
  for (const recipe of RECIPES) {
    if (wanted.length > 0 && !wanted.includes(recipe.package)) continue;
    const result = await outside(recipe, isolate);
    results.push(result);
    console.log([result.status, result.name, result.reason ?? result.called.join(", ")].join("  "));
  }
  if (wanted.length === 0) {
    const node = Bun.spawnSync(["node", "--version"]).stdout.toString().trim().replace("v", "");
    const date = new Date().toISOString().slice(0, 10);
    await writeReport(results, { isolated: isolate, node, version: manifest.version, date });
  }
  return results.every(({ status }) => status === "done") ? 0 : 1;
}

for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => hurry.abort());
process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
