// `MLP_<SECTION>_<KEY>` variables as found values. Strict: a misspelt variable is an error, never ignored.

import type { TSchema } from "@sinclair/typebox";

import { AppError } from "../core/error.ts";
import type { Found } from "./found.ts";
import { expectation, findProblem } from "./problem.ts";
import { keysOf, SECTIONS, SETTINGS } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { nearest } from "./suggest.ts";

/** Ours, but not settings: the folder and the four secrets. */
export const OTHER_VARIABLES: readonly string[] = [
  "MLP_HOME",
  "MLP_API_KEY",
  "MLP_CONTROL_TOKEN",
  "MLP_BRIDGE_TOKEN",
  "MLP_AGENT_TOKEN",
];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `AppError` `invalid_request`, one line that begins with the variable's name. An empty variable is unset. */
export function readEnvironment(env: Environment): readonly Found[] {
  const found: Found[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("MLP_") || value === undefined || value === "") continue;
    if (OTHER_VARIABLES.includes(name)) continue;
    const setting = SETTINGS.find((setting) => setting.variable === name);
    if (setting === undefined) checkUnknown(name);
    else
      found.push({ setting, value: read(setting, value), origin: { kind: "environment", name } });
  }
  return found;
}

/** A variable of a section of ours must exist; one that is nearly ours is a slip; any other is somebody else's. */
function checkUnknown(name: string): void {
  const section = SECTIONS.find((section) => name.startsWith(sectionStart(section)));
  // Within a section its common start must not make everything look alike.
  const start = section === undefined ? "" : sectionStart(section);
  const known =
    section === undefined
      ? [...SETTINGS.map((setting) => setting.variable), ...OTHER_VARIABLES]
      : keysOf(section).map(upper);
  const meant = nearest(name.slice(start.length), known);
  if (section === undefined && meant === undefined) return;
  const hint = meant === undefined ? "" : `, did you mean ${start}${meant}?`;
  throw new AppError("invalid_request", `${name}: unknown variable${hint}`);
}

function sectionStart(section: string): string {
  return `MLP_${upper(section)}_`;
}

function upper(text: string): string {
  return text.toUpperCase();
}

function read(setting: Setting, text: string): unknown {
  const value = parse(setting.schema, text);
  if (value === undefined) {
    const reason = isListOfBlocks(setting.schema)
      ? "can be set in the file only"
      : expectation(setting.schema, text).replace(/; .*$/, "");
    throw new AppError("invalid_request", `${setting.variable}: ${reason}`);
  }
  const twice = setting.schema["type"] === "object" ? repeatedName(text) : undefined;
  if (twice !== undefined) {
    throw new AppError("invalid_request", `${setting.variable}: ${twice} stands twice`);
  }
  const problem = findProblem(setting.schema, value);
  if (problem === undefined) return value;
  throw new AppError("invalid_request", `${setting.variable}: ${problem.message}`);
}

/** `undefined`: the text cannot be a value of this type. Lists are separated by commas, pairs are `name=value`. */
function parse(schema: TSchema, text: string): unknown {
  const trimmed = text.trim();
  switch (schema["type"]) {
    case "integer":
      return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : undefined;
    case "boolean":
      return trimmed === "true" ? true : trimmed === "false" ? false : undefined;
    case "array":
      return isListOfBlocks(schema) ? undefined : list(text);
    case "object":
      return parsePairs(text);
    default:
      return parseOther(schema, trimmed);
  }
}

function parseOther(schema: TSchema, text: string): unknown {
  const branches: readonly TSchema[] = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : [];
  const isNullable = branches.some((branch) => branch["type"] === "null");
  if (!isNullable) return text;
  if (text === "none") return null;
  const [first] = branches;
  return first === undefined ? text : parse(first, text);
}

function isListOfBlocks(schema: TSchema): boolean {
  const items: unknown = schema["items"];
  return typeof items === "object" && items !== null && "properties" in items;
}

function list(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** The first name of `name=value` pairs that is given a second value. */
function repeatedName(text: string): string | undefined {
  const names = list(text).map((item) => item.slice(0, item.indexOf("=")));
  return names.find((name, index) => names.indexOf(name) < index);
}

function parsePairs(text: string): Record<string, string> | undefined {
  const entries = list(text).map((item) => {
    const equals = item.indexOf("=");
    return equals < 1 ? undefined : ([item.slice(0, equals), item.slice(equals + 1)] as const);
  });
  return entries.every((entry) => entry !== undefined) ? Object.fromEntries(entries) : undefined;
}
