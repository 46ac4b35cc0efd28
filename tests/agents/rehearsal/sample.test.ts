import { describe, expect, test } from "bun:test";
import { sampleOf } from "../../../src/agents/rehearsal/sample.ts";
import { checkValue } from "../../../src/engine/json-schema/check.ts";
import { prepareSchema } from "../../../src/engine/json-schema/prepare.ts";
import type { JsonObject } from "../../../src/core/json.ts";

const SCHEMAS: readonly (readonly [string, JsonObject])[] = [
  ["an object", { type: "object", properties: { a: { type: "string" } }, required: ["a"] }],
  [
    "no type",
    { properties: { a: { type: "null" } }, required: ["a"], additionalProperties: false },
  ],
  ["items", { type: "array", items: { type: "boolean" }, minItems: 3 }],
  ["values", { type: "object", required: ["a"], properties: { a: { enum: ["x", "y"] } } }],
  ["a constant", { const: { deep: [1] } }],
  [
    "numbers",
    { type: "array", minItems: 2, items: { type: "integer", minimum: 7, multipleOf: 5 } },
  ],
  ["a range below zero", { type: "number", exclusiveMaximum: -3 }],
  ["texts", { type: "string", minLength: 40, maxLength: 50 }],
  ["short texts", { type: "string", maxLength: 3 }],
  ["alternatives", { anyOf: [{ type: "string" }, { type: "null" }] }],
  ["several types", { type: ["integer", "null"] }],
  ["a reference", { $ref: "#/$defs/a~1b", $defs: { "a/b": { type: "array", items: {} } } }],
];

describe("a sample", () => {
  test.each(SCHEMAS)("of %s fits its schema", (_name, schema) => {
    expect(checkValue(prepareSchema(schema), sampleOf(schema, "This is a rehearsal."))).toEqual([]);
  });

  test("says the text where there is room for it", () => {
    const schema = {
      type: "object",
      required: ["title"],
      properties: { title: { type: "string" } },
    };
    expect(sampleOf(schema, "hello")).toEqual({ title: "hello" });
  });

  test("of a schema that never ends, ends", () => {
    const names = Array.from({ length: 50 }, (_, index) => `p${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, { $ref: "#" }]));
    const text = JSON.stringify(sampleOf({ type: "object", required: names, properties }, ""));
    expect(text.length).toBeLessThan(100_000);
    expect(sampleOf({ $ref: "#" }, "")).toBeNull();
  });
});
