import { describe, expect, test } from "bun:test";
import { checkValue } from "../../../src/engine/json-schema/check.ts";
import { prepareSchema } from "../../../src/engine/json-schema/prepare.ts";
import { TooMuchWork } from "../../../src/engine/json-schema/work.ts";
import type { JsonObject, JsonValue } from "../../../src/core/json.ts";

function fits(schema: JsonObject, value: JsonValue): boolean {
  return checkValue(prepareSchema(schema), value).length === 0;
}

type Row = readonly [schema: JsonObject, good: readonly JsonValue[], bad: readonly JsonValue[]];

const ROWS: readonly Row[] = [
  [{ type: "integer" }, [1, 1.0, -3], [1.5, "1", null, true]],
  [{ type: ["string", "null"] }, ["", null], [0, []]],
  [{ type: "object" }, [{}], [[], null, "x"]],
  [{ enum: [1, { a: [2] }] }, [1, { a: [2] }], [{ a: [2, 3] }, "1"]],
  [{ const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1 }]],
  [{ minimum: 1, maximum: 3 }, [1, 3, "x"], [0, 4]],
  [{ exclusiveMinimum: 1, exclusiveMaximum: 3 }, [2], [1, 3]],
  [{ minimum: 1, exclusiveMinimum: true }, [2], [1]],
  [{ multipleOf: 0.0001 }, [0.0075, 1], [0.00751]],
  [{ minLength: 2, maxLength: 2 }, ["ab", "😀😀"], ["a", "😀", "abc"]],
  [{ pattern: "^a+$" }, ["aa", 3], ["b", ""]],
  [
    { pattern: "^(?!\\.)(?!.*\\.\\.)[\\w.+-]+@(\\w[\\w-]*\\.)+\\w{2,}$" },
    ["a.b@c.de"],
    ["a..b@c.de"],
  ],
  [{ items: { type: "number" }, minItems: 1, maxItems: 2 }, [[1], [1, 2]], [[], ["1"], [1, 2, 3]]],
  [{ prefixItems: [{ type: "string" }], items: false }, [["a"], []], [[1], ["a", 1]]],
  [{ items: [{ type: "string" }], additionalItems: { type: "null" } }, [["a", null]], [["a", 1]]],
  [
    { uniqueItems: true },
    [[1, "1", [1], { a: 1 }]],
    [
      [1, 1],
      [{ a: 1 }, { a: 1 }],
    ],
  ],
  [{ contains: { type: "null" }, maxContains: 1 }, [[null]], [[], [null, null]]],
  [{ required: ["a"] }, [{ a: null }, 1], [{}, { toString: 1 }]],
  [{ required: ["toString", "__proto__"] }, [JSON.parse('{"toString":1,"__proto__":2}')], [{}]],
  [{ properties: { a: { type: "null" } }, additionalProperties: false }, [{ a: null }], [{ b: 1 }]],
  [
    { patternProperties: { "^x": { type: "null" } }, additionalProperties: { type: "string" } },
    [{ x1: null, a: "" }],
    [{ x1: 1 }, { a: 1 }],
  ],
  [{ propertyNames: { maxLength: 1 } }, [{ a: 1 }], [{ ab: 1 }]],
  [{ minProperties: 1, maxProperties: 1 }, [{ a: 1 }], [{}, { a: 1, b: 1 }]],
  [{ dependentRequired: { a: ["b"] } }, [{ a: 1, b: 1 }, {}], [{ a: 1 }]],
  [{ dependencies: { a: { required: ["b"] }, c: ["d"] } }, [{ a: 1, b: 1 }], [{ a: 1 }, { c: 1 }]],
  [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1], [0, 3]],
  [{ anyOf: [{ type: "null" }, { type: "string" }] }, [null, ""], [1]],
  [{ oneOf: [{ minimum: 1 }, { maximum: 2 }] }, [0, 3], [1.5]],
  [{ not: { type: "null" } }, [1], [null]],
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  [{ if: { minimum: 10 }, then: { multipleOf: 10 }, else: { maximum: 5 } }, [20, 3], [15, 7]],
  [
    {
      $ref: "#/$defs/n",
      $defs: {
        n: { anyOf: [{ type: "null" }, { items: { $ref: "#/$defs/n" } }], type: ["array", "null"] },
      },
    },
    [[[null]]],
    [[[1]]],
  ],
  [{ $ref: "#name", $defs: { x: { $anchor: "name", type: "null" } } }, [null], [1]],
  [
    { $id: "https://a.example/b", $ref: "c", $defs: { x: { $id: "c", type: "null" } } },
    [null],
    [1],
  ],
  [
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      $ref: "#/definitions/x",
      type: "string",
      definitions: { x: { type: "null" } },
    },
    [null],
    [""],
  ],
  [{ allOf: [{ properties: { a: {} } }], unevaluatedProperties: false }, [{ a: 1 }], [{ b: 1 }]],
  [
    { anyOf: [{ prefixItems: [true] }, { prefixItems: [true, true] }], unevaluatedItems: false },
    [[1, 2]],
    [[1, 2, 3]],
  ],
  [{ format: "email", "x-anything": { type: 7 }, title: "t" }, ["no address", 1], []],
];

