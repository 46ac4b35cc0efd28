// The files of one audit: the one that is written, and its predecessors `<file>.1` (the newest), `<file>.2`, …
// Opens and renames; knows nothing of what is in them.

import { constants } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

import { AppError } from "../core/error.ts";
import { shellQuoted } from "../wire/shell.ts";
import { systemCodeOf } from "./audit-fs.ts";
import type { AuditFs, FileFacts } from "./audit-fs.ts";

const GROUP_OR_OTHERS = 0o077;
const OTHERS_MAY_WRITE = 0o022;

/** Which server writes: provider and bridge may run beside each other in one home, and a chain has one writer. */
export type AuditOwner = "provider" | "bridge";

/** `configured` (`audit.file`) or `audit.jsonl` in the state folder; the bridge's has `-bridge` before its ending. */
export function auditFileOf(
  configured: string | null,
  stateFolder: string,
  owner: AuditOwner,
): string {
  const file = configured ?? join(stateFolder, "audit.jsonl");
  if (owner === "provider") return file;
  const end = extname(file);
  return `${file.slice(0, file.length - end.length)}-bridge${end}`;
}

/** The rotated predecessors that exist, the newest first. Numbers may be missing: a rotation may have been cut short. */
export function rotatedFiles(fs: Pick<AuditFs, "list">, file: string): readonly string[] {
  return numbersOf(fs, file).map((number) => `${file}.${number}`);
}

function numbersOf(fs: Pick<AuditFs, "list">, file: string): readonly number[] {
  const start = `${basename(file)}.`;
  return fs
    .list(dirname(file))
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length))
    .filter((end) => /^[1-9]\d{0,8}$/.test(end))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/**
 * Makes room for a new file: each predecessor moves up by one, up to the first number that is free. Killed at any
 * point it loses nothing, and the next rotation goes on from there.
 */
export function rotate(fs: AuditFs, file: string): void {
  const numbers = new Set(numbersOf(fs, file));
  let free = 1;
  while (numbers.has(free)) free += 1;
  for (let number = free; number > 1; number -= 1) {
    fs.rename(`${file}.${number - 1}`, `${file}.${number}`);
  }
  fs.rename(file, `${file}.1`);
}

/** Removes the predecessors that are too old. `keep` 0 keeps them all. */
export function removeOld(fs: AuditFs, file: string, keep: number): void {
  if (keep === 0) return;
  for (const number of numbersOf(fs, file)) {
    if (number > keep) fs.remove(`${file}.${number}`);
  }
}

/**
 * Opens for reading and appending; made (0600, in a folder of 0700) when it is missing. Never through a link.
 * @throws AppError forbidden for what others could read or change, with the command that helps; the system's errors
 */
export function openForAppending(
  fs: AuditFs,
  file: string,
): { readonly descriptor: number; readonly facts: FileFacts } {
  const folder = dirname(file);
  fs.makeFolder(folder);
  checkFolder(folder, fs.find(folder));
  const flags =
    constants.O_RDWR |
    constants.O_APPEND |
    constants.O_CREAT |
    constants.O_NOFOLLOW |
    // A named pipe in its place must not hold up the start.
    constants.O_NONBLOCK;
  const descriptor = openUnlessLink(fs, file, flags);
  try {
    const facts = fs.look(descriptor);
    checkFile(file, facts);
    return { descriptor, facts };
  } catch (error) {
    fs.close(descriptor);
    throw error;
  }
}

/** Of a predecessor: whoever may read it by now, it is only read. @throws the system's errors */
export function openForReading(
  fs: AuditFs,
  file: string,
): { readonly descriptor: number; readonly facts: FileFacts } {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const descriptor = fs.open(file, flags, 0);
  return { descriptor, facts: fs.look(descriptor) };
}

function openUnlessLink(fs: AuditFs, file: string, flags: number): number {
  try {
    return fs.open(file, flags, 0o600);
  } catch (error) {
    if (systemCodeOf(error) === "ELOOP") {
      throw refusal(`${file} is a symbolic link; move it away`);
    }
    throw error;
  }
}

/** Whoever may write the folder may put another file in the place of ours. */
function checkFolder(folder: string, facts: FileFacts | undefined): void {
  if (facts?.kind !== "folder") throw refusal(`${folder} is not a folder`);
  if (isForeign(facts)) throw refusal(`${folder} belongs to another user`);
  if ((facts.mode & OTHERS_MAY_WRITE) === 0 || process.platform === "win32") return;
  throw refusal(
    `${folder} can be changed by other users; name a folder of your own with audit.file, or run: chmod 700 ${shellQuoted(folder)}`,
  );
}

function checkFile(file: string, facts: FileFacts): void {
  if (facts.kind !== "file") throw refusal(`${file} is not a regular file; move it away`);
  if (isForeign(facts)) throw refusal(`${file} belongs to another user; move it away`);
  if ((facts.mode & GROUP_OR_OTHERS) === 0 || process.platform === "win32") return;
  throw refusal(`${file} can be read by other users; run: chmod 600 ${shellQuoted(file)}`);
}

function isForeign(facts: FileFacts): boolean {
  const own = process.getuid?.();
  return own !== undefined && facts.owner !== own;
}

function refusal(what: string): AppError {
  return new AppError("forbidden", `The audit is not safe: ${what}.`);
}
