// A JSON value that fits a JSON Schema, as well as can be done without thinking: for rehearsing structured answers.
// Knows the everyday keywords; what it makes for others may not fit, and is then refused like any agent's answer.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";

const MAX_DEPTH = 12;
const MAX_ITEMS = 100;
/** A schema that refers to itself may want more values than there is memory for. */
const MAX_VALUES = 1_000;

/** `text` is said wherever the schema has room for a text of that length. */
export function sampleOf(root: JsonObject, text: string): JsonValue {
  let values = 0;

  function sample(given: JsonValue | undefined, depth: number): JsonValue {
    const schema = isJsonObject(given) ? given : {};
    values += 1;
    if (depth > MAX_DEPTH || values > MAX_VALUES) return null;
    if (schema["const"] !== undefined) return schema["const"];
    const [first] = listOf(schema["enum"]);
    if (first !== undefined) return first;
    const other = elsewhere(schema);
    if (other !== undefined) return sample(other, depth + 1);
    switch (typeOf(schema)) {
      case "object":
        return objectOf(schema, depth);
      case "array":
        return Array.from({ length: Math.min(numberOf(schema["minItems"], 0), MAX_ITEMS) }, () =>
          sample(schema["items"], depth + 1),
        );
      case "string":
        return textOf(schema);
      case "number":
      case "integer":
        return rangedOf(schema);
      case "boolean":
        return true;
      default:
        return null;
    }
  }

  /** Where the schema itself only points to another one. */
  function elsewhere(schema: JsonObject): JsonValue | undefined {
    const reference = schema["$ref"];
    if (typeof reference === "string") return found(reference);
    const [first] = [
      ...listOf(schema["anyOf"]),
      ...listOf(schema["oneOf"]),
      ...listOf(schema["allOf"]),
    ];
    return schema["type"] === undefined && schema["properties"] === undefined ? first : undefined;
  }

  function found(reference: string): JsonValue | undefined {
    let at: JsonValue | undefined = root;
    for (const step of reference.replace(/^#/, "").split("/").slice(1)) {
      at = isJsonObject(at) ? at[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
    }
    return at;
  }

  function objectOf(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const required = listOf(schema["required"]).filter((name) => typeof name === "string");
    return Object.fromEntries(required.map((name) => [name, sample(properties[name], depth + 1)]));
  }

  function textOf(schema: JsonObject): string {
    const least = numberOf(schema["minLength"], 0);
    const most = numberOf(schema["maxLength"], Infinity);
    return text.length <= most ? text.padEnd(Math.min(least, 10_000), ".") : "x".repeat(most);
  }

  return sample(root, 0);
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function numberOf(value: JsonValue | undefined, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** The first of several types; without any, what the other keywords speak of. */
function typeOf(schema: JsonObject): string {
  const { type } = schema;
  if (typeof type === "string") return type;
  const [first] = listOf(type);
  if (typeof first === "string") return first;
  return schema["items"] === undefined ? "object" : "array";
}

function rangedOf(schema: JsonObject): number {
  const step = numberOf(schema["multipleOf"], 1);
  const least = Math.max(
    numberOf(schema["minimum"], -Infinity),
    numberOf(schema["exclusiveMinimum"], -Infinity) + step,
  );
  const most = Math.min(
    numberOf(schema["maximum"], Infinity),
    numberOf(schema["exclusiveMaximum"], Infinity) - step,
  );
  if (least <= 0 && most >= 0) return 0;
  return least > 0 ? Math.ceil(least / step) * step : Math.floor(most / step) * step;
}
