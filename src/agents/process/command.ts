// A command that is run to its end for what it prints: bounded in time and size, its whole group ended with it.

import type { ChildOptions } from "./child.ts";
import { startChild } from "./child.ts";
import { breathe, within } from "../within.ts";

export interface CommandRan {
  /** `undefined`: it was still running when its time was up. */
  readonly exitCode: number | undefined;
  /** Its first characters. */
  readonly output: string;
  /** The last lines of its error output. */
  readonly words: readonly string[];
}

export interface CommandOptions extends ChildOptions {
  readonly timeMs: number;
}

const MOST_CHARACTERS = 256 * 1024;
/** How long after its exit its output may still end, in milliseconds: somebody that it left behind may hold it open. */
const DRAIN_MS = 500;

/** Its input is empty. @throws what the system says when the program cannot be started */
export async function runCommand(options: CommandOptions): Promise<CommandRan> {
  const { clock, timeMs } = options;
  const child = startChild(options);
  const reader = child.output.getReader();
  const late = Promise.withResolvers<undefined>();
  const cancel = clock.timer(timeMs, () => late.resolve(undefined));
  let output = "";

  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      output = (output + decoder.decode(value, { stream: true })).slice(0, MOST_CHARACTERS);
      await breathe(clock);
    }
  }

  async function end(): Promise<number> {
    child.input.close().catch(() => undefined);
    // The pipe of a group that was ended may break.
    const said = Promise.all([read().catch(() => undefined), child.saidAll]);
    const exitCode = await child.exited;
    await within(said, DRAIN_MS, clock);
    return exitCode;
  }

  try {
    const exitCode = await Promise.race([end(), late.promise]);
    return { exitCode, output, words: child.lastWords() };
  } finally {
    await child.end();
    cancel();
    await reader.cancel().catch(() => undefined);
  }
}
