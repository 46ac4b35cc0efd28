// The keywords that hold a value against further schemas at the same place.

import type { JsonValue } from "../../core/json.ts";
import { textOf } from "./run.ts";
import type { Keyword, Run, Spot } from "./run.ts";

export const COMBINED_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["$ref", reference],
  ["$dynamicRef", reference],
  ["$recursiveRef", reference],
  ["allOf", allOf],
  ["anyOf", anyOf],
  ["oneOf", oneOf],
  ["not", not],
  ["if", conditional],
];

function reference(spot: Spot, run: Run): boolean {
  return run.check(run.prepared.target(spot.schema, textOf(spot)), spot);
}

function schemasOf({ argument }: Spot): readonly JsonValue[] {
  return argument as readonly JsonValue[];
}

function allOf(spot: Spot, run: Run): boolean {
  return schemasOf(spot)
    .map((schema) => run.check(schema, spot))
    .every((fits) => fits);
}

function anyOf(spot: Spot, run: Run): boolean {
  const schemas = schemasOf(spot);
  // Every one that fits has looked at something: where that is asked for, none may be left out.
  const fitting =
    spot.seen === undefined
      ? schemas.some((schema) => run.fits(schema, spot))
      : schemas.filter((schema) => run.fits(schema, spot)).length > 0;
  if (fitting) return true;
  return run.report(spot, "anyOf", `must fit one of the ${schemas.length} alternatives of "anyOf"`);
}

function oneOf(spot: Spot, run: Run): boolean {
  const schemas = schemasOf(spot);
  const fitting = schemas.filter((schema) => run.fits(schema, spot)).length;
  if (fitting === 1) return true;
  const words = `must fit exactly one of the ${schemas.length} alternatives of "oneOf"`;
  return run.report(spot, "oneOf", fitting === 0 ? words : `${words}, not several`);
}

function not(spot: Spot, run: Run): boolean {
  const { argument, value, place } = spot;
  if (!run.fits(argument, { value, place, seen: undefined })) return true;
  return run.report(spot, "not", 'must not be what "not" describes');
}

function conditional(spot: Spot, run: Run): boolean {
  const branch = run.fits(spot.argument, spot) ? spot.schema["then"] : spot.schema["else"];
  return branch === undefined || run.check(branch, spot);
}
