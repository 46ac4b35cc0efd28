// The audit: who did what, as a chain of records in a file. A record is in the file before `write` returns, or nothing
// may go on. Never sees a prompt. docs/audit.md has the format and what it guarantees.

import { AppError } from "../core/error.ts";
import type { Audit, AuditEntry, Clock, Log } from "../core/ports.ts";
import { createAuditFs } from "./audit-fs.ts";
import type { AuditFs } from "./audit-fs.ts";
import { auditUnavailable, cannotOpen, createFaults, reasonOf } from "./audit-faults.ts";
import { lockAudit } from "./audit-lock.ts";
import { createMoment } from "./audit-moment.ts";
import { CHAIN_START, encodeChain } from "./audit-record.ts";
import type { StampedEntry } from "./audit-record.ts";
import { createAuditWriter } from "./audit-writer.ts";

export interface AuditSettings {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  /** A file that would grow beyond it is rotated. */
  readonly rotateBytes: number;
  /** How many rotated files are kept; 0: all. */
  readonly keep: number;
  /** Longest that a record is in memory of the system only, in milliseconds. */
  readonly syncMs?: number;
  /** A sync begins early when so many wait for it. */
  readonly syncRecords?: number;
  /** Takes secrets out of a finished line, in whichever field they stand: the last line of defence. Keeps it JSON. */
  readonly censor?: (line: string) => string;
  readonly fs?: AuditFs;
}

export interface AuditStatus {
  /** False from the first failure to the next record that is written. */
  readonly healthy: boolean;
  /** Why not, without paths. */
  readonly lastError?: string;
  /** Number of the last record. */
  readonly seq: number;
  /** Records that are in the file and not yet known to be on the disk. */
  readonly unsynced: number;
  /** Records of `writeWhenPossible` that wait in memory. */
  readonly waiting: number;
}

export interface AuditFile extends Audit {
  /**
   * For what has happened and cannot be refused any more: a revocation, the end of a turn. Never throws; written at the
   * end of this moment. What cannot be written is kept in memory, with its time, and written first when it can be. At
   * most 1,024 are kept.
   */
  writeWhenPossible(entry: AuditEntry): void;
  /** Waits until all that was written is on the disk; `false` when that cannot be now. For after `writeWhenPossible`. */
  synced(): Promise<boolean>;
  status(): AuditStatus;
  /** Syncs and closes; once. @throws AppError audit_unavailable when the last records may not be on the disk */
  close(): Promise<void>;
}

const MOST_KEPT = 1_024;
const RETRY_MS = 1_000;

/**
 * Opens or goes on with the audit of `file`; sets a torn last line aside and puts that on record.
 * @throws AppError conflict when another process writes it, forbidden when others could read or change it,
 * audit_unavailable when it cannot be written
 */
export async function openAudit(settings: AuditSettings): Promise<AuditFile> {
  const { file, clock, log, fs = createAuditFs(), censor = (line) => line } = settings;
  const faults = createFaults({ file, clock, log });
  const unlock = trying(file, () => lockAudit(fs, file));
  let kept: StampedEntry[] = [];
  let lost = 0;
  let stopRetry: (() => void) | undefined;
  let closed: Promise<void> | undefined;
  let head = CHAIN_START;
  const moment = createMoment(clock, () => quietly(() => append()));
  const writer = createAuditWriter({
    syncMs: 100,
    syncRecords: 256,
    ...settings,
    fs,
    onFinding: (text) => {
      kept.push(stamp({ eventType: "ERROR", event: "audit_recovered", errorDetails: text }));
    },
    onSyncFailure: (error) => {
      faults.failed(error, "sync");
      retryLater();
    },
  });

  async function open(): Promise<void> {
    try {
      head = writer.open();
      if (kept.length > 0) append();
      await writer.syncer.onDisk();
    } catch (error) {
      stopRetry?.();
      await writer.close().catch(() => undefined);
      unlock();
      throw cannotOpen(file, error);
    }
  }

  function stamp(entry: AuditEntry): StampedEntry {
    return { entry, at: clock.now(), monotonic: clock.monotonic() };
  }

  /** Writes what is kept, what there is to say of a failure that is over, what was gathered, and `last`, in one piece. */
  function append(last?: StampedEntry): void {
    const gathered = moment.take();
    try {
      writer.prepare();
      const old = kept.length;
      const note = faults.note(lost);
      const records = [...kept, ...(note === undefined ? [] : [stamp(note)])];
      for (const { record } of gathered) records.push(record);
      if (last !== undefined) records.push(last);
      if (records.length === 0) return;
      const lines = encodeChain(records, head, censor);
      writer.append(lines.bytes, records.length);
      head = lines.head;
      // What was found while it was written is for the next time.
      kept = kept.slice(old);
      lost = 0;
      faults.over();
    } catch (error) {
      const failure = faults.failed(error, "write");
      for (const each of gathered) each.failed(failure);
      retryLater();
      throw failure;
    }
    for (const each of gathered) each.written();
  }

  function keep(record: StampedEntry): void {
    if (kept.length < MOST_KEPT && closed === undefined) kept.push(record);
    else lost += 1;
  }

  /** So that it is well again, and says so, without waiting for a request. */
  function retryLater(): void {
    if (closed !== undefined) return;
    stopRetry ??= clock.timer(RETRY_MS, () => {
      stopRetry = undefined;
      if (faults.current !== undefined) quietly(() => append());
    });
  }

  function write(entry: AuditEntry): void {
    if (closed !== undefined) throw auditUnavailable("it is closed");
    try {
      append(stamp(entry));
    } catch (error) {
      faults.refused();
      throw error;
    }
  }

  function writeTogether(entry: AuditEntry): Promise<void> {
    if (closed !== undefined) return Promise.reject(auditUnavailable("it is closed"));
    return new Promise((resolve, reject) => {
      moment.add({
        record: stamp(entry),
        written: resolve,
        failed: (error) => {
          faults.refused();
          reject(error);
        },
      });
    });
  }

  function writeWhenPossible(entry: AuditEntry): void {
    const record = stamp(entry);
    if (closed === undefined) moment.add({ record, written: () => {}, failed: () => keep(record) });
    else lost += 1;
  }

  async function synced(): Promise<boolean> {
    if (moment.size > 0) quietly(() => append());
    if (kept.length > 0) return false;
    return writer.syncer.onDisk().then(
      () => true,
      () => false,
    );
  }

  async function closeOnce(): Promise<void> {
    if (kept.length + moment.size > 0) quietly(() => append());
    stopRetry?.();
    const missing = kept.length + lost;
    if (missing > 0) log.error({ file, missing }, "records of the audit could not be written");
    try {
      await onDisk(writer.close());
    } finally {
      unlock();
    }
  }

  await open();
  return {
    write,
    writeThrough: async (entry) => {
      write(entry);
      await onDisk(writer.syncer.onDisk());
    },
    writeTogether,
    writeWhenPossible,
    synced,
    status: () => ({
      healthy: faults.current === undefined,
      ...(faults.current !== undefined && { lastError: faults.current.reason }),
      seq: head.seq,
      unsynced: writer.syncer.unsynced,
      waiting: kept.length + moment.size,
    }),
    close: () => (closed ??= closeOnce()),
  } satisfies AuditFile;
}

async function onDisk(sync: Promise<void>): Promise<void> {
  try {
    await sync;
  } catch (error) {
    throw auditUnavailable(reasonOf(error), error);
  }
}

function trying<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/** Whether it succeeded. Its failure has been recorded where it happened. */
function quietly(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
