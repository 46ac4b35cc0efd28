// `mlp mcp`: the MCP client that started this process becomes an agent. MCP on stdin and stdout, a runner on the bridge
// from the moment on that somebody is there to answer.

import { hostname } from "node:os";
import type { Seat } from "../agents/mcp/chat.ts";
import { serveMcpStdio } from "../agents/mcp/stdio.ts";
import type { Agent } from "../core/ports.ts";
import type { SessionStatus } from "../core/session.ts";
import { joinBridge } from "./join-bridge.ts";
import { start } from "./start.ts";
import type { Base } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

export interface McpSettings extends StartSettings {
  /** In place of what the client calls itself. */
  readonly label?: string;
  readonly agentId?: string;
  readonly model?: string;
}

/** Besides what every server has: resolves when the client has closed stdin. */
export interface RunningMcp extends Running {
  readonly ended: Promise<void>;
}

export async function startMcp(settings: McpSettings): Promise<RunningMcp> {
  const ended = Promise.withResolvers<void>();
  const running = await start(settings, async (base) => {
    const { label, agentId, model } = settings;
    const { system, log, shutdown, config } = base;
    const stdio = await serveMcpStdio({
      clock: system.clock,
      random: system.random,
      log,
      version: VERSION,
      identity: {
        ...(label !== undefined && { label }),
        ...(agentId !== undefined && { agentId }),
        ...(model !== undefined && { model }),
      },
      takeSeat: (agent) => Promise.resolve(takeSeat(base, agent)),
    });
    shutdown.onClose("mcp", () => stdio.close());
    log.info({}, "MCP on stdin and stdout: this is for an MCP client to start");
    void stdio.ended.then(ended.resolve);
    return {
      api: null,
      bridge: config.mcp.bridge_url,
      agent: agentId ?? null,
      notes: {
        chosenAgent: { spec: "mcp", why: "the MCP client that started this process" },
        foundUnsupported: [],
        apiKey: "",
        apiKeyFile: null,
      },
    };
  });
  return { ...running, ended: ended.promise };
}

/** A session that was denied or revoked leaves the process running: its client is told, and decides. */
function takeSeat(base: Base, agent: Agent): Seat {
  let status: SessionStatus | "joining" = "joining";
  let sessionId = "";
  const named = { ...agent, info: { ...agent.info, agentId: onThisMachine(agent.info.agentId) } };
  const { runner, stopped } = joinBridge(base, named, (session) => {
    ({ status, sessionId } = session);
  });
  void stopped.then((error) => {
    if (status !== "denied") status = "revoked";
    base.log.warn({ err: error }, "the bridge takes this chat no longer");
  });
  return {
    status: () => status,
    howToApprove: () =>
      sessionId === "" ? "" : `The user does that with: mlp sessions approve ${sessionId}`,
    renewsItself: true,
    leave: () => void runner.close(),
  };
}

/** Several machines may join one bridge, each with the same client. */
function onThisMachine(agentId: string): string {
  return agentId.startsWith("mcp:") ? `${agentId}@${hostname()}`.slice(0, 128) : agentId;
}
