// What a command gets: the terminal, the environment and the app behind it. Nothing here touches the process itself,
// so that a test can be one.

import type { ApplicationContext } from "@stricli/core";

import type { Environment } from "../config/read-environment.ts";
import type { Paths } from "../config/paths.ts";
import type { App } from "./app.ts";
import type { ExitCode } from "./failure.ts";

export interface Output {
  readonly isTerminal: boolean;
  /** Whether colours are wanted: a terminal, and no NO_COLOR. */
  readonly hasColor: boolean;
  write(text: string): void;
}

export interface Input {
  readonly isTerminal: boolean;
  /** All of it; for when it is piped. */
  text(): Promise<string>;
  /** One line from a person, or `undefined` when there are no more. */
  ask(question: string): Promise<string | undefined>;
}

export interface Io {
  readonly input: Input;
  /** Data. */
  readonly output: Output;
  /** Logs and complaints. */
  readonly errors: Output;
  /** Calls back on each SIGINT, SIGTERM or SIGHUP. Returns the way to stop. */
  readonly onSignal: (listener: () => void) => () => void;
  /** Calls back once when nobody reads stdout any more, as behind `| head -1`. Returns the way to stop. */
  readonly onUnread: (listener: () => void) => () => void;
  /** SIGHUP to a server without a terminal: its configuration has changed. */
  readonly onReload: (listener: () => void) => () => void;
}

export interface CliContext extends ApplicationContext {
  readonly io: Io;
  readonly env: Environment;
  readonly paths: Paths;
  /** The user's home folder: editors keep their settings in it. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly version: string;
  readonly app: App;
  /** For a command that fails without a message of its own. */
  setExitCode(code: ExitCode): void;
}

/** A command as the parser calls it, with its context as `this`. */
export function withContext<A extends readonly unknown[]>(
  command: (context: CliContext, ...args: A) => Promise<void> | void,
): (this: CliContext, ...args: A) => Promise<void> | void {
  return function (this: CliContext, ...args: A) {
    return command(this, ...args);
  };
}
