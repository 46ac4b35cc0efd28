// Holds a JSON value against a prepared schema. Bounded in work and in depth, whatever either of them is made of.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { COMBINED_KEYWORDS } from "./combined.ts";
import { LAST_KEYWORDS, PART_KEYWORDS } from "./parts.ts";
import type { PreparedSchema } from "./prepare.ts";
import type { Keyword, Place, Run, SchemaProblem, Seen, Spot } from "./run.ts";
import { VALUE_KEYWORDS } from "./values.ts";
import { TooMuchWork, createWork } from "./work.ts";

/** Well under a second at the very worst; a large answer to an ordinary schema takes a tenth of it. */
const MAX_WORK = 5_000_000;
/** What holding one value against one schema costs, in steps of a pattern. */
const CHECK_WORK = 5;
const MAX_DEPTH = 1_000;
const MAX_PROBLEMS = 8;

const KEYWORDS = [...VALUE_KEYWORDS, ...COMBINED_KEYWORDS, ...PART_KEYWORDS, ...LAST_KEYWORDS];

type Part = Pick<Spot, "value" | "place" | "seen">;

/** The first few problems; none: the value fits. @throws TooMuchWork where neither can be said */
export function checkValue(prepared: PreparedSchema, value: JsonValue): readonly SchemaProblem[] {
  const work = createWork(MAX_WORK);
  const problems: SchemaProblem[] = [];
  const plans = new Map<JsonObject, Plan>();
  let depth = 0;
  let muted = 0;

  function check(schema: JsonValue, part: Part): boolean {
    work.spend(CHECK_WORK);
    if (schema === true) return true;
    if (!isJsonObject(schema)) {
      const spot = { ...part, schema: {}, argument: false };
      return run.report(spot, "false", "must not be there");
    }
    depth += 1;
    if (depth > MAX_DEPTH) throw new TooMuchWork("This schema leads around in circles.");
    const fits = checkKeywords(schema, part);
    depth -= 1;
    return fits;
  }

  function checkKeywords(schema: JsonObject, part: Part): boolean {
    const seen = prepared.tracksSeen ? newSeen() : undefined;
    let fits = true;
    for (const { argument, keyword } of planOf(schema)) {
      const spot = { schema, argument, value: part.value, place: part.place, seen };
      if (!keyword(spot, run)) fits = false;
      // Nobody hears of the rest.
      if (!fits && muted > 0) return false;
    }
    if (fits && seen !== undefined && part.seen !== undefined) merge(seen, part.seen);
    return fits;
  }

  function planOf(schema: JsonObject): Plan {
    const known = plans.get(schema);
    if (known !== undefined) return known;
    const plan = makePlan(schema, prepared.refStandsAlone);
    plans.set(schema, plan);
    return plan;
  }

  function fits(schema: JsonValue, part: Part): boolean {
    muted += 1;
    try {
      return check(schema, part);
    } finally {
      muted -= 1;
    }
  }

  function report(spot: Spot, keyword: string, expectation: string): false {
    if (muted > 0 || problems.length >= MAX_PROBLEMS) return false;
    problems.push({ path: pathOf(spot.place), keyword, expectation });
    return false;
  }

  const run: Run = { prepared, work, check, fits, report };
  check(prepared.root, { value, place: undefined, seen: undefined });
  return problems;
}

/** The keywords that a schema has, in the order in which they must be asked. */
type Plan = readonly { readonly argument: JsonValue; readonly keyword: Keyword }[];

function makePlan(schema: JsonObject, refStandsAlone: boolean): Plan {
  const isAlone = refStandsAlone && "$ref" in schema;
  return KEYWORDS.flatMap(([name, keyword]) => {
    const argument = Object.hasOwn(schema, name) ? schema[name] : undefined;
    return argument === undefined || (isAlone && name !== "$ref") ? [] : [{ argument, keyword }];
  });
}

function newSeen(): Seen {
  return { properties: new Set(), items: new Set() };
}

function merge(from: Seen, into: Seen): void {
  for (const name of from.properties) into.properties.add(name);
  for (const index of from.items) into.items.add(index);
}

function pathOf(place: Place | undefined): string {
  let path = "";
  for (let at = place; at !== undefined; at = at.outer) path = stepText(at.step) + path;
  return `$${path}`;
}

function stepText(step: string | number): string {
  if (typeof step === "number") return `[${step}]`;
  return /^[\w$*-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
