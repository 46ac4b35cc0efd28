// A small judge of JSON values by JSON Schema (draft 2020-12), for schemas as a document prints them. It knows the
// keywords that we use and throws at any other, so that none is ever silently without effect.

export type Schema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(["title", "description", "examples", "default", "$schema", "$id"]);

export interface Judge {
  /** Where and what is wrong, the first few; empty for a value that fits. */
  problems(schema: unknown, value: unknown): readonly string[];
  resolve(schema: unknown): Schema;
}

/** `document` is what `$ref`s point into. */
export function createJudge(document: unknown): Judge {
  function resolve(schema: unknown): Schema {
    if (typeof schema !== "object" || schema === null) throw new Error("no schema");
    if (!("$ref" in schema)) return schema as Schema;
    const steps = String(schema.$ref).replace(/^#\//, "").split("/");
    let found: unknown = document;
    for (const step of steps) found = (found as Schema)[step.replaceAll("~1", "/")];
    if (found === undefined) throw new Error(`dangling reference ${String(schema.$ref)}`);
    return resolve(found);
  }

  function problems(given: unknown, value: unknown, at = "$"): readonly string[] {
    const schema = resolve(given);
    return Object.entries(schema).flatMap(([keyword, rule]) => {
      if (ANNOTATIONS.has(keyword) || keyword.startsWith("x-")) return [];
      const check = KEYWORDS[keyword];
      if (check === undefined) throw new Error(`the judge does not know ${keyword}`);
      return check({ rule, value, schema, at, problems });
    });
  }

  return { problems: (schema, value) => problems(schema, value).slice(0, 5), resolve };
}

interface Question {
  readonly rule: unknown;
  readonly value: unknown;
  readonly schema: Schema;
  readonly at: string;
  readonly problems: (schema: unknown, value: unknown, at: string) => readonly string[];
}

type Check = (question: Question) => readonly string[];

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isOfType(type: unknown, value: unknown): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function when(bad: boolean, at: string, what: string): readonly string[] {
  return bad ? [`${at}: ${what}`] : [];
}

/** For rules that are about one type of value and mean nothing to others. */
function forText(bad: (text: string, rule: never) => boolean, what: string): Check {
  return ({ rule, value, at }) =>
    when(typeof value === "string" && bad(value, rule as never), at, `${what} ${String(rule)}`);
}
function forNumber(bad: (value: number, rule: number) => boolean, what: string): Check {
  return ({ rule, value, at }) =>
    when(typeof value === "number" && bad(value, rule as number), at, `${what} ${String(rule)}`);
}
function forSize(of: (value: unknown) => number | undefined, isLeast: boolean): Check {
  return ({ rule, value, at }) => {
    const size = of(value);
    const bad = size !== undefined && (isLeast ? size < Number(rule) : size > Number(rule));
    return when(bad, at, `${isLeast ? "fewer" : "more"} than ${String(rule)}`);
  };
}

const lengthOfList = (value: unknown) => (Array.isArray(value) ? value.length : undefined);
const fieldsOf = (value: unknown) => (isObject(value) ? Object.keys(value).length : undefined);

const KEYWORDS: Readonly<Record<string, Check>> = {
  $ref: () => [],
  type: ({ rule, value, at }) =>
    when(![rule].flat().some((type) => isOfType(type, value)), at, `no ${[rule].flat().join()}`),
  const: ({ rule, value, at }) => when(!Bun.deepEquals(rule, value), at, `not ${String(rule)}`),
  enum: ({ rule, value, at }) => when(!(rule as unknown[]).includes(value), at, "no such word"),
  not: ({ rule, value, at, problems }) =>
    when(problems(rule, value, at).length === 0, at, "what must not be"),
  anyOf: ({ rule, value, at, problems }) => {
    const found = (rule as unknown[]).map((branch) => problems(branch, value, at));
    if (found.some((each) => each.length === 0)) return [];
    return [`${at}: none of ${found.length} forms (${found.flat().slice(0, 3).join("; ")})`];
  },
  properties: ({ rule, value, at, problems }) =>
    isObject(value)
      ? Object.entries(rule as Schema).flatMap(([key, inner]) =>
          Object.hasOwn(value, key) ? problems(inner, value[key], `${at}.${key}`) : [],
        )
      : [],
  required: ({ rule, value, at }) =>
    isObject(value)
      ? (rule as string[]).flatMap((key) => when(!Object.hasOwn(value, key), at, `lacks ${key}`))
      : [],
  patternProperties: ({ rule, value, at, problems }) =>
    isObject(value)
      ? Object.entries(rule as Schema).flatMap(([pattern, inner]) =>
          Object.keys(value)
            .filter((key) => new RegExp(pattern, "u").test(key))
            .flatMap((key) => problems(inner, value[key], `${at}.${key}`)),
        )
      : [],
  additionalProperties: ({ rule, value, schema, at }) => {
    if (rule === true || !isObject(value)) return [];
    if (rule !== false) throw new Error("additionalProperties is a schema");
    const known = Object.keys(schema["properties"] ?? {});
    const patterns = Object.keys(schema["patternProperties"] ?? {});
    const isKnown = (key: string) =>
      known.includes(key) || patterns.some((pattern) => new RegExp(pattern, "u").test(key));
    return Object.keys(value).flatMap((key) => when(!isKnown(key), at, `unknown ${key}`));
  },
  items: ({ rule, value, at, problems }) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => problems(rule, item, `${at}[${index}]`))
      : [],
  minItems: forSize(lengthOfList, true),
  maxItems: forSize(lengthOfList, false),
  minProperties: forSize(fieldsOf, true),
  maxProperties: forSize(fieldsOf, false),
  minLength: forText((text, rule) => text.length < rule, "shorter than"),
  maxLength: forText((text, rule) => text.length > rule, "longer than"),
  pattern: forText((text, rule) => !new RegExp(rule, "u").test(text), "does not match"),
  minimum: forNumber((value, rule) => value < rule, "less than"),
  maximum: forNumber((value, rule) => value > rule, "more than"),
};
