// A command that is run to its end for what it prints: bounded in time and size, its whole group ended with it.

import type { ChildOptions } from "./child.ts";
import { startChild } from "./child.ts";

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

/** Its input is empty. @throws what the system says when the program cannot be started */
export async function runCommand(options: CommandOptions): Promise<CommandRan> {
  const child = startChild(options);
  const late = Promise.withResolvers<undefined>();
  const cancel = options.clock.timer(options.timeMs, () => late.resolve(undefined));
  let output = "";

  async function read(): Promise<number> {
    await child.input.close().catch(() => undefined);
    const decoder = new TextDecoder();
    for await (const bytes of child.output) {
      const text = decoder.decode(bytes, { stream: true });
      output = (output + text).slice(0, MOST_CHARACTERS);
    }
    const exitCode = await child.exited;
    await child.saidAll;
    return exitCode;
  }

  const ended = read();
  try {
    const exitCode = await Promise.race([ended, late.promise]);
    return { exitCode, output, words: child.lastWords() };
  } finally {
    cancel();
    await child.end();
    // The pipe of a group that was ended may break.
    await ended.catch(() => undefined);
  }
}
