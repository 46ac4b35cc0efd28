// A tool's parameters in the form that MCP asks of an input schema. Editors send looser ones, and an agent's client
// refuses the whole list for one tool that does not fit.

import type { JSONObject } from "@modelcontextprotocol/server";
import { type JsonObject, type JsonValue, isJsonObject } from "../../core/json.ts";
import type { Tool } from "../../core/turn.ts";

/** MCP `Tool.inputSchema` (spec 2025-11-25, server/tools): an object schema whose properties are all objects. */
export interface InputSchema {
  readonly type: "object";
  readonly properties?: Record<string, JSONObject>;
  readonly required?: string[];
  readonly [key: string]: unknown;
}

export function toInputSchema(parameters: JsonObject | undefined): InputSchema {
  const { type: _type, properties, required, ...rest } = parameters ?? {};
  const names = requiredOf(required);
  return {
    ...rest,
    type: "object",
    ...(isJsonObject(properties) && { properties: objectsOf(properties) }),
    ...(names !== undefined && { required: [...names] }),
  };
}

/** The names that a schema requires; `undefined` where it has no such list. */
export function requiredOf(required: JsonValue | undefined): readonly string[] | undefined {
  if (!Array.isArray(required)) return undefined;
  return required.filter((name): name is string => typeof name === "string");
}

/** Of two tools with one name the first counts: calls could not tell them apart. */
export function distinctTools(tools: readonly Tool[]): readonly Tool[] {
  const byName = new Map<string, Tool>();
  for (const tool of tools) if (!byName.has(tool.name)) byName.set(tool.name, tool);
  return [...byName.values()];
}

/** `true` and `false` are schemas too; written as objects they mean the same. */
function objectsOf(properties: JsonObject): Record<string, JSONObject> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]): [string, JSONObject] => {
      // The SDK's JSON is ours, but for arrays that may be written to; nobody does.
      if (isJsonObject(schema)) return [name, schema as JSONObject];
      return [name, schema === false ? { not: {} } : {}];
    }),
  );
}
