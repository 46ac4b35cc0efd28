// The keywords about what is inside a value: the items of an array, the properties of an object.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { allDifferent } from "./equal.ts";
import type { Keyword, Run, Spot } from "./run.ts";
import { propertiesOf } from "./values.ts";

/** In the order in which they must be asked: `unevaluated…` after everything else of a schema. */
export const PART_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["minItems", items("minItems", (size, limit) => size >= limit, "at least")],
  ["maxItems", items("maxItems", (size, limit) => size <= limit, "at most")],
  ["uniqueItems", uniqueItems],
  ["prefixItems", (spot, run) => eachItem(spot, run, schemasAt(spot.argument))],
  ["items", itemsKeyword],
  ["additionalItems", additionalItems],
  ["contains", contains],
  ["minProperties", properties("minProperties", (size, limit) => size >= limit, "at least")],
  ["maxProperties", properties("maxProperties", (size, limit) => size <= limit, "at most")],
  ["required", required],
  ["properties", ownProperties],
  ["patternProperties", patternProperties],
  ["additionalProperties", additionalProperties],
  ["propertyNames", propertyNames],
  ["dependentRequired", dependencies("dependentRequired")],
  ["dependentSchemas", dependencies("dependentSchemas")],
  ["dependencies", dependencies("dependencies")],
];

export const LAST_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["unevaluatedItems", unevaluatedItems],
  ["unevaluatedProperties", unevaluatedProperties],
];

type Compare = (size: number, limit: number) => boolean;

function items(keyword: string, holds: Compare, words: string): Keyword {
  return (spot, run) => {
    if (!Array.isArray(spot.value) || holds(spot.value.length, Number(spot.argument))) return true;
    return run.report(spot, keyword, `must have ${words} ${Number(spot.argument)} items`);
  };
}

function properties(keyword: string, holds: Compare, words: string): Keyword {
  return (spot, run) => {
    if (!isJsonObject(spot.value)) return true;
    if (holds(Object.keys(spot.value).length, Number(spot.argument))) return true;
    return run.report(spot, keyword, `must have ${words} ${Number(spot.argument)} properties`);
  };
}

function uniqueItems(spot: Spot, run: Run): boolean {
  if (spot.argument !== true || !Array.isArray(spot.value)) return true;
  if (allDifferent(spot.value as readonly JsonValue[], run.work)) return true;
  return run.report(spot, "uniqueItems", "must have no two items that are the same");
}

function itemsOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

type SchemaAt = (index: number) => JsonValue | undefined;

function schemasAt(argument: JsonValue): SchemaAt {
  return (index) => itemsOf(argument)[index];
}

/** Checks the items that there is a schema for. */
function eachItem(spot: Spot, run: Run, schemaAt: SchemaAt): boolean {
  let fits = true;
  itemsOf(spot.value).forEach((value, index) => {
    run.work.spend(1);
    const schema = schemaAt(index);
    if (schema === undefined) return;
    spot.seen?.items.add(index);
    const place = { step: index, outer: spot.place };
    if (!run.check(schema, { value, place, seen: undefined })) fits = false;
  });
  return fits;
}

/** A list is what older drafts call `prefixItems`. */
function itemsKeyword(spot: Spot, run: Run): boolean {
  if (Array.isArray(spot.argument)) return eachItem(spot, run, schemasAt(spot.argument));
  const first = itemsOf(spot.schema["prefixItems"] ?? null).length;
  return eachItem(spot, run, (index) => (index < first ? undefined : spot.argument));
}

function additionalItems(spot: Spot, run: Run): boolean {
  const before = spot.schema["items"];
  if (!Array.isArray(before)) return true;
  return eachItem(spot, run, (index) => (index < before.length ? undefined : spot.argument));
}

function contains(spot: Spot, run: Run): boolean {
  if (!Array.isArray(spot.value)) return true;
  const { argument, schema, place } = spot;
  let count = 0;
  itemsOf(spot.value).forEach((value, index) => {
    if (!run.fits(argument, { value, place, seen: undefined })) return;
    spot.seen?.items.add(index);
    count += 1;
  });
  const least = Number(schema["minContains"] ?? 1);
  const most = Number(schema["maxContains"] ?? Infinity);
  if (count >= least && count <= most) return true;
  const words = most === Infinity ? `at least ${least}` : `between ${least} and ${most}`;
  return run.report(spot, "contains", `must have ${words} items of the kind that "contains" names`);
}

