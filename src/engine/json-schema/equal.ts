// Whether two JSON values are the same, whatever the order of their properties.

import { isJsonObject } from "../../core/json.ts";
import type { JsonValue } from "../../core/json.ts";
import { TooMuchWork } from "./work.ts";
import type { Work } from "./work.ts";

const MAX_DEPTH = 500;

/** @throws TooMuchWork for values nested deeper than 500 too */
export function equalJson(
  one: JsonValue | undefined,
  other: JsonValue | undefined,
  work: Work,
  depth = 0,
): boolean {
  work.spend(1);
  if (one === other) return true;
  if (depth > MAX_DEPTH) throw new TooMuchWork("These values are nested too deeply.");
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false;
    return one.every((item: JsonValue, at) =>
      equalJson(item, other[at] as JsonValue, work, depth + 1),
    );
  }
  if (!isJsonObject(one) || !isJsonObject(other)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every(
    (key) => Object.hasOwn(other, key) && equalJson(one[key], other[key], work, depth + 1),
  );
}

/** Objects and arrays are compared pair by pair; everything else by itself, so that long lists of it are cheap. */
export function allDifferent(items: readonly JsonValue[], work: Work): boolean {
  work.spend(items.length);
  const simple = items.filter((item) => typeof item !== "object" || item === null);
  if (new Set(simple).size < simple.length) return false;
  const others = items.filter((item) => typeof item === "object" && item !== null);
  return others.every((item, at) =>
    others.slice(at + 1).every((later) => !equalJson(item, later, work)),
  );
}
