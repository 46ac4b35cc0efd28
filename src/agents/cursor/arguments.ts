// The command lines of `cursor-agent`. The prompt is in none of them: every user of the machine can read those. Pure.

import { AUTO_MODEL } from "./models.ts";

/** `ask` and `plan` change nothing; `agent` edits files and runs commands. */
export type CursorMode = "ask" | "plan" | "agent";

export interface PrintArguments {
  readonly mode: CursorMode;
  readonly model: string;
  readonly workspace: string;
  readonly chatId: string | undefined;
}

/** Both are needed: its `--force` asks before neither. */
export function modeFor(scopes: readonly string[]): CursorMode {
  return scopes.includes("agent:write") && scopes.includes("agent:exec") ? "agent" : "ask";
}

export function printArguments(wanted: PrintArguments): readonly string[] {
  const { mode, model, workspace, chatId } = wanted;
  // Without `--force`, print mode itself only proposes; `--mode` keeps it from trying.
  const limits = mode === "agent" ? ["--force"] : ["--mode", mode];
  return [
    "-p",
    "--output-format",
    "stream-json",
    "--stream-partial-output",
    ...limits,
    "--trust",
    "--workspace",
    workspace,
    "--model",
    model === "" ? AUTO_MODEL : model,
    ...(chatId === undefined ? [] : ["--resume", chatId]),
  ];
}

export const ACP_ARGUMENTS = ["acp"] as const;
export const MODELS_ARGUMENTS = ["--list-models"] as const;
export const STATUS_ARGUMENTS = ["status"] as const;

/** It waits for nobody to look at a browser. */
export const CURSOR_ENVIRONMENT = { NO_OPEN_BROWSER: "1" } as const;
/** Needs no human where a login is stored. */
export const CURSOR_LOGINS = ["cursor_login"] as const;
/** With a login that is there it takes a moment; without one it waits for a browser. */
export const CURSOR_LOGIN_MS = 8_000;
