// `mlp disconnect`: undoes `mlp connect`. A file that nobody touched since becomes what it was, byte for byte; from one
// that somebody did, only what is ours is taken.

import { isBare, naming, originalText, withoutBom } from "./connect-plan.ts";
import { digest, isOursBy, openConnections } from "./connections.ts";
import type { Connection, Connections } from "./connections.ts";
import type { CliContext } from "./context.ts";
import { revokeEditorKey } from "./editor-key.ts";
import type { FileEditor } from "./editors/editor.ts";
import { stepText, valueAt } from "./editors/entries.ts";
import { findEditor } from "./editors/list.ts";
import { CommandError } from "./failure.ts";
import type { ClientFlags } from "./flags.ts";
import { deleteSettings, readSettings, writeSettings } from "./settings-file.ts";
import type { SettingsFile } from "./settings-file.ts";
import { describeChange, isAgreed, MASK, textsBehind } from "./show-change.ts";

export interface DisconnectFlags extends ClientFlags {
  readonly yes: boolean;
}

export async function disconnectEditor(
  context: CliContext,
  flags: DisconnectFlags,
  name: string,
): Promise<void> {
  const editor = findEditor(name);
  const connections = openConnections(context);
  const known = connections.find(editor.name);
  if (known === undefined) throw new CommandError(`${editor.title} is not connected`);
  if (editor.kind === "file") await undoFile(context, flags, { editor, known, connections });
  else context.io.output.write(`${editor.undo}\n`);
  connections.forget(editor.name);
  await revokeEditorKey(context, flags.url, known.key_id);
}

interface Undone {
  readonly editor: FileEditor;
  readonly known: Connection;
  readonly connections: Connections;
}

async function undoFile(
  context: CliContext,
  flags: DisconnectFlags,
  undone: Undone,
): Promise<void> {
  const { io } = context;
  const { editor, known } = undone;
  const path = known.file?.path;
  const file = path === undefined ? undefined : readSettings(path);
  if (path === undefined || file === undefined) {
    io.output.write(`The settings of ${editor.title} are gone already.\n`);
    return;
  }
  const restored = restoredBytes(path, file, undone);
  const after = restored === undefined ? "" : new TextDecoder().decode(restored);
  if (after === file.text) {
    io.output.write(`${path} holds nothing of ours any more.\n`);
    return;
  }
  const secrets = secretsIn(file, editor, known);
  io.output.write(describeChange({ path, before: file.text, after, secrets }));
  if (!(await isAgreed(context, flags, `mlp disconnect ${editor.name}`))) {
    throw new CommandError("nothing was changed");
  }
  if (restored === undefined) deleteSettings(path, file);
  else writeSettings(path, file, restored);
  const what = restored === undefined ? "is deleted, as it was not there before" : "is as it was";
  const isWhole = digest(file.bytes) === known.file?.written;
  io.output.write(`${path} ${isWhole ? what : "has nothing of ours any more"}.\n`);
}

/** What the file should hold now; `undefined`: it should go. */
function restoredBytes(
  path: string,
  file: SettingsFile,
  { editor, known, connections }: Undone,
): Uint8Array | undefined {
  const isNew = known.file?.is_new === true;
  const backup = connections.backup(known.editor);
  if (digest(file.bytes) === known.file?.written) {
    if (isNew) return undefined;
    if (backup !== undefined) return backup;
  }
  const { format } = editor;
  const isOurs = isOursBy(known);
  const entries = known.file?.entries.map((entry) => entry.path) ?? [];
  const text = withoutBom(file.text);
  try {
    return naming(path, () => {
      const original = originalText(connections, known);
      const left = format.remove(text, entries, { original, isOurs });
      if (isNew && isBare(left, editor)) return undefined;
      return new TextEncoder().encode(file.text.slice(0, file.text.length - text.length) + left);
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const names = entries.map(stepText).join(", ");
    throw new CommandError(`${error.message}; remove by hand: ${names}`, { cause: error });
  }
}

/** The texts of our entries, which hold the key. */
function secretsIn(file: SettingsFile, editor: FileEditor, known: Connection): readonly string[] {
  const tree = naming(known.file?.path ?? "", () => editor.format.read(withoutBom(file.text)));
  const shape = editor.entries({ base: known.base, model: known.model, key: MASK });
  return shape.flatMap(({ path, value }) => textsBehind(value, valueAt(tree, path)));
}
