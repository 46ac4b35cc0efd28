// A small file that only its owner may read. Refuses whatever somebody else could have put there: links, other
// owners, open permissions. Looks at the opened file, never at its name, so nothing can be swapped in between.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { randomBytes } from "node:crypto";
import { AppError } from "../core/error.ts";
import { shellQuoted } from "../wire/shell.ts";

const GROUP_OR_OTHERS = 0o077;
const LONGEST_BYTES = 4_096;

/** Makes the folder (0700), or checks that it is one that only we may enter. @throws AppError forbidden, internal */
export function makePrivateFolder(folder: string): void {
  trying(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
  const stats = trying(folder, () => lstatSync(folder));
  if (!stats.isDirectory()) throw unsafe(folder, "is not a folder; move it away");
  checkOwner(folder, stats, "chmod 700");
}

/** The text of the file; `undefined` when there is none. @throws AppError forbidden, internal */
export function readPrivate(path: string): string | undefined {
  // Not blocking: a named pipe in its place would otherwise hold up the start for ever.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = trying(path, () => openExisting(path, flags));
  if (file === undefined) return undefined;
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw unsafe(path, "is not a regular file; move it away");
    checkOwner(path, stats, "chmod 600");
    if (stats.size > LONGEST_BYTES) throw unsafe(path, "is too large to be a secret; move it away");
    const bytes = new Uint8Array(LONGEST_BYTES);
    const length = trying(path, () => readSync(file, bytes));
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

/**
 * Writes the file unless there is one by now, and answers with what it holds. The file appears under its name
 * whole or not at all, so two processes that start at once read the same value.
 * @throws AppError forbidden, internal
 */
export function createOnce(path: string, text: string): string {
  const draft = `${path}.${randomBytes(8).toString("hex")}.new`;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    trying(path, () => {
      const file = openSync(draft, flags, 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
    if (trying(path, () => linkUnlessThere(draft, path))) return text;
  } finally {
    rmSync(draft, { force: true });
  }
  const theirs = readPrivate(path);
  if (theirs !== undefined) return theirs;
  throw new AppError("internal", `${path} came and went. Start again.`);
}

function openExisting(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function checkOwner(path: string, stats: Stats, command: string): void {
  const own = process.getuid?.();
  if (own === undefined) return;
  if (stats.uid !== own) throw unsafe(path, "belongs to another user; move it away");
  if ((stats.mode & GROUP_OR_OTHERS) !== 0) {
    throw unsafe(path, `is open to other users; run: ${command} ${shellQuoted(path)}`);
  }
}

/** Runs a system call; its failure becomes one line without a stack. */
function trying<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = codeOf(error);
    if (code === "ELOOP") throw unsafe(path, "is a symbolic link; move it away");
    throw new AppError(
      "internal",
      `${path} cannot be used (${code}). Check its folder and the disk.`,
      {
        cause: error,
      },
    );
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown";
}

function unsafe(path: string, what: string): AppError {
  return new AppError("forbidden", `${path} ${what}`);
}
