// A `session/update` of an ACP agent as what it means for the turn. Pure.
// The agent's own tool calls and plans become short notes among its reasoning: they have happened on its machine and are
// nothing that an editor could carry out.

import { isJsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/event.ts";
import type { AcpToolCall } from "./permission.ts";
import { toolCallOf } from "./permission.ts";
import { usageOfMeta } from "./usage.ts";

export interface AcpNews {
  readonly text?: string;
  readonly thought?: string;
  /** A line of its own. */
  readonly note?: string;
  readonly usage?: Usage;
}

const NOTE_CHARACTERS = 200;
const MOST_ENTRIES = 12;
const MARKS: Readonly<Record<string, string>> = { completed: "[x]", in_progress: "[>]" };

/** How the turn looks at a tool call of the agent's. */
export interface CallView {
  /** With what earlier updates said of it. */
  readonly callOf: (update: object) => AcpToolCall;
  /** Calls that are shown in another way. */
  readonly isHidden: (call: AcpToolCall) => boolean;
}

const PLAIN_VIEW: CallView = { callOf: toolCallOf, isHidden: () => false };

/** An update that means nothing to us is empty news. */
export function decodeUpdate(update: unknown, view: CallView = PLAIN_VIEW): AcpNews {
  if (!isJsonObject(update)) return {};
  switch (update["sessionUpdate"]) {
    case "agent_message_chunk":
      return chunk(update, "text");
    case "agent_thought_chunk":
      return chunk(update, "thought");
    case "tool_call":
    case "tool_call_update":
      return callNote(update, view);
    case "plan":
      return plan(update["entries"]);
    default:
      return {};
  }
}

/** The begin of a call, and its failure. */
function callNote(update: Record<string, unknown>, { callOf, isHidden }: CallView): AcpNews {
  const call = callOf(update);
  const isBegin = update["sessionUpdate"] === "tool_call";
  if (isHidden(call) || (!isBegin && update["status"] !== "failed")) return {};
  return { note: `[${isBegin ? call.kind : "failed"}] ${short(call.title || call.kind)}` };
}

function chunk(update: Record<string, unknown>, as: "text" | "thought"): AcpNews {
  const usage = usageOfMeta(update["_meta"]);
  const text = textOf(update["content"]);
  return { ...(text !== "" && { [as]: text }), ...(usage !== undefined && { usage }) };
}

/** What cannot be written as text is named. */
function textOf(content: unknown): string {
  if (!isJsonObject(content)) return "";
  const { type, text, uri, name, resource } = content;
  if (type === "text") return typeof text === "string" ? text : "";
  if (type === "resource_link") return typeof uri === "string" ? `[${nameOf(name)}](${uri})` : "";
  if (type === "resource" && isJsonObject(resource)) {
    return typeof resource["text"] === "string" ? resource["text"] : "";
  }
  return "";
}

function nameOf(name: unknown): string {
  return typeof name === "string" && name !== "" ? name : "resource";
}

function plan(entries: unknown): AcpNews {
  if (!Array.isArray(entries)) return {};
  const lines = entries.filter(isJsonObject).flatMap(({ content, status }) => {
    if (typeof content !== "string" || content === "") return [];
    return [
      `${(typeof status === "string" ? MARKS[status] : undefined) ?? "[ ]"} ${short(content)}`,
    ];
  });
  if (lines.length === 0) return {};
  const shown = lines.slice(0, MOST_ENTRIES);
  const more = lines.length > shown.length ? [`and ${lines.length - shown.length} more`] : [];
  return { note: ["[plan]", ...shown, ...more].join("\n") };
}

/** On one line, and not cut inside a character. */
export function short(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= NOTE_CHARACTERS
    ? line
    : `${line.slice(0, NOTE_CHARACTERS).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
