// What the end of an audit file says after a start: the last whole record, and what a cut has left behind it. Whatever
// is set aside is copied first, so that nothing is ever lost here.

import { constants } from "node:fs";

import { AppError } from "../core/error.ts";
import { writeSome } from "./audit-fs.ts";
import type { AuditFs } from "./audit-fs.ts";
import { hashLine, LONGEST_LINE_BYTES, readLink } from "./audit-record.ts";
import type { ChainHead } from "./audit-record.ts";

/** A cut leaves one record, or a block of zeros that the disk never filled. More than this is no cut. */
const LONGEST_TAIL_BYTES = 1_048_576;
const LINE_FEED = 10;

export interface Tail {
  /** `undefined`: the file has no record. */
  readonly last: ChainHead | undefined;
  /** How much of the file is whole records. */
  readonly goodBytes: number;
  /** What follows them. */
  readonly torn: Uint8Array;
  /** Whether the last record follows the one before it. */
  readonly isLinked: boolean;
}

export interface TailPlace {
  readonly path: string;
  readonly descriptor: number;
  /** Of the file, in bytes. */
  readonly size: number;
}

/**
 * Looks back from the end for the last line that is a record.
 * @throws AppError internal for a file that has lines and no record at its end: it is not ours to cut
 */
export function readTail(fs: AuditFs, { path, descriptor, size }: TailPlace): Tail {
  const start = Math.max(0, size - LONGEST_TAIL_BYTES - LONGEST_LINE_BYTES);
  const bytes = readRange(fs, descriptor, { start, end: size });
  let end = bytes.lastIndexOf(LINE_FEED);
  const hasLines = end !== -1;
  while (end !== -1) {
    const from = end === 0 ? 0 : bytes.lastIndexOf(LINE_FEED, end - 1) + 1;
    const line = bytes.subarray(from, end);
    const link = readLink(line);
    if (link !== undefined) {
      return {
        last: { seq: link.seq, hash: hashLine(line) },
        goodBytes: start + end + 1,
        torn: bytes.subarray(end + 1),
        isLinked: isLinked(bytes, from, link.prev) ?? true,
      };
    }
    end = from - 1;
  }
  if (hasLines || start > 0) {
    throw new AppError("internal", `${path} does not end in a record of the audit; move it away.`);
  }
  return { last: undefined, goodBytes: 0, torn: bytes, isLinked: true };
}

/** Whether `prev` is the hash of the line that ends before `from`; `undefined` when that is not wholly in sight. */
function isLinked(bytes: Uint8Array, from: number, prev: string): boolean | undefined {
  if (from < 2) return undefined;
  const start = bytes.lastIndexOf(LINE_FEED, from - 2) + 1;
  const isWhole = start > 0 || bytes.length < LONGEST_TAIL_BYTES;
  return isWhole ? hashLine(bytes.subarray(start, from - 1)) === prev : undefined;
}

function readRange(
  fs: AuditFs,
  file: number,
  { start, end }: { readonly start: number; readonly end: number },
): Uint8Array {
  const bytes = new Uint8Array(end - start);
  let length = 0;
  while (length < bytes.length) {
    const count = fs.read(file, bytes.subarray(length), start + length);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** Moves what follows the last record to `<path>.torn-<time>`, and answers with that file's name. */
export function setTornAside(
  fs: AuditFs,
  file: number,
  { tail, path, now }: { readonly tail: Tail; readonly path: string; readonly now: number },
): string {
  const time = new Date(now).toISOString().replaceAll(/[-:.]/g, "");
  const aside = createNew(fs, `${path}.torn-${time}`);
  try {
    let done = 0;
    while (done < tail.torn.length) done += writeSome(fs, aside.file, tail.torn, done);
    fs.syncNow(aside.file);
  } catch (error) {
    fs.remove(aside.path);
    throw error;
  } finally {
    fs.close(aside.file);
  }
  fs.truncate(file, tail.goodBytes);
  fs.syncNow(file);
  return aside.path;
}

function createNew(fs: AuditFs, path: string): { readonly file: number; readonly path: string } {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  let name = path;
  for (let count = 2; fs.find(name) !== undefined; count += 1) name = `${path}-${count}`;
  return { file: fs.open(name, flags, 0o600), path: name };
}
