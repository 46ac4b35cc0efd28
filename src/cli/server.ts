// What the server commands have in common: configuration, log, ready line. Each says itself what it starts.

import type { Running, StartSettings } from "../app/types.ts";
import { loadConfig } from "../config/load.ts";
import type { FlagValue } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLog } from "../observe/log.ts";
import { redact } from "../security/redact.ts";
import type { App } from "./app.ts";
import type { CliContext } from "./context.ts";
import { asUsage } from "./failure.ts";
import type { CommonFlags } from "./flags.ts";
import { keepRunning } from "./keep-running.ts";

export interface ServerCommand {
  readonly flags: CommonFlags;
  readonly settings: Readonly<Record<string, FlagValue>>;
  start(app: App, settings: StartSettings): Promise<Running>;
  /** What a person reads on stdout when it is ready. */
  describe(running: Running, config: Config): string;
}

const ABORT_MS = 800;

export async function runServer(context: CliContext, command: ServerCommand): Promise<void> {
  const { env, io, paths } = context;
  const { config, warnings } = await asUsage(() =>
    loadConfig({ path: command.flags.config, env, flags: command.settings, paths }),
  );
  const { errors } = io;
  const { format } = config.logging;
  const log = createLog({
    level: config.provider.debug ? "debug" : config.logging.level,
    format: format === "auto" ? (errors.isTerminal ? "pretty" : "json") : format,
    color: errors.hasColor,
    stream: errors,
    censor: redact,
  });
  for (const warning of warnings) log.warn({}, warning);
  try {
    const exitCode = await keepRunning(
      {
        start: () => asUsage(() => command.start(context.app, { config, paths, env, log })),
        onReady: (running) => {
          const line = command.flags.json
            ? `${JSON.stringify(running.ready)}\n`
            : command.describe(running, config);
          io.output.write(line);
        },
        abortMs: ABORT_MS,
      },
      io.onSignal,
    );
    context.setExitCode(exitCode);
  } finally {
    log.flush();
  }
}
