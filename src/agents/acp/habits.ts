// What single programs that speak ACP have to be told besides, by their names. Pure. Each was seen with the real program:
// docs/agents.md says with which version.

import type { AcpOptions } from "./acp.ts";
import type { ToolServersChoice } from "../tool-bridge/tool-bridge.ts";

export interface AcpHabits {
  readonly extraEnv?: NonNullable<AcpOptions["extraEnv"]>;
  readonly toolServers: ToolServersChoice;
}

const USUAL: AcpHabits = { toolServers: "auto" };

const HABITS: Readonly<Record<string, AcpHabits>> = {
  // It runs commands without asking, in its plan mode too, unless it is told to ask.
  opencode: {
    ...USUAL,
    extraEnv: {
      OPENCODE_PERMISSION: JSON.stringify({ bash: "ask", edit: "ask", webfetch: "ask" }),
    },
  },
  // Unless it is told to ask, it asks nobody. By its documentation of permission modes: npm does not carry it.
  goose: { ...USUAL, extraEnv: { GOOSE_MODE: "approve" } },
  // It takes MCP servers and then keeps their tools from its model.
  qwen: { toolServers: "envelope" },
};

/** `program`: without its folder and ending. */
export function habitsOf(program: string): AcpHabits {
  return (Object.hasOwn(HABITS, program) ? HABITS[program] : undefined) ?? USUAL;
}
