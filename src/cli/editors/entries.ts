// Entries as changes of a tree of values. The formats edit text; what they made of it is compared with what these
// functions make of the tree, so that a change that went wrong is never written. Pure.

import { isDeepStrictEqual } from "node:util";

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { SettingsError } from "./editor.ts";
import type { Entry, Step, Undo } from "./editor.ts";

export function stepText(path: readonly Step[]): string {
  return path.map((step) => (typeof step === "string" ? step : step.name)).join(".");
}

export function valueAt(tree: JsonValue | undefined, path: readonly Step[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(inside, tree);
}

function inside(value: JsonValue | undefined, step: Step): JsonValue | undefined {
  if (typeof step === "string") return own(value, step);
  const list = listOf(value);
  return list?.[indexOf(list, step.name)];
}

/** `Array.isArray` forgets what is in a list that is only read. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : undefined;
}

/** `-1` when there is none. */
export function indexOf(list: readonly JsonValue[], name: string): number {
  return list.findIndex((element) => own(element, "name") === name);
}

function own(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Throws `SettingsError` where a value that is neither a table nor a list stands in the way. */
export function withEntries(tree: JsonValue, entries: readonly Entry[]): JsonValue {
  return entries.reduce((changed, { path, value }) => put(changed, path, value), tree);
}

function put(tree: JsonValue | undefined, path: readonly Step[], value: JsonValue): JsonValue {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "string") {
    if (tree !== undefined && tree !== null && !isJsonObject(tree)) throw inTheWay(step);
    return { ...tree, [step]: put(own(tree, step), rest, value) };
  }
  const list = tree === undefined || tree === null ? [] : listOf(tree);
  if (list === undefined) throw inTheWay(step.name);
  const index = indexOf(list, step.name);
  const element = put(list[index], rest, value);
  return index === -1 ? [...list, element] : list.with(index, element);
}

function inTheWay(name: string): SettingsError {
  return new SettingsError(`what \`${name}\` would stand in has another form than expected`);
}

/** What `remove` of a format has to leave, by the same rules: see `prunes`. */
export function withoutEntries(
  tree: JsonValue,
  paths: readonly (readonly Step[])[],
  {
    original,
    isOurs,
  }: { readonly original: JsonValue | undefined; readonly isOurs: Undo["isOurs"] },
): JsonValue {
  let changed = tree;
  for (const path of paths) {
    const value = valueAt(changed, path);
    if (value === undefined || !isOurs(path, value)) continue;
    const before = valueAt(original, path);
    if (before !== undefined) {
      changed = put(changed, path, before);
      continue;
    }
    changed = drop(changed, path);
    for (const parent of parents(path)) {
      if (!prunes(changed, parent, original)) break;
      changed = drop(changed, parent);
    }
  }
  return changed;
}

/** The tables and lists around a path, the innermost first. */
export function parents(path: readonly Step[]): readonly (readonly Step[])[] {
  return path.slice(1).map((_, index) => path.slice(0, path.length - 1 - index));
}

/** A table or list that we made for our own entries goes when it is empty again. */
export function prunes(
  tree: JsonValue,
  path: readonly Step[],
  original: JsonValue | undefined,
): boolean {
  const value = valueAt(tree, path);
  const isEmpty =
    (isJsonObject(value) && Object.keys(value).length === 0) ||
    (Array.isArray(value) && value.length === 0);
  return isEmpty && valueAt(original, path) === undefined;
}

function drop(tree: JsonValue, path: readonly Step[]): JsonValue {
  const [step, ...rest] = path;
  if (step === undefined) return tree;
  if (typeof step === "string") {
    if (!isJsonObject(tree)) return tree;
    const { [step]: value, ...others }: JsonObject = tree;
    if (rest.length === 0 || value === undefined) return others;
    return { ...tree, [step]: drop(value, rest) };
  }
  const list = listOf(tree) ?? [];
  const index = indexOf(list, step.name);
  const element = list[index];
  if (element === undefined) return tree;
  return rest.length === 0 ? list.toSpliced(index, 1) : list.with(index, drop(element, rest));
}

/** The last check of every change. */
export function expectSame(made: JsonValue, wanted: JsonValue): void {
  if (isDeepStrictEqual(made, wanted)) return;
  throw new SettingsError("it has a form that cannot be changed safely here");
}
