// What a child says on its error output: each line to the log at debug, the last few kept for an error message.
// Bounded, whatever the child writes; nothing leaves here that `redact` has not seen.

import type { Clock, Log } from "../../core/ports.ts";
import { breathe } from "../within.ts";

export interface LastWords {
  /** The last lines, oldest first; empty when it said nothing. */
  lines(): readonly string[];
  /** Resolves when the output has ended. */
  readonly ended: Promise<void>;
}

export interface StderrOptions {
  readonly output: ReadableStream<Uint8Array>;
  readonly pid: number;
  readonly redact: (text: string) => string;
  readonly clock: Pick<Clock, "soon">;
  readonly log: Log;
}

const LINE_CHARACTERS = 1_000;
const LINES = 12;
/** Colours and cursor movements. */
const ESCAPES = /\u001B\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000B-\u001F\u007F]/g;

export function readStderr({ output, pid, redact, clock, log }: StderrOptions): LastWords {
  const kept: string[] = [];

  function hear(line: string): void {
    const text = redact(line.replace(ESCAPES, "").trim()).slice(0, LINE_CHARACTERS).toWellFormed();
    if (text === "") return;
    log.debug({ pid, line: text }, "agent stderr");
    kept.push(text);
    if (kept.length > LINES) kept.shift();
  }

  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of output) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      // A line without an end is cut, not collected.
      rest = (lines.pop() ?? "").slice(0, LINE_CHARACTERS * 2);
      for (const line of lines) hear(line);
      await breathe(clock);
    }
    hear(rest);
  }

  // A pipe that breaks is a child that ended; its exit says more.
  const ended = read().catch(() => undefined);
  return { lines: () => [...kept], ended };
}
