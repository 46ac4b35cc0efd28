// The file of the audit while it is written: appends whole lines or nothing, rotates, and notices when the file is no
// longer the one it was. Knows bytes and files, not records; what it finds it reports, and the caller puts it on record.

import { dirname } from "node:path";

import type { Clock, Log } from "../core/ports.ts";
import { openForAppending, removeOld, rotate } from "./audit-files.ts";
import { writeSome } from "./audit-fs.ts";
import type { FileFacts } from "./audit-fs.ts";
import { openRecovered } from "./audit-open.ts";
import type { OpenFile, OpeningSettings } from "./audit-open.ts";
import type { ChainHead } from "./audit-record.ts";
import { createSyncer } from "./audit-sync.ts";
import type { Syncer } from "./audit-sync.ts";

export interface WriterSettings extends OpeningSettings {
  readonly clock: Clock;
  readonly log: Log;
  readonly rotateBytes: number;
  readonly keep: number;
  readonly syncMs: number;
  readonly syncRecords: number;
  onSyncFailure(error: unknown): void;
}

export interface AuditWriter {
  readonly syncer: Pick<Syncer, "unsynced" | "onDisk">;
  /** Opens the file; answers with the record that the chain goes on from. */
  open(): ChainHead;
  /** Makes sure that the file is there and is ours. May find something. @throws the system's error, AppError */
  prepare(): void;
  /** After `prepare`. All of the lines are written, or none. @throws the system's error */
  append(lines: Uint8Array, count: number): void;
  /** Syncs and closes. Rejects with the system's error. */
  close(): Promise<void>;
}

/**
 * How often the file is looked at. Not at every record: on Linux a look makes the next write cost twice as much, and a
 * file can be deleted after a record as well as before it.
 */
const LOOK_MS = 10;

export function createAuditWriter(settings: WriterSettings): AuditWriter {
  const { fs, file, clock } = settings;
  const folder = dirname(file);
  let current: OpenFile | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  /** After a failed write: bytes at the end that belong to no record. */
  let excess = 0;
  /** After a failed sync: nothing more is taken until one succeeds. */
  let mustSync = false;
  const syncer = createSyncer({
    ...settings,
    folder,
    current: () => current?.descriptor,
    onFailure: distrust,
  });

  function open(): ChainHead {
    const { opened, head } = openRecovered(settings);
    current = opened;
    excess = 0;
    if (opened.facts.size === 0) syncer.folderChanged();
    return head;
  }

  function prepare(): void {
    const now = clock.monotonic();
    if (now - lookedAt < LOOK_MS) return;
    look();
    lookedAt = now;
  }

  function look(): void {
    if (current !== undefined) {
      cut(current);
      const finding = changeOf(current, fs.find(file));
      if (finding === undefined) {
        if (mustSync) syncNow(current);
        return;
      }
      settings.log.error({ file }, `the audit's file is not as it was left: ${finding}`);
      settings.onFinding(finding);
      leave(current);
    }
    open();
    mustSync = false;
  }

  function syncNow({ descriptor }: OpenFile): void {
    try {
      fs.syncNow(descriptor);
      mustSync = false;
    } catch (error) {
      distrust(error);
      throw error;
    }
  }

  function distrust(error: unknown): void {
    mustSync = true;
    lookedAt = Number.NEGATIVE_INFINITY;
    settings.onSyncFailure(error);
  }

  /** What was written to it stays in it, and reaches the disk. */
  function leave({ descriptor }: OpenFile): void {
    current = undefined;
    syncer.retire(descriptor);
  }

  function append(lines: Uint8Array, count: number): void {
    const isFull = ({ size }: OpenFile): boolean =>
      size > 0 && size + lines.length > settings.rotateBytes;
    try {
      // What is renamed has to be our file.
      if (isFull(opened())) look();
      if (isFull(opened())) rotateNow(opened());
      writeAll(opened(), lines);
    } catch (error) {
      lookedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
    syncer.wrote(count);
  }

  function writeAll(target: OpenFile, lines: Uint8Array): void {
    let done = 0;
    try {
      while (done < lines.length) done += writeSome(fs, target.descriptor, lines, done);
    } catch (error) {
      excess = done;
      tryToCut(target);
      throw error;
    }
    target.size += done;
  }

  function opened(): OpenFile {
    if (current === undefined) throw new Error("the audit's file is not open");
    return current;
  }

  /** Synced first: after a power loss the chain must not have a hole in its middle. */
  function rotateNow(full: OpenFile): void {
    syncNow(full);
    rotate(fs, file);
    leave(full);
    const { descriptor, facts } = openForAppending(fs, file);
    current = { descriptor, facts, size: facts.size };
    syncer.folderChanged();
    try {
      removeOld(fs, file, settings.keep);
    } catch (error) {
      settings.log.warn({ err: error, file }, "an old file of the audit cannot be removed");
    }
  }

  function cut({ descriptor }: OpenFile): void {
    if (excess > 0) fs.truncate(descriptor, fs.look(descriptor).size - excess);
    excess = 0;
  }

  function tryToCut(target: OpenFile): void {
    try {
      cut(target);
    } catch {
      // The disk refuses this too; it is done before the next write.
    }
  }

  return {
    syncer,
    open,
    prepare,
    append,
    close: async () => {
      try {
        await syncer.close();
      } finally {
        if (current !== undefined) fs.close(current.descriptor);
        current = undefined;
      }
    },
  } satisfies AuditWriter;
}

function changeOf({ facts, size }: OpenFile, found: FileFacts | undefined): string | undefined {
  if (found === undefined) return "the file was deleted or moved away; a new one goes on";
  if (found.inode !== facts.inode || found.device !== facts.device) {
    return "another file is in the place of the file; that one goes on";
  }
  if (found.size < size) return "somebody shortened the file";
  return found.size > size ? "somebody else wrote to the file" : undefined;
}
