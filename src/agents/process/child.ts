// A process that a connector starts, and everything that it starts in turn: one group, which ends as one. Knows nothing
// of what is spoken with it.
//
// The group also ends when we are killed without a word. A shell starts the command: it leaves a watcher behind, in the
// same group, that reads a pipe which only we hold open, and becomes the command itself. When we are gone the pipe ends,
// and the watcher ends the group. As long as the watcher lives, the group's number cannot belong to anybody else.

import { closeSync, existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Clock, Log } from "../../core/ports.ts";
import { readStderr } from "./stderr.ts";

export interface ChildOptions {
  /** The program, as a path (seen from where we are, not from `cwd`) or found on the environment's PATH, and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** All of it: see `childEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly redact: (text: string) => string;
  /** How long the group has after SIGTERM, in milliseconds. Default 2,000. */
  readonly graceMs?: number;
}

export interface Child {
  readonly pid: number;
  readonly input: WritableStream<Uint8Array>;
  readonly output: ReadableStream<Uint8Array>;
  /** Resolves with the exit code once the process has ended and its group was killed; a signal is 128 and its number. */
  readonly exited: Promise<number>;
  /** The last lines of its error output, redacted. They may quote a prompt once it has got one. */
  lastWords(): readonly string[];
  /** Resolves when its error output has ended: a moment after its exit, unless somebody else holds it open. */
  readonly saidAll: Promise<void>;
  /** SIGTERM to the group, SIGKILL to what is left of it. Resolves when it is done; calling it again changes nothing. */
  end(): Promise<void>;
}

const SHELL = "/bin/sh";
/** `$1…` is the command. Of the group, the watcher alone ignores SIGTERM. `sleep` is the one program it needs. */
const WATCHED = [
  "trap '' TERM",
  "{ while read -r _; do :; done <&3; kill -TERM 0; PATH=/usr/bin:/bin sleep 1; kill -KILL 0; } </dev/null >/dev/null 2>&1 &",
  "trap - TERM",
  'exec "$@" 3<&-',
].join("\n");
const GRACE_MS = 2_000;

/** @throws what the system says when the program cannot be started */
export function startChild(options: ChildOptions): Child {
  const { clock, log, redact, graceMs = GRACE_MS } = options;
  const command = fromHere(options.command);
  const isWatched = process.platform !== "win32" && existsSync(SHELL);
  const child = Bun.spawn(isWatched ? [SHELL, "-c", WATCHED, "sh", ...command] : command, {
    cwd: options.cwd,
    env: options.env,
    detached: process.platform !== "win32",
    stdio: isWatched ? ["pipe", "pipe", "pipe", "pipe"] : ["pipe", "pipe", "pipe"],
  });
  const { pid } = child;
  const watch = isWatched ? child.stdio[3] : undefined;
  const words = readStderr({ output: child.stderr, pid, redact, clock, log });
  let gone = false;
  let ending: Promise<void> | undefined;

  /** Never after the group is gone: its number may be another's by then. */
  function signalGroup(signal: "SIGTERM" | "SIGKILL"): void {
    if (gone) return;
    try {
      if (process.platform === "win32") child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // Nobody is left to hear it.
    }
  }

  const exited = child.exited.then((code) => {
    signalGroup("SIGKILL");
    gone = true;
    if (typeof watch === "number") closeSync(watch);
    log.debug({ pid, code }, "agent process ended");
    return code;
  });

  async function stop(): Promise<void> {
    signalGroup("SIGTERM");
    const cancel = clock.timer(graceMs, () => signalGroup("SIGKILL"));
    await exited;
    cancel();
  }

  return {
    pid,
    input: writableOf(child.stdin),
    output: child.stdout,
    exited,
    lastWords: () => words.lines(),
    saidAll: words.ended,
    end: () => (ending ??= stop()),
  };
}

/** Nobody who names `./agent` means one in the folder that it is to work in, which may hold what somebody else wrote. */
function fromHere([program = "", ...rest]: readonly string[]): string[] {
  return [program === basename(program) ? program : resolve(program), ...rest];
}

function writableOf(sink: Bun.FileSink): WritableStream<Uint8Array> {
  return new WritableStream({
    write: async (bytes) => {
      // Both can tell of a pipe that broke: by a promise here, which nobody else would hear.
      await sink.write(bytes);
      await sink.flush();
    },
    close: async () => void (await sink.end()),
  });
}
