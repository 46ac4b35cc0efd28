// The system calls that the audit makes, so that a test can make each of them fail. Knows nothing of records.

import * as fs from "node:fs";

export interface FileFacts {
  readonly device: number;
  readonly inode: number;
  /** In bytes. */
  readonly size: number;
  readonly mode: number;
  readonly owner: number;
  readonly kind: "file" | "folder" | "other";
}

/** Each call throws the system's error, with its `code`. Files are descriptors. */
export interface AuditFs {
  open(path: string, flags: number, mode: number): number;
  close(file: number): void;
  /** How many bytes came, 0 at the end. */
  read(file: number, bytes: Uint8Array, position: number): number;
  /** How many of the bytes, from `start` on, were written; on a full disk fewer than were given. */
  write(file: number, bytes: Uint8Array, start: number): number;
  truncate(file: number, size: number): void;
  look(file: number): FileFacts;
  /** Through links; `undefined` when there is nothing of that name. */
  find(path: string): FileFacts | undefined;
  makeFolder(path: string): void;
  list(folder: string): readonly string[];
  rename(from: string, to: string): void;
  remove(path: string): void;
  syncNow(file: number): void;
  /** On the disk when it resolves; the caller goes on meanwhile. */
  sync(file: number): Promise<void>;
  /** The same for the names in a folder. */
  syncFolder(folder: string): Promise<void>;
}

export function createAuditFs(): AuditFs {
  return {
    open: (path, flags, mode) => fs.openSync(path, flags, mode),
    close: (file) => fs.closeSync(file),
    read: (file, bytes, position) => fs.readSync(file, bytes, 0, bytes.length, position),
    write: (file, bytes, start) => fs.writeSync(file, bytes, start),
    truncate: (file, size) => fs.ftruncateSync(file, size),
    look: (file) => factsOf(fs.fstatSync(file)),
    find: (path) => {
      const stats = fs.statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? undefined : factsOf(stats);
    },
    makeFolder: (path) => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }),
    list: (folder) => fs.readdirSync(folder),
    rename: (from, to) => fs.renameSync(from, to),
    remove: (path) => fs.unlinkSync(path),
    syncNow: (file) => fs.fdatasyncSync(file),
    sync: (file) =>
      new Promise((resolve, reject) => {
        fs.fdatasync(file, (error) => (error === null ? resolve() : reject(error)));
      }),
    syncFolder,
  } satisfies AuditFs;
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot, and keeps its names safe by itself.
  if (process.platform === "win32") return;
  const handle = await fs.promises.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function factsOf(stats: fs.Stats): FileFacts {
  return {
    device: stats.dev,
    inode: stats.ino,
    size: stats.size,
    mode: stats.mode,
    owner: stats.uid,
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other",
  };
}

/** How many of the bytes, from `start` on, were written: at least one. @throws the system's error, having written none */
export function writeSome(
  fs: Pick<AuditFs, "write">,
  file: number,
  bytes: Uint8Array,
  start: number,
): number {
  const count = fs.write(file, bytes, start);
  if (count <= 0) throw new Error("nothing was written");
  return count;
}

/** `ENOSPC` and the like; `unknown` for what is no error of the system. */
export function systemCodeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown";
}
