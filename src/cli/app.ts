// The servers that the commands start. Each is loaded when it is started: together they are most of the program, and
// most commands need none of them.

import type { AgentSettings } from "../app/start-agent.ts";
import type { McpSettings, RunningMcp } from "../app/start-mcp.ts";
import type { Running, StartSettings } from "../app/types.ts";

export interface UpSettings extends StartSettings {
  /** What `--agent` named, in its order. */
  readonly agents: readonly string[];
}

/** Each throws `AppError` saying what keeps it from starting. */
export interface App {
  startUp(settings: UpSettings): Promise<Running>;
  startServe(settings: StartSettings): Promise<Running>;
  startBridge(settings: StartSettings): Promise<Running>;
  startAgent(settings: AgentSettings): Promise<Running>;
  startMcp(settings: McpSettings): Promise<RunningMcp>;
}

export function createApp(): App {
  return {
    startUp: async (settings) => (await import("../app/start-up.ts")).startUp(settings),
    startServe: async (settings) => (await import("../app/start-serve.ts")).startServe(settings),
    startBridge: async (settings) => (await import("../app/start-bridge.ts")).startBridge(settings),
    startAgent: async (settings) => (await import("../app/start-agent.ts")).startAgent(settings),
    startMcp: async (settings) => (await import("../app/start-mcp.ts")).startMcp(settings),
  };
}
