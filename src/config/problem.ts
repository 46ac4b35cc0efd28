// What is wrong with a value, in words for the person who wrote it. Never quotes a text value: it may be a secret.

import { Value, ValueErrorType } from "@sinclair/typebox/value";
import type { ValueError } from "@sinclair/typebox/value";
import type { TSchema } from "@sinclair/typebox";

import { suggestion } from "./suggest.ts";

export interface Problem {
  /** Keys and list positions inside the value, empty for the value itself. */
  readonly path: readonly string[];
  readonly message: string;
}

/** The first problem of `value`, or nothing. */
export function findProblem(schema: TSchema, value: unknown): Problem | undefined {
  return findProblems(schema, value)[0];
}

/** Every problem of `value`: of what is wrong in several ways at one place, the first. */
export function findProblems(schema: TSchema, value: unknown): readonly Problem[] {
  const first = new Map<string, ValueError>();
  for (const error of Value.Errors(schema, value)) {
    if (!first.has(error.path)) first.set(error.path, error);
  }
  return [...first.values()].flatMap((error) => problemsOf(schema, error));
}

function problemsOf(schema: TSchema, error: ValueError): readonly Problem[] {
  const path = error.path.split("/").slice(1).map(unescapePointer);
  const kind = unknownKind(error);
  if (kind !== undefined) return [{ ...kind, path: path.concat(kind.path) }];
  const branch = blockBranch(error);
  const inner = branch === undefined ? [] : findProblems(branch, error.value);
  if (inner.length > 0) {
    return inner.map(({ message, path: below }) => ({ message, path: path.concat(below) }));
  }
  const name = path.at(-1) ?? "";
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    const known = Object.keys(parentProperties(schema, path));
    return [{ path, message: `unknown key${suggestion(name, known)}` }];
  }
  if (error.type === ValueErrorType.ObjectRequiredProperty) {
    return [{ path: path.slice(0, -1), message: `needs the key ${name}` }];
  }
  return [{ path, message: expectation(error.schema, error.value) }];
}

/** "expected …, got …", with a hint where the mistake is a common one. */
export function expectation(schema: TSchema, value: unknown): string {
  const names = literals(schema);
  const hint =
    typeof value === "string" && names.length > 0
      ? suggestion(value, names)
      : quotingHint(schema, value);
  return `expected ${describe(schema)}${received(schema, value)}${hint}`;
}

/** What a value has to be, for a sentence that begins with "expected". */
function describe(schema: TSchema): string {
  if (typeof schema["expects"] === "string") return schema["expects"];
  const names = literals(schema);
  if (names.length > 1) return `one of ${names.join(", ")}`;
  if (Array.isArray(schema["anyOf"])) {
    const ways = schema["anyOf"].map((branch: TSchema) => describe(branch));
    return [...new Set(ways)].join(" or ");
  }
  switch (schema["type"]) {
    case "integer":
      return describeWhole(schema);
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object":
      return "a block of keys";
    case "null":
      return "null";
    default:
      return describeText(schema);
  }
}

function describeWhole(schema: TSchema): string {
  return `a whole number from ${schema["minimum"]} to ${schema["maximum"]}`;
}

function describeText(schema: TSchema): string {
  if ("const" in schema) return String(schema["const"]);
  const length = Number(schema["minLength"] ?? 0);
  return length > 1 ? `text of at least ${length} characters` : "text";
}

/** A value of the right type is not described: that it does not fit says enough, and text may be a secret. */
function received(schema: TSchema, value: unknown): string {
  if (value === null) return ", got nothing";
  if (Array.isArray(value)) return ", got a list";
  switch (typeof value) {
    case "string":
      return takes(schema, "string") ? "" : ", got text";
    case "number":
    case "boolean":
      return `, got ${value}`;
    default:
      return takes(schema, "object") ? "" : ", got a block of keys";
  }
}

