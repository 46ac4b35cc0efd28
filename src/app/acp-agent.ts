// An agent that speaks ACP, with the editor's tools, as a server runs it: where it works, and that it ends with the server.

import { join } from "node:path";
import type { AcpOptions } from "../agents/acp/acp.ts";
import { createAcp } from "../agents/acp/acp.ts";
import { habitsOf } from "../agents/acp/habits.ts";
import { programName } from "../agents/process/program-name.ts";
import { chosenWorkspace, scratchWorkspace } from "../agents/process/workspace.ts";
import { withEditorTools } from "../agents/tool-bridge/tool-bridge.ts";
import type { ToolServersChoice } from "../agents/tool-bridge/tool-bridge.ts";
import type { Agent } from "../core/ports.ts";
import { redact } from "../security/redact.ts";
import type { Base } from "./start.ts";
import { VERSION } from "./version.ts";

export interface AcpAgentSettings
  extends
    Pick<AcpOptions, "agentId" | "command">,
    Partial<
      Pick<
        AcpOptions,
        "label" | "connector" | "vendorAnswers" | "logins" | "extraEnv" | "onSession"
      >
    > {
  /** The folder to work in; one of its own without it. */
  readonly workspace?: string;
  readonly toolServers?: ToolServersChoice;
}

export type AcpAgentDeps = Pick<Base, "env" | "log" | "paths" | "shutdown" | "system">;

/** It runs and has said which models it has. @throws AppError saying what to do */
export async function startAcpAgent(
  settings: AcpAgentSettings,
  deps: AcpAgentDeps,
): Promise<Agent> {
  const { workspace, toolServers, ...options } = settings;
  const habits = habitsOf(programName(options.command));
  const { env, log, paths, shutdown, system } = deps;
  const { clock, random, sha256 } = system;
  const acp = createAcp({
    ...options,
    ...(habits.extraEnv !== undefined && {
      extraEnv: { ...habits.extraEnv, ...options.extraEnv },
    }),
    env,
    workspace:
      workspace === undefined
        ? scratchWorkspace(join(paths.state, "workspaces"))
        : chosenWorkspace(workspace),
    version: VERSION,
    clock,
    log,
    redact,
    sha256,
    hasTools: true,
  });
  shutdown.onClose(`agent ${options.agentId}`, () => acp.close());
  await acp.start();
  const tools = withEditorTools(acp.runner, {
    clock,
    random,
    log,
    toolServers: toolServers ?? habits.toolServers,
  });
  shutdown.onClose(`tools of agent ${options.agentId}`, () => tools.close());
  return { info: acp.info, run: tools.run } satisfies Agent;
}
