// What `mlp connect` would make of a settings file, worked out before anything is asked or written; and the parts of it
// that undoing needs too. Writes nothing.

import { digest, isOursBy } from "./connections.ts";
import type { Connection, Connections } from "./connections.ts";
import type { Editor, Endpoint, FileEditor } from "./editors/editor.ts";
import { SettingsError } from "./editors/editor.ts";
import { valueAt } from "./editors/entries.ts";
import { CommandError } from "./failure.ts";
import type { SettingsFile } from "./settings-file.ts";
import { MASK, textsBehind } from "./show-change.ts";

export interface Target<E extends Editor> {
  readonly editor: E;
  readonly base: string;
  readonly model: string;
  readonly contextTokens?: number;
}

export interface Plan {
  /** The settings without us: what undoing brings back. */
  readonly original: { readonly bytes: Uint8Array; readonly isNew: boolean };
  readonly now: string;
  /** Nothing would change but the key. */
  readonly isDone: boolean;
  readonly secrets: readonly string[];
  edit(endpoint: Endpoint): string;
}

export interface PlanParts {
  readonly target: Target<FileEditor>;
  readonly file: SettingsFile | undefined;
  readonly known: Connection | undefined;
  readonly connections: Connections;
}

/** Throws `CommandError` for a file that cannot be understood, before anything is asked or written. */
export function planOf(path: string, { target, file, known, connections }: PlanParts): Plan {
  const { editor, base, model } = target;
  const { format } = editor;
  const now = file?.text ?? "";
  return naming(path, () => {
    const start = file === undefined || now.trim() === "" ? editor.skeleton : withoutBom(now);
    const tree = format.read(start);
    const isOurs = known === undefined ? () => false : isOursBy(known);
    const shape = editor.entries({ base, model, key: MASK });
    const paths = shape.map(({ path }) => path);
    const isIntact = paths.every((path) => {
      const value = valueAt(tree, path);
      return value !== undefined && isOurs(path, value);
    });
    // What an earlier connection put there goes first, so that what it replaced is not taken for ours.
    const clean =
      known === undefined
        ? start
        : format.remove(start, known.file?.entries.map(({ path }) => path) ?? [], {
            original: originalText(connections, known),
            isOurs,
          });
    const bom = now.startsWith(BOM) ? BOM : "";
    return {
      original: originalOf({ target, file, known, connections }, bom + clean),
      now,
      isDone: known?.base === base && known.model === model && isIntact,
      secrets: shape.flatMap(({ path, value }) => textsBehind(value, valueAt(tree, path))),
      edit: (endpoint) => naming(path, () => bom + format.edit(clean, editor.entries(endpoint))),
    };
  });
}

/** An earlier backup counts for as long as nobody else changed the file; `clean` is the file without us. */
function originalOf(
  { target, file, known, connections }: PlanParts,
  clean: string,
): Plan["original"] {
  if (file === undefined) return { bytes: NOTHING, isNew: true };
  if (known === undefined) return { bytes: file.bytes, isNew: false };
  const wasNew = known.file?.is_new === true;
  if (digest(file.bytes) === known.file?.written) {
    return { bytes: connections.backup(known.editor) ?? NOTHING, isNew: wasNew };
  }
  const isNew = wasNew && isBare(clean, target.editor);
  return { bytes: new TextEncoder().encode(clean), isNew };
}

const NOTHING = new Uint8Array();

/** Nothing is in it but what a new file of ours begins with. */
export function isBare(text: string, { format, skeleton }: FileEditor): boolean {
  return JSON.stringify(format.read(withoutBom(text))) === JSON.stringify(format.read(skeleton));
}

const BOM = "\u{feff}";

export function withoutBom(text: string): string {
  return text.startsWith(BOM) ? text.slice(1) : text;
}

/** The settings before us, as text; `undefined` when there were none. */
export function originalText(connections: Connections, known: Connection): string | undefined {
  const bytes = known.file?.is_new === true ? undefined : connections.backup(known.editor);
  const text = bytes === undefined ? "" : withoutBom(new TextDecoder().decode(bytes));
  return text.trim() === "" ? undefined : text;
}

/** What is wrong with a file, with its name. */
export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new CommandError(`${path}: ${error.message}; nothing was changed`, { cause: error });
    }
    throw error;
  }
}
