// Lines of YAML: how an element is written out, and where lines begin and end. Pure.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";

export function item(value: JsonObject, indent: string, text: string): string {
  const lines = Object.entries(value).flatMap(([key, inner]) => fields(key, inner ?? null, ""));
  const eol = eolOf(text);
  return lines.map((line, index) => `${indent}${index === 0 ? "- " : "  "}${line}${eol}`).join("");
}

function fields(key: string, value: JsonValue, indent: string): readonly string[] {
  if (!isJsonObject(value)) return [`${indent}${key}: ${flat(value)}`];
  const inner = Object.entries(value).flatMap(([key, value]) =>
    fields(key, value ?? null, `${indent}  `),
  );
  return [`${indent}${key}:`, ...inner];
}

/** Words stand without quotes, as people write them; anything else as JSON, which is YAML. */
function flat(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(flat).join(", ")}]`;
  const isWord = typeof value === "string" && /^[a-z][a-z_-]*(?: [a-z]+)*$/i.test(value);
  return isWord && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}

export function append(text: string, block: string): string {
  const eol = eolOf(text);
  return closed(text) + (block.endsWith(eol) ? block : block + eol);
}

/** So that what follows begins a line. */
export function closed(text: string): string {
  return text === "" || text.endsWith("\n") ? text : text + eolOf(text);
}

export function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

export function startOfLine(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

export function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
}
