// The command line as a function: arguments in, exit code out. Owns no stream and never ends the process.

import { buildApplication, buildRouteMap, run } from "@stricli/core";
import type { Application, StricliProcess } from "@stricli/core";

import type { App } from "./app.ts";
import { checkArguments, completeArguments } from "./arguments.ts";
import type { CliContext, Io } from "./context.ts";
import { asUsage, exitCodeOf, failureText } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { auditRoutes } from "./routes-audit.ts";
import * as Client from "./routes-client.ts";
import { connectCommand, disconnectCommand } from "./routes-connect.ts";
import { keysRoutes, sessionsRoutes } from "./routes-control.ts";
import { doctorCommand } from "./routes-doctor.ts";
import * as Papers from "./routes-papers.ts";
import * as Servers from "./routes-servers.ts";
import { createTexts } from "./texts.ts";
import type { Environment } from "../config/read-environment.ts";
import type { Paths } from "../config/paths.ts";

export interface CliSettings {
  readonly io: Io;
  readonly env: Environment;
  readonly version: string;
  /** The user's home folder. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Throws `AppError` when the environment says nonsense about them. */
  findPaths(): Paths;
  readonly app: App;
}

/** The parser's own codes: a wrong command, a wrong argument. */
const USAGE_CODES = new Set<number | string>([-5, -4]);

/** Runs the command of `argv`, which does not hold the program's own name. */
export async function runCli(argv: readonly string[], settings: CliSettings): Promise<ExitCode> {
  const { io, env, version, home, platform, app } = settings;
  let ownCode: ExitCode = 0;
  try {
    checkArguments(argv);
    const parser = createParserProcess(io);
    const context: CliContext = {
      process: parser,
      io,
      env,
      version,
      home,
      platform,
      app,
      paths: await asUsage(() => settings.findPaths()),
      setExitCode: (code) => {
        ownCode = code;
      },
    };
    await run(buildCommandLine(version), completeArguments(argv), context);
    const code = parser.exitCode ?? 0;
    if (code === 0) return ownCode;
    return code === 2 || USAGE_CODES.has(code) ? 2 : 1;
  } catch (error) {
    io.errors.write(`${failureText(error)}\n`);
    return exitCodeOf(error);
  }
}

/** The parser's view of the process: where it writes its complaints, and leaves its exit code. */
function createParserProcess({ output, errors }: Io): StricliProcess {
  return {
    stdout: { write: (text) => output.write(text) },
    stderr: {
      write: (text) => errors.write(text),
      getColorDepth: () => (errors.hasColor ? 8 : 1),
    },
    exitCode: null,
  };
}

function buildCommandLine(version: string): Application<CliContext> {
  const root = buildRouteMap({
    routes: {
      up: Servers.upCommand,
      serve: Servers.serveCommand,
      bridge: Servers.bridgeCommand,
      agent: Servers.agentCommand,
      mcp: Servers.mcpCommand,
      sessions: sessionsRoutes,
      keys: keysRoutes,
      audit: auditRoutes,
      connect: connectCommand,
      disconnect: disconnectCommand,
      list: Client.listCommand,
      ps: Client.psCommand,
      show: Client.showCommand,
      run: Client.runCommand,
      health: Client.healthCommand,
      doctor: doctorCommand,
      config: Papers.configRoutes,
      openapi: Papers.openapiCommand,
      asyncapi: Papers.asyncapiCommand,
      version: Client.versionCommand,
    },
    aliases: { ls: "list" },
    docs: {
      brief: "A model server for your editor, answered by the coding agent you already have",
    },
  });
  return buildApplication(root, {
    name: "mlp",
    versionInfo: { currentVersion: version },
    scanner: {
      caseStyle: "original",
      allowArgumentEscapeSequence: true,
      distanceOptions: {
        threshold: 3,
        weights: { insertion: 1, deletion: 1, substitution: 1, transposition: 1 },
      },
    },
    determineExitCode: exitCodeOf,
    localization: { text: createTexts() },
  });
}
