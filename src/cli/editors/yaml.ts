// YAML, changed as text at the places that its parser names: comments, quotes and layout of everything else stay. Pure.

import type { Entry, Format, Step, Undo } from "./editor.ts";
import { expectSame, prunes, valueAt, withEntries, withoutEntries } from "./entries.ts";
import { dropPlace, readTree, setPlace } from "./yaml-text.ts";

export const yaml = { read: readTree, edit, remove } satisfies Format;

function edit(text: string, entries: readonly Entry[]): string {
  const wanted = withEntries(readTree(text), entries);
  const changed = entries.reduce(
    (changed, { path, value }) => setPlace(changed, path, value),
    text,
  );
  expectSame(readTree(changed), wanted);
  return changed;
}

function remove(text: string, paths: readonly (readonly Step[])[], undo: Undo): string {
  const original = undo.original === undefined ? undefined : readTree(undo.original);
  const { isOurs } = undo;
  const wanted = withoutEntries(readTree(text), paths, { original, isOurs });
  let changed = text;
  for (const path of paths) {
    const value = valueAt(readTree(changed), path);
    if (value === undefined || !isOurs(path, value)) continue;
    const before = valueAt(original, path);
    changed = before === undefined ? dropPlace(changed, path) : setPlace(changed, path, before);
    const [top] = path;
    if (typeof top === "string" && prunes(readTree(changed), [top], original))
      changed = dropPlace(changed, [top]);
  }
  expectSame(readTree(changed), wanted);
  return changed;
}
