// What one choice of an OpenAI-compatible answer says, streamed (`delta`), whole (`message`) or a plain completion's
// (`text`), in the many ways that servers write it. Pure, and on the hot path: no schema, only looks.

import { type JsonObject, type JsonValue, isJsonObject } from "../../core/json.ts";
import type { CallFragment } from "./calls.ts";

/** DeepSeek's name, which vLLM and llama.cpp share; and OpenRouter's and Ollama's. */
export type ReasoningName = "reasoning_content" | "reasoning";

export interface Delta {
  readonly text: string;
  readonly reasoning: string;
  readonly reasoningName: ReasoningName | undefined;
  readonly calls: readonly CallFragment[];
}

const NOTHING: Delta = { text: "", reasoning: "", reasoningName: undefined, calls: [] };

export function deltaOf(choice: JsonObject): Delta {
  const said = choice["delta"] ?? choice["message"];
  if (!isJsonObject(said)) return { ...NOTHING, text: stringOf(choice["text"]) };
  const reasoningName = reasoningNameOf(said);
  const content = said["content"];
  const parts = Array.isArray(content) ? content.filter(isJsonObject) : undefined;
  const text = parts === undefined ? stringOf(content) : joinParts(parts, "text");
  const thought = parts === undefined ? "" : joinParts(parts, "thinking");
  return {
    text: text + stringOf(said["refusal"]),
    reasoning: thought + (reasoningName === undefined ? "" : stringOf(said[reasoningName])),
    reasoningName,
    calls: callsOf(said),
  };
}

function reasoningNameOf(said: JsonObject): ReasoningName | undefined {
  if (stringOf(said["reasoning_content"]) !== "") return "reasoning_content";
  return stringOf(said["reasoning"]) === "" ? undefined : "reasoning";
}

/** Mistral's form: `[{type: "thinking", thinking: [{text}]}, {type: "text", text}]`. */
function joinParts(parts: readonly JsonObject[], type: "text" | "thinking"): string {
  let text = "";
  for (const part of parts) {
    if (part["type"] !== type) continue;
    const value = part[type];
    text += Array.isArray(value) ? joinParts(value.filter(isJsonObject), "text") : stringOf(value);
  }
  return text;
}

function callsOf(said: JsonObject): readonly CallFragment[] {
  const calls = said["tool_calls"];
  if (Array.isArray(calls)) return calls.filter(isJsonObject).map(fragmentOf);
  // The form before tools, which some servers still send.
  const call = said["function_call"];
  return isJsonObject(call) ? [fragmentOf({ function: call }, 0)] : NOTHING.calls;
}

function fragmentOf(call: JsonObject, position: number): CallFragment {
  const called = isJsonObject(call["function"]) ? call["function"] : {};
  const index = call["index"];
  return {
    key: typeof index === "number" ? index : position,
    id: stringOf(call["id"]),
    name: stringOf(called["name"]),
    arguments: argumentsOf(called["arguments"]),
  };
}

/** Text by the specification; some servers send the object itself. */
function argumentsOf(value: JsonValue | undefined): string {
  return isJsonObject(value) ? JSON.stringify(value) : stringOf(value);
}

function stringOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
