// JSON with comments, changed in place: comments, order and layout of everything else stay. Pure.

import { parse } from "jsonc-parser";
import type { ParseError } from "jsonc-parser";

import { isJsonObject } from "../../core/json.ts";
import type { JsonValue } from "../../core/json.ts";
import { SettingsError } from "./editor.ts";
import type { Entry, Format, Step, Undo } from "./editor.ts";
import { expectSame, parents, prunes, valueAt, withEntries, withoutEntries } from "./entries.ts";
import { dropMember, setMember } from "./jsonc-text.ts";

export const jsonc = { read, edit, remove } satisfies Format;

function read(text: string): JsonValue {
  const errors: ParseError[] = [];
  const value = parse(text, errors, { allowTrailingComma: true }) as JsonValue | undefined;
  const [first] = errors;
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split("\n").length;
    throw new SettingsError(`line ${line}: not valid JSON`);
  }
  if (isJsonObject(value)) return value;
  throw new SettingsError("not an object at its top");
}

function edit(text: string, entries: readonly Entry[]): string {
  const wanted = withEntries(read(text), entries);
  const changed = entries.reduce(
    (changed, { path, value }) => setMember(changed, keys(path), value),
    text,
  );
  expectSame(read(changed), wanted);
  return changed;
}

function remove(text: string, paths: readonly (readonly Step[])[], undo: Undo): string {
  const original = undo.original === undefined ? undefined : read(undo.original);
  const { isOurs } = undo;
  const wanted = withoutEntries(read(text), paths, { original, isOurs });
  let changed = text;
  for (const path of paths) {
    const value = valueAt(read(changed), path);
    if (value === undefined || !isOurs(path, value)) continue;
    const before = valueAt(original, path);
    if (before !== undefined) {
      changed = setMember(changed, keys(path), before);
      continue;
    }
    changed = dropMember(changed, keys(path));
    for (const parent of parents(path)) {
      if (!prunes(read(changed), parent, original)) break;
      changed = dropMember(changed, keys(parent));
    }
  }
  expectSame(read(changed), wanted);
  return changed;
}

/** No editor of this format keeps ours in a list. */
function keys(path: readonly Step[]): string[] {
  return path.map((step) => {
    if (typeof step === "string") return step;
    throw new SettingsError("lists are not changed in JSON");
  });
}