function quotingHint(schema: TSchema, value: unknown): string {
  const types = new Set(branches(schema).map((branch) => String(branch["type"])));
  if (typeof value === "string") {
    if (types.has("integer") && /^-?\d+$/.test(value)) return "; take the quotes away";
    if (types.has("boolean") && /^(yes|no|on|off|y|n|true|false|[01])$/i.test(value)) {
      return "; write true or false, without quotes";
    }
  }
  const isBare = typeof value === "number" || typeof value === "boolean";
  return isBare && types.has("string") ? "; put it in quotes" : "";
}

function takes(schema: TSchema, type: string): boolean {
  return branches(schema).some((branch) => branch["type"] === type);
}

function branches(schema: TSchema): readonly TSchema[] {
  return Array.isArray(schema["anyOf"]) ? (schema["anyOf"] as readonly TSchema[]) : [schema];
}

function literals(schema: TSchema): readonly string[] {
  const all = branches(schema);
  return all.every((branch) => "const" in branch)
    ? all.map((branch) => String(branch["const"]))
    : [];
}

/** Of a union whose value has keys: the branches that have keys. */
function blocksOf(error: ValueError): readonly TSchema[] {
  const isBlock = typeof error.value === "object" && error.value !== null;
  if (error.type !== ValueErrorType.Union || !isBlock || Array.isArray(error.value)) return [];
  return branches(error.schema).filter((branch) => branch["type"] === "object");
}

/** Where all blocks of a union name their kind by one key, and the value does not name one of these kinds. */
function unknownKind(error: ValueError): Problem | undefined {
  const kinds = blocksOf(error).map(fixedWords);
  const key = [...(kinds[0]?.keys() ?? [])].find((each) => kinds.every((kind) => kind.has(each)));
  if (key === undefined) return undefined;
  const names = [...new Set(kinds.map((kind) => String(kind.get(key))))];
  const value = (error.value as Readonly<Record<string, unknown>>)[key];
  const choice = `${names.length > 1 ? "one of " : ""}${names.join(", ")}`;
  if (value === undefined) return { path: [], message: `needs the key ${key}: ${choice}` };
  if (names.some((name) => name === value)) return undefined;
  const isWord = branches(error.schema).some((branch) => Value.Check(branch, value));
  const hint = isWord
    ? "; this one is written as a word, without a block"
    : suggestion(typeof value === "string" ? value : "", names);
  return { path: [key], message: `expected ${choice}${hint}` };
}

/** What has to be a certain word in a block, and which. */
function fixedWords(block: TSchema): ReadonlyMap<string, unknown> {
  const properties = (block["properties"] ?? {}) as Readonly<Record<string, TSchema>>;
  return new Map(
    Object.entries(properties).flatMap(([key, schema]) =>
      "const" in schema ? [[key, schema["const"]] as const] : [],
    ),
  );
}

/** Of a union, the branch that a value with keys was meant for: its errors are the useful ones. */
function blockBranch(error: ValueError): TSchema | undefined {
  const blocks = blocksOf(error);
  if (blocks.length === 0) return undefined;
  const meant = blocks.filter((block) => isMeant(block, error.value));
  const keys = Object.keys(error.value as object);
  // Of several forms of one kind, the one that knows most of its keys.
  const known = (block: TSchema): number =>
    keys.filter((key) => Object.hasOwn((block["properties"] ?? {}) as object, key)).length;
  return meant.toSorted((a, b) => known(b) - known(a))[0] ?? blocks[0];
}

/** Whether what has to be a certain word, such as a kind, is that word. */
function isMeant(block: TSchema, value: unknown): boolean {
  return [...fixedWords(block)].every(
    ([key, word]) => (value as Readonly<Record<string, unknown>>)[key] === word,
  );
}

/** The keys that may stand where the last part of `path` stands. */
function parentProperties(schema: TSchema, path: readonly string[]): Record<string, TSchema> {
  let current = schema;
  for (const part of path.slice(0, -1)) {
    const properties = (current["properties"] ?? {}) as Readonly<Record<string, TSchema>>;
    current = (current["items"] as TSchema | undefined) ?? properties[part] ?? current;
  }
  const block = branches(current).find((branch) => branch["type"] === "object");
  return (block?.["properties"] ?? {}) as Record<string, TSchema>;
}

function unescapePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
