// One JSON line of the log as a line for people. Shows control characters instead of obeying them.

import { isJsonObject, parseJson } from "../core/json.ts";
import type { JsonValue } from "../core/json.ts";
import { visible } from "./visible.ts";

const COLORS: Readonly<Record<string, string>> = {
  debug: "\u001b[2m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};
const DIM = "\u001b[2m";
const RESET = "\u001b[0m";

/** `12:34:56 info  message field=value`; the stack of an error on lines of its own. Anything else as it is. */
export function prettyLine(line: string, color: boolean): string {
  const record = parseJson(line);
  if (!isJsonObject(record)) return line;
  const { level, time, msg, ...fields } = record;
  const name = typeof level === "string" ? level : "";
  const clock = typeof time === "string" ? time.slice(11, 19) : "";
  const paint = (code: string, text: string): string => (color ? `${code}${text}${RESET}` : text);
  const rest = Object.entries(fields).map(([field, value]) => ` ${field}=${show(value)}`);
  const frames = Object.values(fields).flatMap(stackOf);
  return [
    paint(DIM, clock),
    ` ${paint(COLORS[name] ?? "", name.padEnd(5))}`,
    ` ${typeof msg === "string" ? visible(msg) : ""}`,
    paint(DIM, rest.join("")),
    ...frames.map((frame) => `\n    ${paint(DIM, visible(frame))}`),
    "\n",
  ].join("");
}

function show(value: JsonValue | undefined): string {
  if (isJsonObject(value) && typeof value["message"] === "string") return quoted(value["message"]);
  return typeof value === "string" ? quoted(value) : visible(JSON.stringify(value) ?? "");
}

function quoted(text: string): string {
  return /^[\w.:/@+-]+$/.test(text) ? text : visible(JSON.stringify(text));
}

function stackOf(value: JsonValue | undefined): readonly string[] {
  const frames = isJsonObject(value) ? value["at"] : undefined;
  return Array.isArray(frames) ? frames.filter((frame) => typeof frame === "string") : [];
}
