// Which agents this machine has: the ones we can drive, and real ones that are found but cannot be driven as they are.

import { delimiter, isAbsolute } from "node:path";
import type { AgentSpec } from "../config/agent-spec.ts";

export interface FoundAgent {
  readonly name: string;
  readonly path: string;
  /** How it is driven; absent when it cannot be. */
  readonly spec?: AgentSpec;
}

/**
 * In the order in which they are preferred, with the arguments that make each speak ACP. `codex` and `claude` need their
 * adapters. `agent` is not looked for: other programs have that name too.
 */
const KNOWN_COMMANDS: readonly (readonly [name: string, acp?: readonly string[]])[] = [
  ["cursor-agent"],
  ["opencode", ["acp"]],
  ["gemini", ["--acp"]],
  ["copilot", ["--acp", "--stdio"]],
  ["qwen", ["--acp"]],
  ["codex-acp", []],
  ["claude-agent-acp", []],
  ["claude-code-acp", []],
  ["goose", ["acp"]],
  ["codex"],
  ["claude"],
];

/**
 * The path of a command; null where there is none. Nothing is found by way of the working folder, whatever PATH says:
 * what lies there may be anybody's, and what is found is started without being asked for.
 */
export function findOnPath(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  return Bun.which(command, { PATH: folders.join(delimiter) });
}

/** `which` answers with a command's path, or null. */
export function findAgents(which: (command: string) => string | null): readonly FoundAgent[] {
  return KNOWN_COMMANDS.flatMap(([name, acp]) => {
    const path = which(name);
    if (path === null) return [];
    const spec = specOf(name, path, acp);
    return [{ name, path, ...(spec !== undefined && { spec }) }];
  });
}

function specOf(
  name: string,
  path: string,
  acp: readonly string[] | undefined,
): AgentSpec | undefined {
  if (name === "cursor-agent") return { connector: "cursor" };
  return acp && { connector: "acp", command: [path, ...acp] };
}
