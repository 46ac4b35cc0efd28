// What the server commands have in common: configuration, log, ready line. Each says itself what it starts.

import type { Running, StartSettings } from "../app/types.ts";
import { AppError } from "../core/error.ts";
import { loadConfig } from "../config/load.ts";
import type { FlagValue, LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLog } from "../observe/log.ts";
import type { ClosableLog } from "../observe/log.ts";
import { redact } from "../security/redact.ts";
import type { App } from "./app.ts";
import type { CliContext } from "./context.ts";
import { asUsage, CommandError } from "./failure.ts";
import { readRunFiles } from "./find-server.ts";
import type { CommonFlags } from "./flags.ts";
import { keepRunning } from "./keep-running.ts";
import { waitingForStart } from "./reload.ts";

export interface ServerCommand {
  readonly flags: CommonFlags;
  readonly settings: Readonly<Record<string, FlagValue>>;
  start(app: App, settings: StartSettings): Promise<Running>;
  /** What a person reads on stdout when it is ready. */
  describe(running: Running, config: Config): string;
}

const ABORT_MS = 800;
/** Nobody wonders before that. */
const SLOW_STOP_MS = 500;

export async function runServer(context: CliContext, command: ServerCommand): Promise<void> {
  const { env, io, paths } = context;
  const load = () =>
    loadConfig({ path: command.flags.config, env, flags: command.settings, paths });
  const loaded = await asUsage(load);
  const { config, warnings } = loaded;
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
          stopReloading = io.onReload(reloading(running, { load, log, atStart: loaded }));
          const line = command.flags.json
            ? `${JSON.stringify(running.ready)}\n`
            : command.describe(running, config);
          io.output.write(line);
        },
        onSlowStop: () => log.info({}, "waiting for open turns to end; a second signal ends them"),
        slowMs: SLOW_STOP_MS,
        startMs: config.limits.drain_ms,
        abortMs: ABORT_MS,
      },
      io.onSignal,
    );
    context.setExitCode(exitCode);
  } catch (error) {
    throw withHolder(error, paths.run, command.settings);
  } finally {
    stopReloading();
    log.flush();
  }
}

/** A port or a file that is taken: says by whom, where that is a server of ours. */
function withHolder(
  error: unknown,
  runFolder: string,
  settings: ServerCommand["settings"],
): unknown {
  if (!(error instanceof AppError) || error.code !== "conflict") return error;
  const running = readRunFiles(runFolder).map(
    ({ kind, pid, api, control }) => `mlp ${kind}, process ${pid} at ${control ?? api ?? "none"}`,
  );
  // The doctor looks at the ports of the configuration, not at those of flags.
  const isByFlag = Object.keys(settings).some((setting) => setting.endsWith(".port"));
  if (running.length === 0 && isByFlag) return error;
  const who = running.length > 0 ? `Running here: ${running.join("; ")}.` : "mlp doctor says more.";
  return new CommandError(`${error.message} ${who}`, { cause: error });
}

function levelOf({ provider, logging }: Config): Config["logging"]["level"] {
  return provider.debug ? "debug" : logging.level;
}

interface ReloadParts {
  readonly load: () => LoadedConfig;
  readonly log: ClosableLog;
  readonly atStart: LoadedConfig;
}

/** A configuration that is wrong changes nothing: the server goes on with the one it has. */
function reloading(running: Running, { load, log, atStart }: ReloadParts): () => void {
  let { file: before } = atStart;
  return () => {
    try {
      const { config, file, warnings } = load();
      log.setLevel(levelOf(config));
      running.reload(config);
      for (const warning of warnings) log.warn({}, warning);
      if (before !== null && file === null) {
        log.warn(
          { file: before },
          "the configuration file is gone; the defaults hold in its place",
        );
      }
      before = file;
      log.info({}, "the configuration was read again");
      const settings = waitingForStart(atStart.config, config);
      if (settings.length > 0) log.warn({ settings }, "these settings hold from the next start on");
    } catch (error) {
      log.error({ err: error }, "the configuration was not taken over");
    }
  };
}
