// What an ACP agent may do when it asks: decided from the scopes of the turn, never by what the agent or an option is
// called. Pure.

import { isJsonObject } from "../../core/json.ts";

/** What we look at of a tool call. */
export interface AcpToolCall {
  readonly kind: string;
  /** For people. It may be what a model wrote: a command line, a file's name. */
  readonly title: string;
  /** What the agent itself calls the tool, wherever it says so. */
  readonly names: readonly string[];
}

/** A server that the turn brought. */
export interface ServerTools {
  readonly name: string;
  readonly tools: readonly string[];
}

export function toolCallOf(value: unknown): AcpToolCall {
  const call = isJsonObject(value) ? value : {};
  return { kind: text(call["kind"]) || "other", title: text(call["title"]), names: namesOf(call) };
}

/** Claude's adapter has the name in `_meta`, gemini in the call's id before a number, codex in what it sends. */
function namesOf(call: Record<string, unknown>): readonly string[] {
  const meta = isJsonObject(call["_meta"]) ? call["_meta"]["claudeCode"] : undefined;
  const names = [
    text(call["name"]),
    isJsonObject(meta) ? text(meta["toolName"]) : "",
    /^(mcp_.+?)-\d+(?:-\w+)*$/.exec(text(call["toolCallId"]))?.[1] ?? "",
  ].filter((name) => name !== "");
  return names.length > 0 ? names : sentNameOf(call);
}

/** What it sends is a model's word wherever a title says which tool this is: then that is what counts. */
function sentNameOf({ title, kind, rawInput }: Record<string, unknown>): readonly string[] {
  if (!isJsonObject(rawInput) || CHANGES.has(text(kind)) || NAMES_A_TOOL.test(text(title)))
    return [];
  const isMcpCall = Object.keys(rawInput).every((key) => SENT_BY_CODEX.has(key));
  return isMcpCall ? [`${text(rawInput["server"])}/${text(rawInput["tool"])}`] : [];
}

const SENT_BY_CODEX: ReadonlySet<string> = new Set(["server", "tool", "arguments"]);
/** `bash`, `other_run`, `Tool: other/run`, `run (other MCP Server)`. */
const NAMES_A_TOOL = /^(?:Tool: )?[\w.:/-]+$|^[\w.-]+ \([\w-]+(?: MCP Server)?\)$/;

function text(field: unknown): string {
  return typeof field === "string" ? field : "";
}

/**
 * The scope that each kind of tool needs. Reaching out to the network counts as running something: it
 * can carry away what was read. So does whatever a kind does not tell.
 */
const NEEDED: Readonly<Record<string, string>> = {
  // What only thinks does not ask. What asks under this name keeps something (a memory), or leaves a mode.
  think: "agent:write",
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
  const needed = (Object.hasOwn(NEEDED, call.kind) ? NEEDED[call.kind] : undefined) ?? "agent:exec";
  return scopes.includes(needed) ? undefined : needed;
}

/**
 * Whether the agent means a tool of our own server, in one of the ways in which agents write that: `mcp__editor__read`,
 * `editor_read`, `editor/read`, `read (editor MCP Server)`. It has to be one that the server has: others may be called
 * `editor_files`. A title counts only if it is nothing but that, and only for kinds that change nothing by themselves: no
 * command line passes for a tool.
 */
export function isServerTool({ kind, title, names }: AcpToolCall, server: ServerTools): boolean {
  const tools = new Set(server.tools.map(asSpelt));
  const isItsName = (name: string): boolean => {
    const bare = /^([\w.-]+) \(([\w-]+)(?: MCP Server)?\)$/.exec(name);
    if (bare !== null) return bare[2] === server.name && tools.has(asSpelt(bare[1] ?? ""));
    const spelt = /^(?:Tool: )?(?:mcp__?)?(.+)$/.exec(name)?.[1] ?? "";
    if (!spelt.startsWith(server.name)) return false;
    const tool = /^(?:_{1,3}|[-/.:]|: )([\w.-]+)$/.exec(spelt.slice(server.name.length))?.[1];
    return tool !== undefined && tools.has(asSpelt(tool));
  };
  return names.some(isItsName) || (!CHANGES.has(kind) && isItsName(title));
}

/** Agents write what their models could not call in another way. */
function asSpelt(tool: string): string {
  return tool.replaceAll(/\W/g, "_");
}

/**
 * Whether it was announced as a tool of our own server and is then asked for by the tool's bare name, with no kind: Copilot's
 * way. What it asks for as a kind of its own, a command or an edit, is not passed by what it was announced as.
 */
export function isAnnouncedServerTool(
  asked: AcpToolCall,
  announced: AcpToolCall | undefined,
  server: ServerTools,
): boolean {
  if (announced === undefined || asked.kind !== "other" || asked.title === "") return false;
  const { title } = announced;
  return (
    title.startsWith(server.name) &&
    title.slice(server.name.length + 1) === asked.title &&
    isServerTool({ kind: "other", title, names: [] }, server)
  );
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
