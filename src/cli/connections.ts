// What `mlp connect` did, so that `mlp disconnect` can undo it: one record for each editor, and beside it the settings
// file as it was. Both are for the user alone, and neither holds a key of ours.

import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

import { parseJson } from "../core/json.ts";
import type { JsonValue } from "../core/json.ts";
import { makePrivateFolder } from "../security/secret-file.ts";
import type { CliContext } from "./context.ts";
import type { Entry, Step } from "./editors/editor.ts";
import { CommandError } from "./failure.ts";

const Path = Type.Array(Type.Union([Type.String(), Type.Object({ name: Type.String() })]));

const Connection = Type.Object({
  editor: Type.String(),
  base: Type.String(),
  model: Type.String(),
  /** Of the key that was made for this editor; `null`: it uses the install's own. */
  key_id: Type.Union([Type.String(), Type.Null()]),
  /** `null` for an editor that is set up by hand. */
  file: Type.Union([
    Type.Null(),
    Type.Object({
      path: Type.String(),
      /** Whether there was no such file. */
      is_new: Type.Boolean(),
      /** SHA-256 of the whole file as it was written, in hex. */
      written: Type.String(),
      /** What was set, each value as its SHA-256. */
      entries: Type.Array(Type.Object({ path: Path, value: Type.String() })),
    }),
  ]),
});
export type Connection = Static<typeof Connection>;

export interface Connections {
  /** `undefined` when the editor is not connected. Throws `CommandError` for a record that cannot be understood. */
  find(editor: string): Connection | undefined;
  /** The file as it was before; `undefined` when there was none. */
  backup(editor: string): Uint8Array | undefined;
  /** `undefined` leaves the backup as it is. */
  save(connection: Connection, backup: Uint8Array | undefined): void;
  forget(editor: string): void;
}

export function openConnections({ paths }: Pick<CliContext, "paths">): Connections {
  const folder = join(paths.state, "editors");
  const recordOf = (editor: string): string => join(folder, `${editor}.json`);
  const backupOf = (editor: string): string => join(folder, `${editor}.backup`);
  return {
    find(editor) {
      const bytes = readIfThere(recordOf(editor));
      if (bytes === undefined) return undefined;
      const content = parseJson(new TextDecoder().decode(bytes));
      if (Value.Check(Connection, content)) return content;
      throw new CommandError(`${recordOf(editor)} cannot be understood; move it away`);
    },
    backup: (editor) => readIfThere(backupOf(editor)),
    save(connection, backup) {
      makePrivateFolder(folder);
      const { editor } = connection;
      if (backup !== undefined) write(backupOf(editor), backup);
      write(recordOf(editor), new TextEncoder().encode(`${JSON.stringify(connection, null, 2)}\n`));
    },
    forget(editor) {
      rmSync(recordOf(editor), { force: true });
      rmSync(backupOf(editor), { force: true });
    },
  };
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A new file each time: an old one could have another mode. */
function write(path: string, content: Uint8Array): void {
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: 0o600, flag: "wx" });
}

export function digest(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

export function digestsOf(
  entries: readonly Entry[],
): { path: (string | { name: string })[]; value: string }[] {
  return entries.map(({ path, value }) => ({ path: [...path], value: digest(canonical(value)) }));
}

/** Whether the value at a path is what we wrote there. */
export function isOursBy(
  connection: Connection,
): (path: readonly Step[], value: JsonValue) => boolean {
  const known = new Map(
    connection.file?.entries.map(({ path, value }) => [JSON.stringify(path), value]),
  );
  return (path, value) => known.get(JSON.stringify(path)) === digest(canonical(value));
}

/** JSON with the keys of tables in order: an editor may write ours again in another one. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
