// The compiled binary as a user has it: started from an empty folder, without PATH and without anything of this
// repository in reach. Every process belongs to a suite, which ends them all and makes sure that none is left.

import { setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { leftoversMark } from "./leftovers-mark.ts";
import { createLineLog, readLines } from "./line-log.ts";
import type { LineLog } from "./line-log.ts";

export const BINARY = join(import.meta.dir, "../../dist/mlp");

/** The line of `--json`. */
export interface Ready {
  readonly event: "ready";
  readonly api: string | null;
  readonly bridge: string | null;
  readonly dashboard: null;
  readonly agent: string | null;
  readonly version: string;
}

export interface Secrets {
  readonly apiKey: string;
  readonly controlToken: string;
  readonly bridgeToken: string;
  readonly agentToken: string;
}

export interface StartOptions {
  /** MLP_HOME; a new folder without it. */
  readonly home?: string;
  /** The working folder; a new empty one without it. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `false`: no secrets in the environment, so that the server makes its own. */
  readonly secrets?: boolean;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server of ours that is ready. */
export interface Mlp {
  readonly pid: number;
  readonly ready: Ready;
  /** `http://127.0.0.1:PORT` of its provider; throws where there is none. */
  readonly api: string;
  /** `ws://127.0.0.1:PORT`; throws where there is none. */
  readonly bridge: string;
  readonly home: string;
  readonly secrets: Secrets;
  readonly log: LineLog;
  stdout(): string;
  stderr(): string;
  /** Resolves with the exit code; a signal that killed it is 128 and its number. */
  readonly exited: Promise<number>;
  /** SIGTERM, without waiting. */
  terminate(): void;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<number>;
  /** SIGKILL, and waits for the end. */
  kill9(): Promise<void>;
}

export interface Suite {
  readonly secrets: Secrets;
  /** A new empty folder, gone with the suite. */
  folder(name: string): string;
  /** Starts a server with `--json` and waits until it is ready. */
  start(args: readonly string[], options?: StartOptions): Promise<Mlp>;
  /** Runs a command to its end. */
  run(args: readonly string[], options?: StartOptions): Promise<Ran>;
  /** Ends what still runs. Throws when a process had to be killed or is still there. */
  close(): Promise<void>;
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** Longer than any wait within a test, so that the wait says what did not come. */
const TEST_MS = 40_000;
const READY_MS = 15_000;
/** How long open turns may take to end at the end of a suite, and a process that is told twice. */
const DRAIN_MS = 2_000;
const STOP_MS = 5_000;

/** The first thing in a test file: it also gives its tests time for processes that start on a busy machine. */
export function createSuite(): Suite {
  setDefaultTimeout(TEST_MS);
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing; run: bun run build`);
  const root = realpathSync(mkdtempSync(join(tmpdir(), "mlp-e2e-")));
  const secrets = createSecrets();
  const children = new Set<Child>();
  let folders = 0;

  function folder(name: string): string {
    folders += 1;
    const path = join(root, `${name}-${folders}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  function spawn(args: readonly string[], options: StartOptions, home: string): Child {
    const child = Bun.spawn([BINARY, ...args], {
      cwd: options.cwd ?? folder("cwd"),
      env: {
        ...leftoversMark(),
        MLP_HOME: home,
        ...(options.secrets !== false && asVariables(secrets)),
        ...options.env,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    children.add(child);
    return child;
  }

  async function start(args: readonly string[], options: StartOptions = {}): Promise<Mlp> {
    const home = options.home ?? folder("home");
    // What comes after `--` is another program's.
    const end = args.includes("--") ? args.indexOf("--") : args.length;
    const child = spawn(args.toSpliced(end, 0, "--json"), options, home);
    return await serverOf(child, { name: `mlp ${args.join(" ")}`, home, secrets });
  }

  async function run(args: readonly string[], options: StartOptions = {}): Promise<Ran> {
    const child = spawn(args, options, options.home ?? folder("home"));
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code: await child.exited, stdout, stderr };
  }

  async function close(): Promise<void> {
    const stubborn: string[] = [];
    await Promise.all([...children].map((child) => end(child, stubborn)));
    const left = [...children].filter(({ pid }) => isAlive(pid)).map(({ pid }) => String(pid));
    rmSync(root, { recursive: true, force: true });
    if (stubborn.length + left.length === 0) return;
    throw new Error(`processes that did not end by SIGTERM: ${[...stubborn, ...left].join(", ")}`);
  }

  return { secrets, folder, start, run, close };
}

interface ServerParts {
  readonly name: string;
  readonly home: string;
  readonly secrets: Secrets;
}

async function serverOf(child: Child, { name, home, secrets }: ServerParts): Promise<Mlp> {
  const output = createLineLog(name);
  const log = createLineLog(name);
  let stdout = "";
  let stderr = "";
  const outputRead = readLines(child.stdout, (line) => {
    stdout += `${line}\n`;
    output.push(line);
  }).finally(() => output.end());
  const logRead = readLines(child.stderr, (line) => {
    stderr += `${line}\n`;
    log.push(line);
  }).finally(() => log.end());
  const exited = Promise.all([child.exited, outputRead, logRead]).then(([code]) => code);
  let ready: Ready;
  try {
    const { msg } = await output.until(() => true, { what: "the ready event", ms: READY_MS });
    ready = JSON.parse(msg) as Ready;
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${name} did not get ready; it said:\n${stdout}${stderr}`, { cause: error });
  }
  return {
    pid: child.pid,
    ready,
    get api() {
      return given(ready.api, `${name} has no provider`);
    },
    get bridge() {
      return given(ready.bridge, `${name} has no bridge`);
    },
    home,
    secrets,
    log,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    terminate: () => child.kill("SIGTERM"),
    stop: () => {
      child.kill("SIGTERM");
      return exited;
    },
    kill9: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

function given(value: string | null, complaint: string): string {
  if (value === null) throw new Error(complaint);
  return value;
}

/** The first SIGTERM drains, the second does not; who hears neither is killed and named. */
async function end(child: Child, stubborn: string[]): Promise<void> {
  for (const patienceMs of [DRAIN_MS, STOP_MS]) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    if (await endsWithin(child, patienceMs)) return;
  }
  stubborn.push(String(child.pid));
  child.kill("SIGKILL");
  await child.exited;
}

async function endsWithin(child: Child, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  const ended = await Promise.race([child.exited.then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function createSecrets(): Secrets {
  const secret = (): string => `mlp_${randomBytes(32).toString("base64url")}`;
  return {
    apiKey: secret(),
    controlToken: secret(),
    bridgeToken: secret(),
    agentToken: secret(),
  };
}

function asVariables(secrets: Secrets): Record<string, string> {
  return {
    MLP_API_KEY: secrets.apiKey,
    MLP_CONTROL_TOKEN: secrets.controlToken,
    MLP_BRIDGE_TOKEN: secrets.bridgeToken,
    MLP_AGENT_TOKEN: secrets.agentToken,
  };
}

/**
 * The only loop that asks again: for states of another process that it tells nobody of. Bounded; says what it last saw.
 * `check` answers `undefined` for "not yet"; its rejections count as that, too.
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined>,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  let last: unknown = "nothing";
  while (performance.now() < deadline) {
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await Bun.sleep(20);
  }
  throw new Error(`not within ${ms} ms: ${what}`, { cause: last });
}
