// The `cursor` connector: turns answered by Cursor's own command line program. By its ACP mode where the build has it, else
// by its print mode. It answers questions and plans; it changes nothing unless the session was granted that.

import { AppError, toAppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Model } from "../../core/model.ts";
import type { Agent, Clock, Log, Random } from "../../core/ports.ts";
import type { Turn } from "../../core/turn.ts";
import { orAbort, throwIfAborted } from "../abort.ts";
import { createAcp } from "../acp/acp.ts";
import type { Acp } from "../acp/acp.ts";
import { runCommand } from "../process/command.ts";
import { childEnvironment } from "../process/environment.ts";
import type { Workspace } from "../process/workspace.ts";
import {
  ACP_ARGUMENTS,
  CURSOR_ENVIRONMENT,
  CURSOR_LOGINS,
  CURSOR_LOGIN_MS,
  MODELS_ARGUMENTS,
} from "./arguments.ts";
import {
  isLoginFailure,
  isLoginMissing,
  isWithoutAcp,
  loginMissing,
  modesMissing,
} from "./errors.ts";
import { AUTO_MODEL, cursorModel, parseCursorModels } from "./models.ts";
import { createCursorPrint } from "./print.ts";
import type { CursorPrint } from "./print.ts";
import { withEditorTools } from "../tool-bridge/tool-bridge.ts";
import type { ToolRunner } from "../tool-runner.ts";

export interface CursorOptions {
  readonly agentId: string;
  readonly label?: string;
  /** Path of the program, or its name on PATH. */
  readonly program: string;
  /** The only model to offer, whatever the program lists. */
  readonly model?: string;
  /** Ours: the agent gets it without what is ours. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it works. Closed with the agent. */
  readonly workspace: Workspace;
  /** Ours, for the agent's ears. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  /** SHA-256 in hex. */
  readonly sha256: (text: string) => string;
  readonly onSession?: (news: { readonly hit: boolean; readonly savedMs: number }) => void;
  /** How long its start may take, in milliseconds, and its list of models. Default 20,000. */
  readonly startMs?: number;
}

export type CursorWay = "acp" | "print";

export interface Cursor extends Agent {
  /**
   * Finds out how the program is driven, and its models. A turn does so, too, where this has failed.
   * @throws AppError saying what to do
   */
  start(): Promise<void>;
  /** Ends every process. */
  close(): Promise<void>;
  /** `undefined` until it is known. */
  readonly way: CursorWay | undefined;
}

/** A build that knows no ACP may wait for a human instead of saying so. */
const START_MS = 20_000;

const LOOKS_ONLY: ReadonlySet<string> = new Set(["ask", "plan"]);

interface Driver {
  readonly way: CursorWay;
  readonly runner: ToolRunner;
}

export function createCursor(options: CursorOptions): Cursor {
  const { program, clock, random, log, redact, workspace, startMs = START_MS } = options;
  let models: readonly Model[] = [cursorModel(options.model ?? AUTO_MODEL)];
  let driver: Driver | undefined;
  let choosing: Promise<Driver> | undefined;
  let print: CursorPrint | undefined;

  const acp = createAcp({
    ...options,
    connector: "cursor",
    command: [program, ...ACP_ARGUMENTS],
    extraEnv: CURSOR_ENVIRONMENT,
    workspace: { ...workspace, close: () => undefined },
    logins: CURSOR_LOGINS,
    hasTools: true,
    limits: { startMs, loginMs: Math.min(startMs, CURSOR_LOGIN_MS) },
  });

  function offer(found: readonly Model[]): void {
    const { model } = options;
    if (found.length === 0) return;
    const only = model === undefined ? undefined : found.find(({ id }) => id === model);
    models = model === undefined ? found : [only ?? cursorModel(model)];
  }

  function modelFor(asked: string): string {
    const name = asked.toLowerCase();
    return models.find(({ id }) => id.toLowerCase() === name)?.id ?? models[0]?.id ?? AUTO_MODEL;
  }

  async function chooseAcp(): Promise<Driver> {
    await acp.start();
    // Its tools run inside it: without a mode that only looks, no scope would hold it back.
    if (!acp.modes.some((mode) => LOOKS_ONLY.has(mode))) throw modesMissing();
    offer(listedBy(acp));
    return { way: "acp", runner: acp.runner };
  }

  async function choosePrint(): Promise<Driver> {
    const env = childEnvironment(options.env, CURSOR_ENVIRONMENT);
    const parts = { clock, log, redact, env };
    print ??= createCursorPrint({
      ...parts,
      program,
      workspace: () => workspace.path,
      modelFor,
      sha256: options.sha256,
      onSession: options.onSession,
    });
    const { exitCode, output, words } = await runCommand({
      ...parts,
      command: [program, ...MODELS_ARGUMENTS],
      cwd: workspace.path,
      timeMs: startMs,
    });
    if (exitCode === 0) offer(parseCursorModels(output));
    // Builds that list no models have the automatic choice.
    else if (isLoginMissing([output, ...words])) throw loginMissing();
    return { way: "print", runner: print };
  }

  async function choose(): Promise<Driver> {
    try {
      return await chooseAcp();
    } catch (thrown) {
      const error = toAppError(thrown);
      if (isLoginFailure(error)) throw loginMissing();
      if (!isWithoutAcp(error)) throw error;
      log.info(
        { reason: error.message },
        "cursor-agent is not driven over ACP; its print mode is used",
      );
      await acp.close();
      return await choosePrint();
    }
  }

  /** What was found out holds for as long as we run; what failed is tried again by the next turn. */
  async function chosen(): Promise<Driver> {
    choosing ??= choose().then(
      (found) => (driver = found),
      (error: unknown) => {
        choosing = undefined;
        throw error;
      },
    );
    return await choosing;
  }

  async function* run(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    const { runner } = await orAbort(chosen(), signal);
    try {
      yield* runner.run(named(turn, modelFor), signal, []);
    } catch (error) {
      throw error instanceof AppError && isLoginFailure(error) ? loginMissing() : error;
    }
  }

  // It takes MCP servers in ACP mode only behind an approval of its own, so the tools ride on the prompt.
  const tools = withEditorTools(
    { run, takesServers: () => false },
    { clock, random, log, toolServers: "envelope" },
  );

  const info = {
    agentId: options.agentId,
    label: options.label ?? "Cursor",
    connector: "cursor",
    get models() {
      return models;
    },
    requestedScopes: ["inference", "tools", "agent:read"] as const,
  };
  return {
    info,
    run: tools.run,
    get way() {
      return driver?.way;
    },
    start: async () => void (await chosen()),
    close: async () => {
      await tools.close();
      await Promise.all([acp.close(), print?.close()]);
      workspace.close();
    },
  } satisfies Cursor;
}

/** A program that lists no models is known by its own name: what that means is Cursor's automatic choice. */
function listedBy({ info }: Acp): readonly Model[] {
  const [first, ...others] = info.models;
  if (first === undefined) return [];
  const isOwnName = others.length === 0 && first.label === undefined;
  return isOwnName ? [{ ...first, id: AUTO_MODEL }] : info.models;
}

/** With the model's name as the program has it, whatever name of the default agent was asked for. */
function named(turn: Turn, modelFor: (asked: string) => string): Turn {
  const { request } = turn;
  return { ...turn, request: { ...request, model: modelFor(request.model) } };
}