describe("a value is held against a schema", () => {
  test.each(ROWS)("%j", (schema, good, bad) => {
    for (const value of good) expect([value, fits(schema, value)]).toEqual([value, true]);
    for (const value of bad) expect([value, fits(schema, value)]).toEqual([value, false]);
  });

  test("and what is wrong is named by its place, without a word of the value", () => {
    const schema = {
      type: "object",
      properties: {
        list: {
          items: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
        },
      },
      additionalProperties: { type: "null" },
    };
    const problems = checkValue(prepareSchema(schema), {
      list: [{ name: "fine" }, { name: 5 }, {}],
      "secret name": "secret value",
    });
    expect(problems).toEqual([
      { path: "$.list[1].name", keyword: "type", expectation: "must be of type string" },
      { path: "$.list[2]", keyword: "required", expectation: 'must have the property "name"' },
      { path: "$.*", keyword: "type", expectation: "must be of type null" },
    ]);
  });

  test("with no more problems than anybody can use", () => {
    const schema = prepareSchema({ items: { type: "null" } });
    expect(
      checkValue(
        schema,
        Array.from({ length: 1_000 }, () => 1),
      ),
    ).toHaveLength(8);
  });
});

describe("a hostile pair of schema and value is given up on", () => {
  const doubling = (keyword: string): JsonObject => {
    const defs: Record<string, JsonValue> = { a40: { type: "number" } };
    for (let at = 0; at < 40; at += 1) {
      const next = { $ref: `#/$defs/a${at + 1}` };
      defs[`a${at}`] = { [keyword]: [next, next] };
    }
    return { $ref: "#/$defs/a0", $defs: defs };
  };
  let deep: JsonValue = 1;
  for (let at = 0; at < 60; at += 1) deep = [deep];

  const pairs: readonly (readonly [string, JsonObject, JsonValue])[] = [
    ["two to the power of forty references", doubling("allOf"), 1],
    ["as many alternatives", doubling("anyOf"), "x"],
    ["a reference to itself", { $ref: "#" }, 1],
    [
      "items that are checked twice at every level",
      { allOf: [{ items: { $ref: "#" } }, { items: { $ref: "#" } }] },
      deep,
    ],
    [
      "unique items without number",
      { uniqueItems: true },
      Array.from({ length: 5_000 }, (_, at) => [at]),
    ],
    [
      "a pattern that looks back over everything",
      { pattern: "(?<=(a+)+b.*)c" },
      "a".repeat(100_000),
    ],
  ];
  test.each(pairs)("%s", (_name, schema, value) => {
    expect(() => checkValue(prepareSchema(schema), value)).toThrow(TooMuchWork);
  });

  test("but a large answer to an ordinary schema is not", () => {
    const schema = {
      items: {
        required: ["a"],
        properties: { a: { type: "number" }, b: { enum: ["x"] } },
        additionalProperties: false,
      },
    };
    const value = Array.from({ length: 20_000 }, (_, a) => ({ a, b: "x" }));
    expect(fits(schema, value)).toBe(true);
  });
});

describe("a schema is refused", () => {
  const wrong: readonly (readonly [string, JsonObject, string])[] = [
    ["with a type that is none", { type: "text" }, "invalid_request"],
    ["with a list of no types", { type: [] }, "invalid_request"],
    ["with properties that are no schemas", { properties: { a: "string" } }, "invalid_request"],
    [
      "with a name in place of a list of names",
      { properties: { a: { required: "b" } } },
      "invalid_request",
    ],
    ["with a reference that leads nowhere", { $ref: "#/$defs/missing" }, "invalid_request"],
    [
      "with a reference to another place",
      { $ref: "https://elsewhere.example/s.json" },
      "invalid_request",
    ],
    [
      "with a broken part that is only referred to",
      { $ref: "#/kept", kept: { type: 1 } },
      "invalid_request",
    ],
    ["with a pattern that is none", { pattern: "(" }, "unsupported"],
    ["with a pattern that refers back", { patternProperties: { "(a)\\1": true } }, "unsupported"],
    ["with a pattern written out too large", { pattern: "((a{100}){100}){100}" }, "unsupported"],
    [
      "with references that mean several places",
      {
        $dynamicRef: "#n",
        $defs: { a: { $dynamicAnchor: "n" }, b: { $id: "b", $dynamicAnchor: "n" } },
      },
      "unsupported",
    ],
    ["that is too large", { anyOf: Array.from({ length: 20_001 }, () => ({})) }, "invalid_request"],
  ];
  test.each(wrong)("%s", (_name, schema, code) => {
    expect(() => prepareSchema(schema)).toThrow(
      expect.objectContaining({ code, param: "response_format" }),
    );
  });

  test("that is nested too deeply", () => {
    let schema: JsonObject = {};
    for (let at = 0; at < 300; at += 1) schema = { not: schema };
    expect(() => prepareSchema(schema)).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });
});
