// Which agents this machine has: the ones we can drive, and real ones that are found but not driven yet.

export interface FoundAgent {
  readonly name: string;
  readonly path: string;
}

/** In the order in which they would be preferred. `agent` is not looked for: other programs have that name too. */
const KNOWN_COMMANDS = [
  "cursor-agent",
  "opencode",
  "gemini",
  "copilot",
  "codex",
  "claude",
  "qwen",
  "goose",
] as const;

/** `which` answers with a command's path, or null. */
export function findAgents(which: (command: string) => string | null): readonly FoundAgent[] {
  return KNOWN_COMMANDS.flatMap((name) => {
    const path = which(name);
    return path === null ? [] : [{ name, path }];
  });
}
