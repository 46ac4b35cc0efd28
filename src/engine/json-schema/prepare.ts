// A client's JSON Schema, looked through once before anything is checked by it: that every keyword has the shape it
// must have, that every reference leads somewhere inside it, and that it is not larger than can be checked.
// Drafts 4 to 2020-12: where they disagree on a keyword, each form is taken for what it means in its own draft.

import { AppError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { createPattern } from "./pattern.ts";
import type { Pattern } from "./pattern.ts";
import { createReferences } from "./references.ts";
import { shapeProblem, subschemasOf } from "./shapes.ts";

export interface PreparedSchema {
  readonly root: JsonValue;
  /** Where a reference of `schema` leads. */
  target(schema: JsonObject, reference: string): JsonValue;
  pattern(source: string): Pattern;
  /** Whether any part asks what the other parts have looked at: only then is it written down. */
  readonly tracksSeen: boolean;
  /** Up to draft 7, nothing beside a `$ref` counts. */
  readonly refStandsAlone: boolean;
}

/** Bounds that no schema of a person's making comes near. */
const MAX_SCHEMAS = 20_000;
const MAX_DEPTH = 200;
const MAX_PATTERN_SIZE = 50_000;

/** @throws AppError invalid_request or unsupported, param `response_format` */
export function prepareSchema(root: JsonObject): PreparedSchema {
  const patterns = new Map<string, Pattern>();
  const targets = new Map<JsonObject, Map<string, JsonValue>>();
  const refStandsAlone = /draft-0[3-7]/.test(JSON.stringify(root["$schema"] ?? ""));
  const references = createReferences(root, refStandsAlone);
  const visited = new Set<JsonObject>();
  let tracksSeen = false;
  let patternSize = 0;

  function visit(schema: JsonValue | undefined, base: string, depth: number): void {
    if (typeof schema === "boolean") return;
    if (!isJsonObject(schema)) throw invalid("A schema is an object, or true or false.");
    if (visited.has(schema)) return;
    visited.add(schema);
    if (visited.size > MAX_SCHEMAS || depth > MAX_DEPTH) throw tooLarge();
    const problem = shapeProblem(schema);
    if (problem !== undefined) throw invalid(problem);
    const here = references.enter(schema, base);
    if (typeof schema["pattern"] === "string") keepPattern(schema["pattern"]);
    for (const source of Object.keys(objectOf(schema["patternProperties"]))) keepPattern(source);
    tracksSeen ||= "unevaluatedProperties" in schema || "unevaluatedItems" in schema;
    for (const part of subschemasOf(schema)) visit(part, here, depth + 1);
  }

  function keepPattern(source: string): void {
    if (patterns.has(source)) return;
    const pattern = createPattern(source);
    if (pattern === undefined) throw unsupportedPattern();
    patternSize += pattern.size;
    if (patternSize > MAX_PATTERN_SIZE) throw tooLarge();
    patterns.set(source, pattern);
  }

  visit(root, references.base, 0);
  // What is only referred to is visited here, and may refer to more.
  for (const { schema, from, reference } of references.all()) {
    const found = references.find(from, reference);
    if (found === undefined) throw danglingReference();
    const known = targets.get(schema) ?? new Map<string, JsonValue>();
    targets.set(schema, known.set(reference, found.schema));
    visit(found.schema, found.base, 0);
  }
  if (references.areAmbiguous()) throw ambiguousReference();

  return {
    root,
    refStandsAlone,
    target: (schema, reference) => targets.get(schema)?.get(reference) ?? true,
    pattern: (source) => patterns.get(source) ?? NOTHING,
    get tracksSeen() {
      return tracksSeen;
    },
  };
}

/** Never used: every pattern was kept while visiting. */
const NOTHING: Pattern = { size: 0, test: () => false };

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

const PARAM = { param: "response_format" };

function invalid(problem: string): AppError {
  return new AppError(
    "invalid_request",
    `The response format is no JSON Schema: ${problem}`,
    PARAM,
  );
}

function tooLarge(): AppError {
  const message = "The response format's schema is too large to check answers against.";
  return new AppError("invalid_request", message, PARAM);
}

function danglingReference(): AppError {
  const message =
    "The response format's schema has a reference that leads nowhere: point it into the schema itself, such as #/$defs/name.";
  return new AppError("invalid_request", message, PARAM);
}

function ambiguousReference(): AppError {
  const message =
    'The response format\'s schema has a "$dynamicRef" that means different places at different times. Use "$ref".';
  return new AppError("unsupported", message, PARAM);
}

function unsupportedPattern(): AppError {
  const message =
    "The response format's schema has a pattern that is no regular expression, is too large, or refers back to its own groups.";
  return new AppError("unsupported", message, PARAM);
}
