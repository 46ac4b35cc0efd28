// Values made from JSON Schemas: ones that fit, and ones that were spoilt so that they do not. Seeded by fast-check.

import fc from "fast-check";
import { isOfType } from "./json-schema.ts";
import type { Judge, Schema } from "./json-schema.ts";

type Values = fc.Arbitrary<unknown>;

/** By the name of a field: values that lead somewhere, since random ones name no model and no session. */
export type Hints = Readonly<Record<string, Values>>;

/** Values that fit `schema`. */
export function valuesOf(schema: unknown, judge: Judge, hints: Hints = {}): Values {
  const made = (inner: unknown): Values => make(judge.resolve(inner));

  function make(rules: Schema): Values {
    if ("const" in rules) return fc.constant(rules["const"]);
    if (Array.isArray(rules["enum"])) return fc.constantFrom(...(rules["enum"] as unknown[]));
    if (Array.isArray(rules["anyOf"])) return fc.oneof(...rules["anyOf"].map(made));
    const types = [rules["type"]].flat();
    return fc.oneof(...types.map((type) => ofType(type, rules)));
  }

  function ofType(type: unknown, rules: Schema): Values {
    switch (type) {
      case "string":
        return texts(rules);
      case "integer":
        return fc.integer({
          min: bound(rules["minimum"], -1_000),
          max: Math.min(
            bound(rules["maximum"], 1_000_000),
            Math.max(bound(rules["minimum"], 0), 1_000_000),
          ),
        });
      case "number":
        return fc.double({
          min: bound(rules["minimum"], -1e6),
          max: bound(rules["maximum"], 1e6),
          noNaN: true,
        });
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "array":
        return lists(rules);
      case "object":
        return objects(rules);
      default:
        throw new Error(`no values of type ${String(type)}`);
    }
  }

  function lists(rules: Schema): Values {
    const least = bound(rules["minItems"], 0);
    const most = Math.min(bound(rules["maxItems"], least + 3), least + 3);
    return fc.array(made(rules["items"]), { minLength: least, maxLength: most });
  }

  function objects(rules: Schema): Values {
    const fields = Object.entries((rules["properties"] ?? {}) as Schema).map(
      ([key, inner]) => [key, hints[key] ?? made(inner)] as const,
    );
    const required = (rules["required"] ?? []) as readonly string[];
    /**
     * Seldom there, unless somebody has ideas about it: with half of all options at once, hardly any request would get
     * beyond its checks.
     */
    const maybe = (key: string, values: Values): Values =>
      required.includes(key)
        ? values
        : fc.oneof(
            { weight: key in hints ? 1 : 4, arbitrary: fc.constant(ABSENT) },
            { weight: key in hints ? 4 : 1, arbitrary: values },
          );
    const known = fc
      .record(Object.fromEntries(fields.map(([key, values]) => [key, maybe(key, values)])))
      .map(withoutAbsent)
      .filter((fields) => Object.keys(fields).length >= bound(rules["minProperties"], 0));
    const [pattern] = Object.values((rules["patternProperties"] ?? {}) as Schema);
    const isOpen = rules["additionalProperties"] !== false;
    const others = pattern === undefined ? (isOpen ? fc.jsonValue() : undefined) : made(pattern);
    if (others === undefined) return known;
    const names = fc.constantFrom("x_one", "x_two", "x_three");
    return fc
      .tuple(known, fc.dictionary(names, others, { maxKeys: 2 }))
      .map(([fit, more]) => ({ ...fit, ...more }));
  }

  return made(schema);
}

const ABSENT = Symbol("absent");

function withoutAbsent(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ABSENT));
}

function texts(rules: Schema): Values {
  if (typeof rules["pattern"] === "string") return fc.stringMatching(new RegExp(rules["pattern"]));
  const least = bound(rules["minLength"], 0);
  const most = Math.min(bound(rules["maxLength"], least + 20), least + 20);
  return fc
    .string({ unit: "grapheme", minLength: least, maxLength: most })
    .filter((text) => text.length <= bound(rules["maxLength"], Number.POSITIVE_INFINITY));
}

function bound(rule: unknown, otherwise: number): number {
  return typeof rule === "number" ? rule : otherwise;
}

/** Values that were made from good ones and that the judge refuses. */
export function spoiltValuesOf(
  schema: unknown,
  judge: Judge,
  hints: Hints = {},
): fc.Arbitrary<unknown> {
  const harm = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("replace", "drop", "add"),
    other: fc.constantFrom<unknown>(null, 42, -0.5, "", "text", true, [], [null], {}, { a: 1 }),
  });
  return fc
    .tuple(valuesOf(schema, judge, hints), fc.array(harm, { minLength: 1, maxLength: 4 }))
    .map(([value, harms]) => harms.reduce(spoil, value))
    .filter((value) => judge.problems(schema, value).length > 0);
}

interface Harm {
  readonly at: number;
  readonly how: string;
  readonly other: unknown;
}

/** Changes one place, counted over all places of the value. */
function spoil(value: unknown, harm: Harm): unknown {
  const places = countPlaces(value);
  let index = harm.at % places;
  const walk = (node: unknown): unknown => {
    const isHere = index === 0;
    index -= 1;
    if (isHere) return change(node, harm);
    if (Array.isArray(node)) return node.map(walk);
    if (!isOfType("object", node)) return node;
    return Object.fromEntries(
      Object.entries(node as object).map(([key, inner]) => [key, walk(inner)]),
    );
  };
  return walk(value);
}

function change(node: unknown, { at, how, other }: Harm): unknown {
  if (how === "replace" || typeof node !== "object" || node === null) return other;
  if (Array.isArray(node)) return how === "drop" ? node.slice(1) : [...node, other];
  if (how === "add") return { ...node, unheard_of: other };
  const keys = Object.keys(node);
  const gone = keys[at % Math.max(1, keys.length)];
  return Object.fromEntries(Object.entries(node).filter(([key]) => key !== gone));
}

function countPlaces(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + countPlaces(inner), 1);
}
