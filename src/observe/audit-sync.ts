// Group commit: many records share one fdatasync, which runs beside the requests. Knows descriptors, not records.

import type { Clock } from "../core/ports.ts";
import type { AuditFs } from "./audit-fs.ts";

export interface SyncSettings {
  readonly fs: Pick<AuditFs, "sync" | "syncFolder" | "close">;
  readonly clock: Pick<Clock, "timer">;
  readonly folder: string;
  /** Longest that a record waits, in milliseconds. */
  readonly syncMs: number;
  /** How many records at most wait for that time to pass. */
  readonly syncRecords: number;
  /** The file that is written now. */
  current(): number | undefined;
  /** A sync failed: what had not reached the disk may never. */
  onFailure(error: unknown): void;
}

export interface Syncer {
  /** Records that are written and not known to be on the disk. */
  readonly unsynced: number;
  /** Records were written to the current file. */
  wrote(count: number): void;
  /** A file was made or renamed. */
  folderChanged(): void;
  /** The file is no longer written; it is synced once more and closed. */
  retire(file: number): void;
  /** Resolves when all that was written up to now is on the disk. Rejects with the system's error. */
  onDisk(): Promise<void>;
  /** A last sync. Then nothing is open. Rejects with the system's error. */
  close(): Promise<void>;
}

/** The part of `syncMs` that is left to the disk: records are to be on it by then, not on their way. */
const DISK_SHARE = 0.2;

export function createSyncer(settings: SyncSettings): Syncer {
  const { fs, clock, syncMs, syncRecords } = settings;
  let unsynced = 0;
  let retired: number[] = [];
  let isFolderNew = false;
  let stopTimer: (() => void) | undefined;
  let running: Promise<void> | undefined;
  /** Who waits for the sync that has not begun yet. */
  let next: PromiseWithResolvers<void> | undefined;

  function arm(): void {
    stopTimer ??= clock.timer(syncMs * (1 - DISK_SHARE), start);
  }

  function start(): void {
    stopTimer?.();
    stopTimer = undefined;
    if (running !== undefined) return;
    const waiters = next;
    next = undefined;
    running = syncOnce()
      .then(
        () => waiters?.resolve(),
        (error: unknown) => {
          settings.onFailure(error);
          waiters?.reject(error);
        },
      )
      .finally(() => {
        running = undefined;
        if (next !== undefined || unsynced >= syncRecords) start();
        else if (unsynced > 0 || retired.length > 0) arm();
      });
  }

  /** What is written while it runs is the next one's. */
  async function syncOnce(): Promise<void> {
    const count = unsynced;
    const old = retired;
    const isFolderOld = !isFolderNew;
    const file = settings.current();
    retired = [];
    isFolderNew = false;
    try {
      const files = file === undefined ? old : [...old, file];
      await Promise.all(files.map((one) => fs.sync(one)));
      if (!isFolderOld) await fs.syncFolder(settings.folder);
    } catch (error) {
      if (!isFolderOld) isFolderNew = true;
      throw error;
    } finally {
      // After a failure too: the kernel has dropped what it could not write, and would say at the next sync that all is well.
      unsynced -= count;
      for (const one of old) fs.close(one);
    }
  }

  function onDisk(): Promise<void> {
    next ??= Promise.withResolvers<void>();
    const { promise } = next;
    start();
    return promise;
  }

  return {
    get unsynced() {
      return unsynced;
    },
    wrote: (count) => {
      unsynced += count;
      if (unsynced >= syncRecords) start();
      else arm();
    },
    folderChanged: () => {
      isFolderNew = true;
    },
    retire: (file) => {
      retired.push(file);
      arm();
    },
    onDisk,
    close: async () => {
      try {
        await onDisk();
      } finally {
        stopTimer?.();
        stopTimer = undefined;
      }
    },
  } satisfies Syncer;
}
