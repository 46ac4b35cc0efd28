// A terminal, a home folder and a server that commands can be run against, all of them fake.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { App } from "../../src/cli/app.ts";
import { runCli } from "../../src/cli/cli.ts";
import type { Io } from "../../src/cli/context.ts";
import type { ExitCode } from "../../src/cli/failure.ts";
import { findPaths } from "../../src/config/paths.ts";

export interface FakeHome {
  readonly path: string;
  secret(name: string, value: string, mode?: number): void;
  /** As a running server leaves it; of this process, unless `pid` says otherwise. */
  runFile(content: {
    kind: string;
    api?: string;
    bridge?: string;
    control?: string;
    pid?: number;
    sessions?: boolean;
  }): void;
  remove(): void;
}

export function createHome(): FakeHome {
  const path = mkdtempSync(join(tmpdir(), "mlp-cli-"));
  mkdirSync(join(path, "secrets"), { mode: 0o700 });
  mkdirSync(join(path, "run"), { mode: 0o700 });
  let files = 0;
  return {
    path,
    secret: (name, value, mode = 0o600) =>
      writeFileSync(join(path, "secrets", name), `${value}\n`, { mode }),
    runFile: (content) => {
      const empty = { pid: process.pid, api: null, bridge: null, control: null };
      writeFileSync(join(path, "run", `${files++}.json`), JSON.stringify({ ...empty, ...content }));
    },
    remove: () => rmSync(path, { recursive: true }),
  };
}

export interface RunOptions {
  /** Gets what a SIGHUP would call. */
  readonly onReload?: (listener: () => void) => void;
  readonly home: FakeHome;
  /** The user's home folder, where editors have their settings; one that is not there without it. */
  readonly userHome?: string;
  readonly env?: Record<string, string>;
  readonly isTerminal?: boolean;
  /** What the person types, line by line. */
  readonly typed?: readonly string[];
  readonly piped?: string;
  readonly app?: Partial<App>;
  /** Hears of each piece of stdout as it is written. */
  readonly onOutput?: (all: string, signal: () => void) => void;
}

export interface RunResult {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

const noApp = () => Promise.reject(new Error("no server is started in this test"));

/** Runs a command in this process. */
export async function mlp(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const { home, isTerminal = false, typed = [], piped = "", app = {} } = options;
  const listeners = new Set<() => void>();
  const unreadListeners = new Set<() => void>();
  const lines = [...typed];
  let stdout = "";
  let stderr = "";
  const signal = (): void => listeners.forEach((listener) => listener());
  const io: Io = {
    input: { isTerminal, text: async () => piped, ask: async () => lines.shift() },
    output: {
      isTerminal,
      hasColor: false,
      write: (text) => {
        stdout += text;
        options.onOutput?.(stdout, signal);
      },
    },
    errors: { isTerminal, hasColor: false, write: (text) => void (stderr += text) },
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onUnread: (listener) => {
      unreadListeners.add(listener);
      return () => unreadListeners.delete(listener);
    },
    onReload: (listener) => {
      options.onReload?.(listener);
      return () => undefined;
    },
  };
  const env = { ...options.env, MLP_HOME: home.path };
  const userHome = options.userHome ?? join(home.path, "user");
  const code = await runCli(argv, {
    io,
    env,
    version: "1.2.3",
    // Never the real one: commands write there.
    home: userHome,
    platform: process.platform,
    findPaths: () => findPaths({ env, platform: process.platform, home: "/nowhere" }),
    app: {
      startUp: noApp,
      startServe: noApp,
      startBridge: noApp,
      startAgent: noApp,
      startMcp: noApp,
      ...app,
    },
  });
  if (listeners.size + unreadListeners.size > 0) throw new Error("a command went on listening");
  return { code, stdout, stderr };
}

interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly body: unknown;
}

export interface StubServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  stop(): Promise<void>;
}

export type StubAnswer = unknown;

/** Answers by `METHOD /path`: with JSON, or with the `Response` that a function makes. Anything else is 404. */
export function createStub(answers: Record<string, StubAnswer>): StubServer {
  const seen: SeenRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const text = await request.text();
      seen.push({
        method: request.method,
        path: pathname,
        authorization: request.headers.get("authorization"),
        body: text === "" ? undefined : (JSON.parse(text) as unknown),
      });
      const answer = answers[`${request.method} ${pathname}`];
      if (typeof answer === "function") return answer(request) as Response;
      if (answer !== undefined) return Response.json(answer);
      return Response.json({ error: { message: "No such route." } }, { status: 404 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, seen, stop: () => server.stop(true) };
}
