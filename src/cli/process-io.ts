// The real terminal and the real signals. The only file of the commands that touches the process's own streams.

import { createInterface } from "node:readline";
import { isatty } from "node:tty";

import type { Environment } from "../config/read-environment.ts";
import type { Input, Io, Output } from "./context.ts";

export interface ProcessIo extends Io {
  /**
   * Resolves when all that was written has left: leaving before would cut a pipe's data off. With the system's code when
   * some of stdout could not be written, such as on a full disk.
   */
  flush(): Promise<string | undefined>;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** A reader that has gone (`mlp list | head -1`) is no failure of ours. */
const READER_GONE = "EPIPE";

export function createProcessIo(env: Environment): ProcessIo {
  const pending = new Set<Promise<void>>();
  const unread = Promise.withResolvers<void>();
  let failure: string | undefined;
  return {
    input: createInput(),
    output: createOutput(process.stdout, {
      descriptor: 1,
      env,
      pending,
      onFailure(code) {
        if (code === READER_GONE) unread.resolve();
        else failure ??= code;
      },
    }),
    errors: createOutput(process.stderr, {
      descriptor: 2,
      env,
      pending,
      onFailure: () => undefined,
    }),
    onSignal(listener) {
      // A terminal that is closed says SIGHUP to what runs in it; to anything else it means a new configuration.
      const signals = isatty(0) ? [...SIGNALS, "SIGHUP" as const] : SIGNALS;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    onUnread(listener) {
      let isListening = true;
      void unread.promise.then(() => {
        if (isListening) listener();
      });
      return () => {
        isListening = false;
      };
    },
    onReload(listener) {
      if (isatty(0)) return () => undefined;
      process.on("SIGHUP", listener);
      return () => {
        process.off("SIGHUP", listener);
      };
    },
    async flush() {
      while (pending.size > 0) await Promise.all(pending);
      return failure;
    },
  };
}

interface OutputSettings {
  readonly descriptor: 1 | 2;
  readonly env: Environment;
  /** Writes that have not left yet. */
  readonly pending: Set<Promise<void>>;
  /** Hears the system's code of each write that failed. */
  readonly onFailure: (code: string) => void;
}

function createOutput(
  stream: NodeJS.WriteStream,
  { descriptor, env, pending, onFailure }: OutputSettings,
): Output {
  const isTerminal = isatty(descriptor);
  const fail = (error: Error): void => onFailure("code" in error ? String(error.code) : error.name);
  stream.on("error", fail);
  return {
    isTerminal,
    hasColor: isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    write(text) {
      // Only the callback of a write itself says that its data has left.
      const written = new Promise<void>((resolve) => {
        stream.write(text, (error) => {
          // It may come before the event, and the process be gone by then.
          if (error instanceof Error) fail(error);
          resolve();
        });
      });
      pending.add(written);
      void written.then(() => pending.delete(written));
    },
  };
}

function createInput(): Input {
  return {
    isTerminal: isatty(0),
    text: () => Bun.stdin.text(),
    ask(question) {
      // One reader per question: between questions Ctrl-C has to be a signal again.
      const reader = createInterface({ input: process.stdin, output: process.stdout });
      return new Promise((resolve) => {
        reader.once("close", () => resolve(undefined));
        reader.once("SIGINT", () => reader.close());
        reader.question(question, (line) => {
          resolve(line);
          reader.close();
        });
      });
    },
  };
}
