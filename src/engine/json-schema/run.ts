// What the keywords of one check share: the way into other schemas, where they are in the value, and what they found.

import type { JsonObject, JsonValue } from "../../core/json.ts";
import type { PreparedSchema } from "./prepare.ts";
import type { Work } from "./work.ts";

/** Something in the answer that does not fit. Says what the schema wants, and nothing of what the answer has. */
export interface SchemaProblem {
  /** As in `$.items[2].name`; `*` for a property that the schema does not name. */
  readonly path: string;
  readonly keyword: string;
  /** A phrase that goes on from "the value at …": "must be a string". */
  readonly expectation: string;
}

/** The way down to a value, the nearest step first. A text is a property, a number an item. */
export interface Place {
  readonly step: string | number;
  readonly outer: Place | undefined;
}

/** What has been looked at so far, for the `unevaluated…` keywords. */
export interface Seen {
  readonly properties: Set<string>;
  readonly items: Set<number>;
}

/** One keyword of one schema, at one place of the value. */
export interface Spot {
  readonly schema: JsonObject;
  readonly argument: JsonValue;
  readonly value: JsonValue;
  readonly place: Place | undefined;
  /** Absent where nobody will ask. */
  readonly seen: Seen | undefined;
}

export interface Run {
  readonly prepared: PreparedSchema;
  readonly work: Work;
  /** Whether the value fits the schema. `seen` hears what was looked at, if it does. */
  check(schema: JsonValue, part: Pick<Spot, "value" | "place" | "seen">): boolean;
  /** The same without anything being reported. */
  fits(schema: JsonValue, part: Pick<Spot, "value" | "place" | "seen">): boolean;
  /** Always `false`, so that a keyword can return it. */
  report(spot: Spot, keyword: string, expectation: string): false;
}

export type Keyword = (spot: Spot, run: Run) => boolean;

/** The argument of a keyword that is known to be a text. */
export function textOf({ argument }: Spot): string {
  return typeof argument === "string" ? argument : "";
}
