// What the server commands have in common: configuration, log, ready line. Each says itself what it starts.

import type { Running, StartSettings } from "../app/types.ts";
import { loadConfig } from "../config/load.ts";
import type { FlagValue, LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLog } from "../observe/log.ts";
import type { ClosableLog } from "../observe/log.ts";
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
  const load = () =>
    loadConfig({ path: command.flags.config, env, flags: command.settings, paths });
  const { config, warnings } = await asUsage(load);
  const { errors } = io;
  const { format } = config.logging;
  const log = createLog({
    level: levelOf(config),
    format: format === "auto" ? (errors.isTerminal ? "pretty" : "json") : format,
    color: errors.hasColor,
    stream: errors,
    censor: redact,
  });
  for (const warning of warnings) log.warn({}, warning);
  let stopReloading: () => void = () => undefined;
  try {
    const exitCode = await keepRunning(
      {
        start: () => asUsage(() => command.start(context.app, { config, paths, env, log })),
        onReady: (running) => {
          stopReloading = io.onReload(() => reload(running, load, log));
          const line = command.flags.json
            ? `${JSON.stringify(running.ready)}\n`
            : command.describe(running, config);
          io.output.write(line);
        },
        startMs: config.limits.drain_ms,
        abortMs: ABORT_MS,
      },
      io.onSignal,
    );
    context.setExitCode(exitCode);
  } finally {
    stopReloading();
    log.flush();
  }
}

function levelOf({ provider, logging }: Config): Config["logging"]["level"] {
  return provider.debug ? "debug" : logging.level;
}

/** A configuration that is wrong changes nothing: the server goes on with the one it has. */
function reload(running: Running, load: () => LoadedConfig, log: ClosableLog): void {
  try {
    const { config, warnings } = load();
    log.setLevel(levelOf(config));
    running.reload(config);
    for (const warning of warnings) log.warn({}, warning);
    log.info({}, "the configuration was read again");
  } catch (error) {
    log.error({ err: error }, "the configuration was not taken over");
  }
}
