// TOML by marked blocks: ours stand between two marks, keys at the top before the first table and tables at the end.
// A line of the user's that ours would contradict is put out of use by a mark of its own, and comes back. Pure.

import { isJsonObject } from "../../core/json.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { SettingsError } from "./editor.ts";
import type { Entry, Format, Step } from "./editor.ts";
import { expectSame, stepText, valueAt, withEntries } from "./entries.ts";

const BEGIN = "# >>> mlp connect >>>";
const END = "# <<< mlp connect <<<";
const OFF = "# mlp connect replaces: ";

export const toml = { read, edit, remove } satisfies Format;

function read(text: string): JsonValue {
  try {
    return Bun.TOML.parse(text) as JsonObject;
  } catch {
    throw new SettingsError("not valid TOML");
  }
}

function edit(text: string, entries: readonly Entry[]): string {
  const clean = unmarked(text);
  const tree = read(clean);
  const wanted = withEntries(tree, entries);
  const [plain, tables] = sorted(entries, tree);
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const names = new Set(plain.map(({ path }) => stepText(path)));
  const lines = clean === "" ? [] : clean.replace(/\r?\n$/, "").split(/\r?\n/);
  const firstTable = lines.findIndex((line) => /^\s*\[/.test(line));
  const top = firstTable === -1 ? lines.length : firstTable;
  const rest = lines.map((line, index) => {
    const [, name] = /^\s*([\w-]+)\s*=/.exec(line) ?? [];
    return index < top && name !== undefined && names.has(name) ? OFF + line : line;
  });
  const keys = plain.map(({ path, value }) => `${stepText(path)} = ${JSON.stringify(value)}`);
  const blocks = tables.flatMap(({ path, value }) => tableLines(path, value));
  const changed = [...block(keys), ...rest, ...block(blocks)].join(eol) + eol;
  expectSame(read(changed), wanted);
  return changed;
}

/** Marks say what is ours, so that neither the original nor what was written has to be known. */
function remove(text: string): string {
  read(text);
  const changed = unmarked(text);
  read(changed);
  return changed;
}

function unmarked(text: string): string {
  const lines = text.split("\n");
  const kept: string[] = [];
  let isOurs = false;
  for (const line of lines) {
    const content = line.trim();
    if (content === BEGIN || content === END) {
      if (isOurs === (content === BEGIN)) throw new SettingsError("a mark of mlp has no partner");
      isOurs = content === BEGIN;
      continue;
    }
    if (!isOurs) kept.push(line.startsWith(OFF) ? line.slice(OFF.length) : line);
  }
  if (isOurs) throw new SettingsError("a mark of mlp has no partner");
  return kept.join("\n");
}

function sorted(
  entries: readonly Entry[],
  tree: JsonValue,
): readonly [plain: readonly Entry[], tables: readonly Entry[]] {
  const tables = entries.filter(({ value }) => isJsonObject(value));
  // A table stands once; one of the user's own by this name stays theirs.
  const taken = tables.find(({ path }) => valueAt(tree, path) !== undefined);
  if (taken !== undefined) throw new SettingsError("it has a table of the same name already");
  return [entries.filter(({ value }) => !isJsonObject(value)), tables];
}

function block(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [BEGIN, ...lines, END];
}

function tableLines(path: readonly Step[], value: JsonValue): readonly string[] {
  const fields = isJsonObject(value) ? Object.entries(value) : [];
  return [
    `[${stepText(path)}]`,
    // A basic string of TOML escapes as JSON does.
    ...fields.map(([key, inner]) => `${key} = ${JSON.stringify(inner)}`),
  ];
}
