// Which keywords hold schemas, and what each keyword must look like. Unknown keywords may be anything.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";

export const TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"] as const;

type Shape = readonly [what: string, fits: (value: JsonValue) => boolean];

const isList = (value: JsonValue | undefined): value is readonly JsonValue[] =>
  Array.isArray(value);
const isSchema = (value: JsonValue): boolean => typeof value === "boolean" || isJsonObject(value);
const isNames = (value: JsonValue | undefined): boolean =>
  isList(value) && value.every((name) => typeof name === "string");
const isType = (value: JsonValue): boolean => (TYPES as readonly JsonValue[]).includes(value);
const everyValue = (value: JsonValue, fits: (value: JsonValue) => boolean): boolean =>
  isJsonObject(value) && Object.values(value).every((each) => each !== undefined && fits(each));

const SCHEMA: Shape = ["a schema", isSchema];
const SCHEMAS: Shape = [
  "a list of schemas",
  (value) => isList(value) && value.length > 0 && value.every(isSchema),
];
const SCHEMA_MAP: Shape = ["an object of schemas", (value) => everyValue(value, isSchema)];
const COUNT: Shape = [
  "a whole number from 0",
  (value) => Number.isInteger(value) && Number(value) >= 0,
];
const NUMBER: Shape = ["a number", (value) => typeof value === "number"];
const TEXT: Shape = ["a text", (value) => typeof value === "string"];
const NAMES: Shape = ["a list of names", isNames];
/** In draft 4 a boolean that goes with `minimum` or `maximum`. */
const EXCLUSIVE: Shape = [
  "a number",
  (value) => typeof value === "number" || typeof value === "boolean",
];
const ITEMS: Shape = [
  "a schema or a list of schemas",
  (value) => isSchema(value) || (isList(value) && value.every(isSchema)),
];

const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  [
    "type",
    [
      "one of the seven types or a list of them",
      (value) => isType(value) || (isList(value) && value.length > 0 && value.every(isType)),
    ],
  ],
  ["enum", ["a list", isList]],
  ["multipleOf", ["a number above 0", (value) => typeof value === "number" && value > 0]],
  ...["minimum", "maximum"].map((name) => [name, NUMBER] as const),
  ...["exclusiveMinimum", "exclusiveMaximum"].map((name) => [name, EXCLUSIVE] as const),
  ...["minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"].map(
    (name) => [name, COUNT] as const,
  ),
  ...["minProperties", "maxProperties"].map((name) => [name, COUNT] as const),
  ...["pattern", "$ref", "$dynamicRef", "$recursiveRef"].map((name) => [name, TEXT] as const),
  ["uniqueItems", ["true or false", (value) => typeof value === "boolean"]],
  ["required", NAMES],
  ["dependentRequired", ["an object of lists of names", (value) => everyValue(value, isNames)]],
  [
    "dependencies",
    [
      "an object of schemas or lists of names",
      (value) => everyValue(value, (each) => isSchema(each) || isNames(each)),
    ],
  ],
  ...["allOf", "anyOf", "oneOf"].map((name) => [name, SCHEMAS] as const),
  ["prefixItems", SCHEMAS],
  ["items", ITEMS],
  ...["not", "if", "then", "else", "contains", "propertyNames"].map(
    (name) => [name, SCHEMA] as const,
  ),
  ...["additionalProperties", "additionalItems"].map((name) => [name, SCHEMA] as const),
  ...["unevaluatedProperties", "unevaluatedItems"].map((name) => [name, SCHEMA] as const),
  ...["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"].map(
    (name) => [name, SCHEMA_MAP] as const,
  ),
]);

/** What is wrong with the first keyword that does not look as it must; `undefined`: nothing. */
export function shapeProblem(schema: JsonObject): string | undefined {
  for (const [keyword, value] of Object.entries(schema)) {
    const shape = SHAPES.get(keyword);
    if (shape === undefined || value === undefined) continue;
    const [what, fits] = shape;
    if (!fits(value)) return `"${keyword}" must be ${what}.`;
  }
  return undefined;
}

/** The schemas right inside this one, whatever keyword holds them. */
export function* subschemasOf(schema: JsonObject): Iterable<JsonValue> {
  for (const [keyword, value] of Object.entries(schema)) {
    const shape = SHAPES.get(keyword);
    if (value === undefined || shape === undefined) continue;
    if (shape === SCHEMA) yield value;
    else if (shape === SCHEMAS) yield* value as readonly JsonValue[];
    else if (shape === ITEMS) {
      if (isList(value)) yield* value;
      else yield value;
    } else if (shape === SCHEMA_MAP || keyword === "dependencies") {
      for (const each of Object.values(value as JsonObject)) {
        if (each !== undefined && isSchema(each)) yield each;
      }
    }
  }
}
