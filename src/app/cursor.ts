// Cursor's own program as an agent of this process: where it is, where it works, and its end with ours.

import { join } from "node:path";
import { chosenWorkspace, scratchWorkspace } from "../agents/process/workspace.ts";
import { createCursor } from "../agents/cursor/cursor.ts";
import type { Cursor } from "../agents/cursor/cursor.ts";
import type { AgentSpec } from "../config/agent-spec.ts";
import { AppError } from "../core/error.ts";
import { redact } from "../security/redact.ts";
import type { AgentDeps } from "./agents.ts";
import { findOnPath } from "./find-agents.ts";
import { VERSION } from "./version.ts";

export const CURSOR_COMMAND = "cursor-agent";
/** Names the program where it is not on PATH. */
const CURSOR_VARIABLE = "CURSOR_AGENT_BIN";

type Environment = Readonly<Record<string, string | undefined>>;

/** The path of the program; null where there is none. `which` answers with a command's path, or null. */
export function findCursor(
  env: Environment,
  which: (command: string) => string | null,
): string | null {
  const named = env[CURSOR_VARIABLE];
  return which(named === undefined || named === "" ? CURSOR_COMMAND : named);
}

/** Started, so that its models are known. @throws AppError saying what to do */
export async function createCursorAgent(
  spec: Extract<AgentSpec, { connector: "cursor" }>,
  deps: AgentDeps,
): Promise<Cursor> {
  const { system, log, env, paths, shutdown } = deps;
  const which = (command: string): string | null => findOnPath(command, env);
  const program = spec.command === undefined ? findCursor(env, which) : which(spec.command);
  if (program === null) throw notThere(spec.command ?? env[CURSOR_VARIABLE]);
  const workspace =
    spec.workspace === undefined
      ? scratchWorkspace(join(paths.state, "workspaces"))
      : chosenWorkspace(spec.workspace);
  const label = deps.label ?? spec.label;
  const agent = createCursor({
    ...system,
    agentId: deps.agentId ?? "cursor",
    program,
    env,
    workspace,
    version: VERSION,
    log,
    redact,
    ...(deps.onAgentSession !== undefined && { onSession: deps.onAgentSession }),
    ...(label !== undefined && { label }),
    ...(spec.model !== undefined && { model: spec.model }),
  });
  shutdown.onClose("cursor", () => agent.close());
  try {
    await agent.start();
  } catch (error) {
    await agent.close();
    throw error;
  }
  return agent;
}

function notThere(named: string | undefined): AppError {
  const where = named === undefined || named === "" ? "on PATH" : "where it was said to be";
  return new AppError(
    "invalid_request",
    `${CURSOR_COMMAND} is not ${where}. Install Cursor's command line program (cursor.com/cli), or name it in ${CURSOR_VARIABLE}.`,
  );
}
