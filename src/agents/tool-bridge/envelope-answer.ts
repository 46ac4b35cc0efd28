// Reads the envelope in which an agent without MCP writes its tool calls: `{"tool_calls":[{"name","arguments"}]}` and
// nothing else. Strict, since what it lets through is run in an editor; pure.

import { type JsonObject, type JsonValue, isJsonObject, parseJson } from "../../core/json.ts";
import type { Tool } from "../../core/turn.ts";
import { withoutFence } from "./envelope-text.ts";
import { requiredOf } from "./input-schema.ts";

export interface EnvelopeCall {
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
}

export type EnvelopeAnswer =
  /** It was an answer in words, or JSON of the user's own. */
  | { readonly type: "text" }
  | { readonly type: "calls"; readonly calls: readonly EnvelopeCall[] }
  /** Meant as an envelope; `problem` is for the agent to read. */
  | { readonly type: "broken"; readonly problem: string };

const KEY = "tool_calls";
const MAX_CALLS = 128;

export function readEnvelope(text: string, tools: readonly Tool[]): EnvelopeAnswer {
  const inner = withoutFence(text);
  if (!inner.startsWith("{")) return { type: "text" };
  const value = parseJson(inner);
  if (!isJsonObject(value)) {
    // A broken object that never speaks of calls is somebody's code.
    return inner.includes(`"${KEY}"`) ? broken("it is not valid JSON by itself") : { type: "text" };
  }
  if (!Object.hasOwn(value, KEY)) return { type: "text" };
  const { [KEY]: given, ...more } = value;
  if (Object.keys(more).length > 0) return broken(`it has more keys than "${KEY}"`);
  if (!Array.isArray(given) || given.length === 0) {
    return broken(`"${KEY}" is not a list of at least one call`);
  }
  if (given.length > MAX_CALLS) return broken("it has too many calls");
  return readCalls(given, tools);
}

function readCalls(given: readonly JsonValue[], tools: readonly Tool[]): EnvelopeAnswer {
  const calls: EnvelopeCall[] = [];
  for (const [index, one] of given.entries()) {
    const call = readCall(one, tools);
    if (typeof call === "string") return broken(`call ${index + 1}: ${call}`);
    calls.push(call);
  }
  return { type: "calls", calls };
}

/** The call, or what is wrong with it. */
function readCall(given: JsonValue, tools: readonly Tool[]): EnvelopeCall | string {
  if (!isJsonObject(given) || typeof given["name"] !== "string") return `it has no "name"`;
  const tool = tools.find(({ name }) => name === given["name"]);
  if (tool === undefined) {
    return `there is no such tool; there are ${tools.map(({ name }) => name).join(", ")}`;
  }
  const { arguments: values = {} } = given;
  if (!isJsonObject(values)) return `its "arguments" are not an object`;
  const missing = missingKeys(tool.parameters, values);
  if (missing.length > 0) return `its arguments lack ${missing.join(", ")}`;
  return { name: tool.name, arguments: JSON.stringify(values) };
}

/** The editor checks the rest: it knows its own schemas, and its error reaches the agent. */
function missingKeys(parameters: JsonObject | undefined, values: JsonObject): readonly string[] {
  return (requiredOf(parameters?.["required"]) ?? []).filter((key) => !Object.hasOwn(values, key));
}

function broken(problem: string): EnvelopeAnswer {
  return { type: "broken", problem };
}
