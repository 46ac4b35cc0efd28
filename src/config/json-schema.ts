// The JSON Schema (2020-12) of the configuration file, from the schema that the loader checks with. Pure.

import type { TSchema } from "@sinclair/typebox";

import { Config } from "./schema.ts";
import { isBlock } from "./settings.ts";

/** As the file is: every section and setting may be left out, and a section may be empty. */
export function configJsonSchema(): object {
  const sections = Object.entries(Config.properties).map(([name, schema]: [string, TSchema]) => [
    name,
    isBlock(schema) ? sectionSchema(schema) : emptyToo(plain(schema)),
  ]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:mlp:config",
    title: "Configuration of MCP Local Provider",
    type: ["object", "null"],
    additionalProperties: false,
    properties: Object.fromEntries(sections) as object,
  };
}

function sectionSchema(schema: TSchema): object {
  const { required: _required, ...rest } = plain(schema);
  return emptyToo(rest);
}

/** `provider:` with every line below it commented out is null. */
function emptyToo(schema: object): object {
  return "type" in schema ? { ...schema, type: [schema.type, "null"] } : schema;
}

/** Without what only our own checks read, and with `enum` where editors offer its words. */
function plain(schema: TSchema): Record<string, unknown> {
  return plainValue(schema) as Record<string, unknown>;
}

function plainValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, inner]) => !(key === "expects" && typeof inner === "string"))
    .map(([key, inner]) => [key, key === "default" ? inner : plainValue(inner)] as const);
  return wordsAsEnum(Object.fromEntries(entries));
}

function wordsAsEnum(schema: Record<string, unknown>): Record<string, unknown> {
  const { anyOf, ...rest } = schema;
  const branches: readonly unknown[] = Array.isArray(anyOf) ? anyOf : [];
  const words = branches.flatMap((branch) =>
    typeof branch === "object" && branch !== null && "const" in branch ? [branch.const] : [],
  );
  return branches.length > 0 && words.length === branches.length
    ? { ...rest, type: "string", enum: words }
    : schema;
}