function required(spot: Spot, run: Run): boolean {
  const { value } = spot;
  if (!isJsonObject(value)) return true;
  return missing(spot, run, spot.argument as readonly string[]);
}

function missing(spot: Spot, run: Run, names: readonly string[]): boolean {
  const { value } = spot;
  run.work.spend(names.length);
  const absent = names.filter((name) => !Object.hasOwn(value as JsonObject, name));
  if (absent.length === 0) return true;
  return run.report(spot, "required", `must have ${listed(absent)}`);
}

const MAX_LISTED = 10;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => JSON.stringify(name));
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : "";
  return `the ${names.length === 1 ? "property" : "properties"} ${shown.join(", ")}${more}`;
}

/** Checks the properties that there is a schema for; `isNamed`: whether the schema itself says their names. */
function eachProperty(
  spot: Spot,
  run: Run,
  schemaOf: (name: string) => JsonValue | undefined,
  isNamed: boolean,
): boolean {
  let fits = true;
  for (const [name, value] of propertiesOf(spot.value)) {
    run.work.spend(1);
    const schema = schemaOf(name);
    if (schema === undefined) continue;
    spot.seen?.properties.add(name);
    const place = { step: isNamed ? name : "*", outer: spot.place };
    if (!run.check(schema, { value, place, seen: undefined })) fits = false;
  }
  return fits;
}

function ownProperties(spot: Spot, run: Run): boolean {
  const schemas = spot.argument as JsonObject;
  const schemaOf = (name: string) => (Object.hasOwn(schemas, name) ? schemas[name] : undefined);
  return eachProperty(spot, run, schemaOf, true);
}

function patternProperties(spot: Spot, run: Run): boolean {
  return propertiesOf(spot.argument)
    .map(([source, schema]) => {
      const pattern = run.prepared.pattern(source);
      return eachProperty(
        spot,
        run,
        (name) => (pattern.test(name, run.work) ? schema : undefined),
        false,
      );
    })
    .every((fits) => fits);
}

function additionalProperties(spot: Spot, run: Run): boolean {
  const { argument, schema, value } = spot;
  const named = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const patterns = propertiesOf(schema["patternProperties"] ?? null);
  const isOther = (name: string): boolean =>
    !Object.hasOwn(named, name) &&
    !patterns.some(([source]) => run.prepared.pattern(source).test(name, run.work));
  if (argument === false) {
    const others = propertiesOf(value).filter(([name]) => isOther(name));
    if (others.length === 0) return true;
    return run.report(spot, "additionalProperties", noOthers(Object.keys(named)));
  }
  return eachProperty(spot, run, (name) => (isOther(name) ? argument : undefined), false);
}

function noOthers(names: readonly string[]): string {
  if (names.length === 0) return "must have no such properties";
  return `must have no other properties than ${listed(names).replace(/^the \w+ /, "")}`;
}

function propertyNames(spot: Spot, run: Run): boolean {
  const place = { step: "*", outer: spot.place };
  const fits = propertiesOf(spot.value).every(([name]) =>
    run.fits(spot.argument, { value: name, place, seen: undefined }),
  );
  return fits || run.report(spot, "propertyNames", "must only have properties with allowed names");
}

/** Names that must be there, or a schema that must fit, where a property is. */
function dependencies(keyword: string): Keyword {
  return (spot, run) => {
    const { argument, value, place, seen } = spot;
    if (!isJsonObject(value)) return true;
    return propertiesOf(argument)
      .filter(([name]) => Object.hasOwn(value, name))
      .map(([, wanted]) =>
        keyword !== "dependentSchemas" && Array.isArray(wanted)
          ? missing(spot, run, wanted as readonly string[])
          : run.check(wanted, { value, place, seen }),
      )
      .every((fits) => fits);
  };
}

function unevaluatedItems(spot: Spot, run: Run): boolean {
  const known = new Set(spot.seen?.items);
  return eachItem(spot, run, (index) => (known.has(index) ? undefined : spot.argument));
}

function unevaluatedProperties(spot: Spot, run: Run): boolean {
  const known = new Set(spot.seen?.properties);
  const schemaOf = (name: string) => (known.has(name) ? undefined : spot.argument);
  return eachProperty(spot, run, schemaOf, false);
}
