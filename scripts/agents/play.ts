// What the model behind the agents is asked, and what it answers: neither an agent's protocol nor a model's.

export interface Tool {
  readonly name: string;
  readonly properties: Readonly<Record<string, { readonly type?: unknown }>>;
  readonly required: readonly string[];
}

/** One request that reached the model. */
export interface Asked {
  /** All that people and the agent said in it. */
  readonly text: string;
  readonly tools: readonly Tool[];
  /** The calls that the model made before, by name, and what came of them. */
  readonly called: readonly string[];
  readonly results: readonly string[];
}

export interface Call {
  readonly name: string;
  readonly arguments: object;
}

export type Move =
  | { readonly type: "say"; readonly pieces: readonly string[]; readonly everyMs: number }
  | { readonly type: "call"; readonly calls: readonly Call[] };

export type Play = (asked: Asked) => Move;

export const say = (text: string): Move => ({ type: "say", pieces: [text], everyMs: 0 });

export const call = (...calls: readonly Call[]): Move => ({ type: "call", calls });

/** By their names in the agents that are tried. */
const WRITERS = ["write_file", "write", "create", "create_file", "apply_patch"];
const SHELLS = ["bash", "run_shell_command", "shell_command", "exec_command", "shell"];

export type Deed = "write" | "run";

/** A call that makes the file at `path`, with whatever the agent has for it; `undefined` when it offers nothing. */
export function callThatMakes(deed: Deed, path: string, tools: readonly Tool[]): Call | undefined {
  const names = deed === "write" ? WRITERS : SHELLS;
  const tool = names
    .map((name) => tools.find((each) => each.name.toLowerCase() === name))
    .find((each) => each !== undefined);
  if (tool === undefined) return undefined;
  const filled = Object.entries(tool.properties).flatMap(([name, { type }]) => {
    const value = deed === "write" ? written(name, path) : ran(name, type, path);
    if (value !== undefined) return [[name, value]];
    return tool.required.includes(name) ? [[name, type === "boolean" ? false : "A task."]] : [];
  });
  return { name: tool.name, arguments: Object.fromEntries(filled) as object };
}

function written(name: string, path: string): unknown {
  if (/path|^file$/i.test(name)) return path;
  if (/content|text/i.test(name)) return "written\n";
  return /^(?:input|patch)$/.test(name)
    ? ["*** Begin Patch", `*** Add File: ${path}`, "+written", "*** End Patch"].join("\n")
    : undefined;
}

function ran(name: string, type: unknown, path: string): unknown {
  const line = `touch '${path}'`;
  // Codex: outside its sandbox, which some machines cannot give it. It asks for that.
  if (name === "sandbox_permissions") return "require_escalated";
  if (name === "justification") return "A task.";
  if (!/^(?:command|cmd)$/.test(name)) return undefined;
  return type === "array" ? ["sh", "-c", line] : line;
}
