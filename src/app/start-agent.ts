// `mlp agent`: a runner beside one agent. It joins a bridge, waits for a human's approval, and runs turns.

import { hostname } from "node:os";
import type { AgentSpec } from "../config/agent-spec.ts";
import { createAgent, readScript, shownSpec } from "./agents.ts";
import { joinBridge } from "./join-bridge.ts";
import type { LiveAgent } from "./live-agent.ts";
import { start } from "./start.ts";
import type { Base } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";

export interface AgentSettings extends StartSettings {
  readonly spec: AgentSpec;
  /** A rehearsal script's path. */
  readonly script?: string;
  readonly label?: string;
  /** What the agent is called on the bridge; a second runner of the same name replaces the first. */
  readonly agentId?: string;
}

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export function startAgent(settings: AgentSettings): Promise<Running> {
  return start(settings, async (base) => {
    const agent = await openAgent(settings, base);
    const { stopped } = joinBridge(base, agent);
    return {
      api: null,
      bridge: base.config.mcp.bridge_url,
      agent: agent.info.agentId,
      notes: {
        chosenAgent: { spec: shownSpec(settings.spec), why: "named on the command line" },
        foundUnsupported: [],
        apiKey: "",
        apiKeyFile: null,
      },
      failed: stopped,
    };
  });
}

async function openAgent(settings: AgentSettings, base: Base): Promise<LiveAgent> {
  const { spec, label } = settings;
  const script = settings.script === undefined ? undefined : await readScript(settings.script);
  return createAgent(spec, {
    ...base,
    agentId: settings.agentId ?? `${agentName(spec)}@${hostname()}`,
    // A rehearsed crash is a real one: the process dies as an agent's would, without a word to anybody.
    crash: () => process.kill(process.pid, "SIGKILL"),
    ...(label !== undefined && { label }),
    ...(script !== undefined && { script }),
  });
}

/** Several agents that speak ACP may run on one machine, and are no replacements of each other. */
function agentName(spec: AgentSpec): string {
  return spec.connector === "acp" ? shownSpec(spec) : spec.connector;
}
