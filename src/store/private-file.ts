// A file that only its owner may read, in a folder that only its owner may change. Knows nothing of what is in it.

import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../core/error.ts";
import { shellQuoted } from "../wire/shell.ts";

const GROUP_OR_OTHERS = 0o077;
const OTHERS_MAY_WRITE = 0o022;

/**
 * Makes the file (0600) and its folder (0700) when they are missing, and refuses what others could read or
 * swap: links, other owners, open permissions.
 * @throws AppError forbidden with the command that helps, internal when it cannot be made
 */
export function prepareFile(path: string): void {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkFolder(folder);
    checkFile(path, openPrivately(path));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("internal", `The store ${path} cannot be opened: ${reasonOf(error)}.`, {
      cause: error,
    });
  }
}

/** Never through a link: a link in the place of the file is somebody else's choice of file. */
function openPrivately(path: string): Stats {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = openSync(path, flags, 0o600);
  try {
    return fstatSync(file);
  } finally {
    closeSync(file);
  }
}

/** A link to a folder is fine where the link and the folder are both ours. */
function checkFolder(folder: string): void {
  const stats = statSync(folder);
  if (!stats.isDirectory()) throw refusal(`${folder} is not a folder`);
  if (isForeign(stats) || isForeign(lstatSync(folder)))
    throw refusal(`${folder} belongs to another user`);
  if ((stats.mode & OTHERS_MAY_WRITE) === 0 || process.platform === "win32") return;
  throw refusal(
    `${folder} can be changed by other users; name a folder of your own, or run: chmod 700 ${shellQuoted(folder)}`,
  );
}

function checkFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw refusal(`${path} is not a regular file`);
  if (isForeign(stats)) throw refusal(`${path} belongs to another user`);
  if ((stats.mode & GROUP_OR_OTHERS) === 0 || process.platform === "win32") return;
  throw refusal(`${path} can be read by other users; run: chmod 600 ${shellQuoted(path)}`);
}

function isForeign(stats: Stats): boolean {
  const own = process.getuid?.();
  return own !== undefined && stats.uid !== own;
}

function refusal(what: string): AppError {
  return new AppError("forbidden", `The store is not safe: ${what}.`);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ELOOP":
      return "it is a symbolic link";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
    case "EEXIST":
      return "a part of its path is a file";
    case "ENOSPC":
      return "the disk is full";
    default:
      return "the system refused";
  }
}
