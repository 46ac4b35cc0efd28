// What an ACP agent may do when it asks: decided from the scopes of the turn, never by what the agent or an option is
// called. Pure.

import { isJsonObject } from "../core/json.ts";

/** What we look at of a tool call. */
export interface AcpToolCall {
  readonly kind: string;
  /** For people. It may be what a model wrote: a command line, a file's name. */
  readonly title: string;
  /** What the agent itself calls the tool, wherever it says so. */
  readonly names: readonly string[];
}

export function toolCallOf(value: unknown): AcpToolCall {
  const call = isJsonObject(value) ? value : {};
  return { kind: text(call["kind"]) || "other", title: text(call["title"]), names: namesOf(call) };
}

/** Claude's adapter has the name in `_meta`, gemini in the call's id before a number, codex in what it sends. */
function namesOf(call: Record<string, unknown>): readonly string[] {
  const meta = isJsonObject(call["_meta"]) ? call["_meta"]["claudeCode"] : undefined;
  const input = call["rawInput"];
  const isMcpCall =
    isJsonObject(input) &&
    Object.keys(input).every((key) => ["server", "tool", "arguments"].includes(key));
  return [
    text(call["name"]),
    isJsonObject(meta) ? text(meta["toolName"]) : "",
    /^(mcp_.+?)-\d+(?:-\w+)*$/.exec(text(call["toolCallId"]))?.[1] ?? "",
    isMcpCall ? `${text(input["server"])}/${text(input["tool"])}` : "",
  ].filter((name) => name !== "");
}

function text(field: unknown): string {
  return typeof field === "string" ? field : "";
}

/**
 * The scope that each kind of tool needs; `null`: none. Reaching out to the network counts as running something: it
 * can carry away what was read. So does whatever a kind does not tell.
 */
const NEEDED: Readonly<Record<string, string | null>> = {
  think: null,
  read: "agent:read",
  search: "agent:read",
  edit: "agent:write",
  delete: "agent:write",
  move: "agent:write",
  switch_mode: "agent:write",
  execute: "agent:exec",
  fetch: "agent:exec",
  other: "agent:exec",
};

/** Kinds that change the machine by themselves: never a call of the editor's tools, whatever it is called. */
const CHANGES: ReadonlySet<string> = new Set(["edit", "delete", "move", "execute", "switch_mode"]);

/** The scope that is missing for it; `undefined` when it may go on. */
export function missingScope(call: AcpToolCall, scopes: readonly string[]): string | undefined {
  const needed = Object.hasOwn(NEEDED, call.kind) ? NEEDED[call.kind] : "agent:exec";
  return needed === null || needed === undefined || scopes.includes(needed) ? undefined : needed;
}

/**
 * Whether the agent means a tool of our own server, in one of the ways in which agents write that: `mcp__editor__read`,
 * `editor_read`, `editor/read`, `read (editor MCP Server)`. A title counts only if it is nothing but that, and only for kinds
 * that change nothing by themselves: no command line passes for a tool.
 */
export function isServerTool({ kind, title, names }: AcpToolCall, server: string): boolean {
  const isItsName = (name: string): boolean => {
    const bare = /^([\w.-]+) \(([\w-]+)(?: MCP Server)?\)$/.exec(name);
    if (bare !== null) return bare[2] === server;
    const spelt = /^(?:Tool: )?(?:mcp__?)?(.+)$/.exec(name)?.[1] ?? "";
    return (
      spelt.startsWith(server) && /^(?:_{1,3}|[-/.:]|: )[\w.-]+$/.test(spelt.slice(server.length))
    );
  };
  return names.some(isItsName) || (!CHANGES.has(kind) && isItsName(title));
}

export type PermissionOutcome =
  { readonly outcome: "cancelled" } | { readonly outcome: "selected"; readonly optionId: string };

/** By kind, and never for good: what the agent may do is another question at the next turn. `cancelled` grants nothing. */
export function choosePermission(options: unknown, isAllowed: boolean): PermissionOutcome {
  const offered = Array.isArray(options) ? options.filter(isJsonObject) : [];
  const kinds = isAllowed ? ["allow_once"] : ["reject_once", "reject_always"];
  for (const kind of kinds) {
    const optionId = offered.find((option) => option["kind"] === kind)?.["optionId"];
    if (typeof optionId === "string") return { outcome: "selected", optionId };
  }
  return { outcome: "cancelled" };
}
