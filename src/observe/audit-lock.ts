// One writer per audit: two would each continue the chain from what they wrote themselves. The lock is the kernel's,
// taken through SQLite on an empty file, so it ends with its process however that ends: there are no stale locks, and
// no pid to mistake for a newer process's or another container's.

import { Database } from "bun:sqlite";
import { constants } from "node:fs";
import { dirname } from "node:path";

import { AppError } from "../core/error.ts";
import { systemCodeOf } from "./audit-fs.ts";
import type { AuditFs } from "./audit-fs.ts";

/** Holds `<file>.lock` until the function that it answers with is called. @throws AppError conflict when it is held */
export function lockAudit(fs: AuditFs, file: string): () => void {
  const path = `${file}.lock`;
  fs.makeFolder(dirname(file));
  makeEmpty(fs, path);
  const lock = new Database(path, { readwrite: true, create: false });
  try {
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA journal_mode = MEMORY");
    // Writes nothing: it is the lock alone that we want.
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (systemCodeOf(error) !== "SQLITE_BUSY") throw error;
    throw new AppError(
      "conflict",
      `Another mlp process writes the audit ${file}. Stop that one, or give this one its own file with audit.file.`,
      { cause: error },
    );
  }
  return () => lock.close();
}

/** Never opens one that exists: closing it again would give up the lock that this process may hold on it. */
function makeEmpty(fs: AuditFs, path: string): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    fs.close(fs.open(path, flags, 0o600));
  } catch (error) {
    if (systemCodeOf(error) !== "EEXIST") throw error;
  }
}
