// What Cursor's program says of itself: whether it is logged in, and which way it can be driven. Nothing is prompted.

import { toAppError } from "../../core/error.ts";
import type { AcpOptions } from "../acp/acp.ts";
import { probeAcp } from "../acp/probe.ts";
import type { AcpFindings } from "../acp/probe.ts";
import { runCommand } from "../process/command.ts";
import { childEnvironment } from "../process/environment.ts";
import {
  ACP_ARGUMENTS,
  CURSOR_ENVIRONMENT,
  CURSOR_LOGINS,
  CURSOR_LOGIN_MS,
  MODELS_ARGUMENTS,
  STATUS_ARGUMENTS,
} from "./arguments.ts";
import { isLoginFailure, isLoginMissing, isWithoutAcp, loginMissing } from "./errors.ts";
import { parseCursorModels } from "./models.ts";

export interface CursorFindings {
  readonly way: "acp" | "print";
  /** Only in the way `acp`. */
  readonly acp?: AcpFindings;
  readonly models: number;
}

export type CursorProbe = Omit<AcpOptions, "agentId" | "command" | "limits"> & {
  readonly program: string;
  /** For each of its answers, in milliseconds. */
  readonly timeMs: number;
};

/** @throws AppError saying what to do */
export async function probeCursor(options: CursorProbe): Promise<CursorFindings> {
  const { program, timeMs } = options;
  const status = await ask(options, STATUS_ARGUMENTS);
  if (isLoginMissing(status)) throw loginMissing();
  try {
    const acp = await probeAcp({
      ...options,
      agentId: "cursor",
      command: [program, ...ACP_ARGUMENTS],
      extraEnv: CURSOR_ENVIRONMENT,
      logins: CURSOR_LOGINS,
      limits: { startMs: timeMs, loginMs: Math.min(timeMs, CURSOR_LOGIN_MS) },
    });
    return { way: "acp", acp, models: acp.models };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (isLoginFailure(error)) throw loginMissing();
    if (!isWithoutAcp(error)) throw error;
  }
  const words = await ask(options, MODELS_ARGUMENTS);
  if (isLoginMissing(words)) throw loginMissing();
  return { way: "print", models: parseCursorModels(words[0] ?? "").length };
}

/** Its output, and then the lines of its error output. */
async function ask(options: CursorProbe, args: readonly string[]): Promise<readonly string[]> {
  const { program, env, workspace, timeMs, clock, log, redact } = options;
  const { output, words } = await runCommand({
    command: [program, ...args],
    cwd: workspace.path,
    env: childEnvironment(env, CURSOR_ENVIRONMENT),
    timeMs,
    clock,
    log,
    redact,
  });
  return [output, ...words];
}
