// The keywords about a value by itself: its type, its range, its text.

import { isJsonObject } from "../../core/json.ts";
import type { JsonValue } from "../../core/json.ts";
import { equalJson } from "./equal.ts";
import { textOf } from "./run.ts";
import type { Keyword, Spot } from "./run.ts";

const MAX_LISTED = 300;

export const VALUE_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["type", type],
  ["enum", oneOfValues],
  ["const", constant],
  ["minimum", bound("minimum", (value, limit) => value >= limit, "at least")],
  ["maximum", bound("maximum", (value, limit) => value <= limit, "at most")],
  ["exclusiveMinimum", exclusive("minimum", (value, limit) => value > limit, "above")],
  ["exclusiveMaximum", exclusive("maximum", (value, limit) => value < limit, "below")],
  ["multipleOf", multipleOf],
  ["minLength", length("minLength", (size, limit) => size >= limit, "at least")],
  ["maxLength", length("maxLength", (size, limit) => size <= limit, "at most")],
  ["pattern", pattern],
];

function type(spot: Spot, run: Parameters<Keyword>[1]): boolean {
  const { argument, value } = spot;
  const wanted = (Array.isArray(argument) ? argument : [argument]) as readonly string[];
  const isIn = wanted.some((name) => name === typeOf(value) || isInteger(name, value));
  return isIn || run.report(spot, "type", `must be of type ${wanted.join(" or ")}`);
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function isInteger(name: JsonValue, value: JsonValue): boolean {
  return name === "integer" && Number.isInteger(value);
}

function oneOfValues(spot: Spot, run: Parameters<Keyword>[1]): boolean {
  const { argument, value } = spot;
  const values = argument as readonly JsonValue[];
  const isIn = values.some((each) => equalJson(each, value, run.work));
  return isIn || run.report(spot, "enum", `must be one of ${shown(argument)}`);
}

function constant(spot: Spot, run: Parameters<Keyword>[1]): boolean {
  const { argument, value } = spot;
  const isSame = equalJson(argument, value, run.work);
  return isSame || run.report(spot, "const", `must be ${shown(argument)}`);
}

function shown(argument: JsonValue): string {
  const text = JSON.stringify(argument);
  return text.length > MAX_LISTED ? "what the schema lists" : text;
}

type Compare = (value: number, limit: number) => boolean;

function bound(keyword: string, holds: Compare, words: string): Keyword {
  return (spot, run) => {
    const { argument, value } = spot;
    if (typeof value !== "number" || holds(value, Number(argument))) return true;
    return run.report(spot, keyword, `must be ${words} ${Number(argument)}`);
  };
}

/** A number of its own; in draft 4 `true`, which makes its neighbour's number exclusive. */
function exclusive(neighbour: string, holds: Compare, words: string): Keyword {
  return (spot, run) => {
    const { argument, schema, value } = spot;
    const limit = argument === true ? schema[neighbour] : argument;
    if (typeof value !== "number" || typeof limit !== "number" || holds(value, limit)) return true;
    return run.report(spot, `exclusive ${neighbour}`, `must be ${words} ${limit}`);
  };
}

function multipleOf(spot: Spot, run: Parameters<Keyword>[1]): boolean {
  const { argument, value } = spot;
  if (typeof value !== "number" || isMultiple(value, Number(argument))) return true;
  return run.report(spot, "multipleOf", `must be a multiple of ${Number(argument)}`);
}

/** 0.0075 is a multiple of 0.0001, though their quotient in binary is not quite whole. */
function isMultiple(value: number, step: number): boolean {
  if (value % step === 0) return true;
  const quotient = value / step;
  if (!Number.isFinite(quotient)) return false;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * 2 ** -50;
}

/** In code points. */
function length(keyword: string, holds: Compare, words: string): Keyword {
  return (spot, run) => {
    const { argument, value } = spot;
    if (typeof value !== "string") return true;
    run.work.spend(value.length / 16);
    if (holds(codePoints(value), Number(argument))) return true;
    return run.report(spot, keyword, `must have ${words} ${Number(argument)} characters`);
  };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _character of text) count += 1;
  return count;
}

function pattern(spot: Spot, run: Parameters<Keyword>[1]): boolean {
  const { argument, value } = spot;
  if (typeof value !== "string") return true;
  if (run.prepared.pattern(textOf(spot)).test(value, run.work)) return true;
  return run.report(spot, "pattern", `must match the pattern ${shown(argument)}`);
}

/** Own properties with a value, in the order of the text. */
export function propertiesOf(value: JsonValue): readonly (readonly [string, JsonValue])[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value) as [string, JsonValue][];
}
