// Opens the file of an audit and brings its end in order. What it finds it reports, and the caller puts it on record.

import { basename } from "node:path";

import type { Clock } from "../core/ports.ts";
import { openForAppending, openForReading, rotatedFiles } from "./audit-files.ts";
import type { AuditFs, FileFacts } from "./audit-fs.ts";
import { CHAIN_START } from "./audit-record.ts";
import type { ChainHead } from "./audit-record.ts";
import { readTail, setTornAside } from "./audit-recover.ts";

export interface OpeningSettings {
  readonly fs: AuditFs;
  readonly clock: Pick<Clock, "now">;
  readonly file: string;
  /** Something about the file that belongs on record. */
  onFinding(text: string): void;
}

export interface OpenFile {
  readonly descriptor: number;
  readonly facts: FileFacts;
  /** Bytes of whole lines. */
  size: number;
}

/** The file, ending in a whole record, and the record that the chain goes on from. @throws AppError, the system's error */
export function openRecovered(settings: OpeningSettings): {
  readonly opened: OpenFile;
  readonly head: ChainHead;
} {
  const { fs, file } = settings;
  const { descriptor, facts } = openForAppending(fs, file);
  try {
    const { last, size } = recover(settings, descriptor, facts.size);
    const head = last ?? lastRotated(fs, file) ?? CHAIN_START;
    return { opened: { descriptor, facts, size }, head };
  } catch (error) {
    fs.close(descriptor);
    throw error;
  }
}

function recover(
  settings: OpeningSettings,
  descriptor: number,
  size: number,
): { readonly last: ChainHead | undefined; readonly size: number } {
  const { fs, clock, file } = settings;
  const tail = readTail(fs, { path: file, descriptor, size });
  const { length } = tail.torn;
  if (length > 0) {
    const aside = basename(setTornAside(fs, descriptor, { tail, path: file, now: clock.now() }));
    settings.onFinding(`the last line was cut short; its ${length} bytes are in ${aside}`);
  }
  if (!tail.isLinked) {
    settings.onFinding("the last record does not follow the one before it: verify the audit");
  }
  return { last: tail.last, size: tail.goodBytes };
}

/** For a file without a record: it was rotated just before the end, or somebody emptied it. */
function lastRotated(fs: AuditFs, file: string): ChainHead | undefined {
  const [newest] = rotatedFiles(fs, file);
  if (newest === undefined) return undefined;
  const { descriptor, facts } = openForReading(fs, newest);
  try {
    return readTail(fs, { path: newest, descriptor, size: facts.size }).last;
  } finally {
    fs.close(descriptor);
  }
}
