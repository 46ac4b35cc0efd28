// The end of an audit, and what comes after it, as a person follows it. Reads only; goes along when the file is rotated.

import { fstatSync } from "node:fs";

import { closeParts, openParts, readAt } from "./audit-read.ts";
import type { AuditPart } from "./audit-read.ts";

const CHUNK_BYTES = 65_536;
const LINE_FEED = 10;

export interface AuditTail {
  /** The last whole lines, the oldest first, also from rotated files. */
  readonly lines: readonly string[];
  /** Lines that have come since the last call. */
  more(): Promise<readonly string[]>;
  close(): void;
}

interface Position {
  readonly inode: number;
  /** Up to where whole lines have been read. */
  readonly offset: number;
}

/** @throws the system's error when a file cannot be read */
export async function tailAudit(file: string, count: number): Promise<AuditTail> {
  let position: Position | undefined;
  /** Kept open, so that its number is not given to another file. */
  let anchor: AuditPart | undefined;
  /** Files that were there before: nothing comes to them any more. */
  let past: ReadonlySet<number> = new Set();

  async function from(parts: readonly AuditPart[]): Promise<readonly string[]> {
    const lines: string[] = [];
    const known = position;
    for (const { descriptor, inode } of parts.filter(({ inode }) => !past.has(inode))) {
      const start = inode === known?.inode ? known.offset : 0;
      const read = await linesFrom(descriptor, start);
      lines.push(...read.lines);
      position = { inode, offset: read.end };
    }
    return lines;
  }

  async function look<T>(work: (parts: readonly AuditPart[]) => Promise<T>): Promise<T> {
    const parts = openParts(file);
    try {
      return await work(parts);
    } finally {
      const before = anchor;
      const inodes = parts.map(({ inode }) => inode);
      past = new Set(inodes.filter((inode) => inode !== position?.inode));
      anchor = parts.find(({ inode }) => inode === position?.inode);
      closeParts(parts.filter((part) => part !== anchor));
      if (before !== undefined) closeParts([before]);
    }
  }

  const lines = await look(async (parts) => {
    const found: string[] = [];
    for (const { descriptor, inode } of parts.toReversed()) {
      const last = await lastLines(descriptor, count - found.length);
      found.unshift(...last.lines);
      position ??= { inode, offset: last.end };
      if (found.length >= count) break;
    }
    return found;
  });
  return {
    lines,
    more: () => look(from),
    close: () => {
      if (anchor !== undefined) closeParts([anchor]);
      anchor = undefined;
    },
  } satisfies AuditTail;
}

interface Lines {
  readonly lines: readonly string[];
  /** Behind the last line feed. */
  readonly end: number;
}

async function lastLines(descriptor: number, count: number): Promise<Lines> {
  const { size } = fstatSync(descriptor);
  let start = size;
  let bytes: Uint8Array = new Uint8Array(0);
  // One line feed more than lines: the one that ends the line before them.
  while (start > 0 && countLineFeeds(bytes) <= count) {
    const from = Math.max(0, start - CHUNK_BYTES);
    bytes = Buffer.concat([await readRange(descriptor, from, start), bytes]);
    start = from;
  }
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  const lines = split(bytes.subarray(0, end));
  return { lines: count === 0 ? [] : lines.slice(-count), end: start + end };
}

async function linesFrom(descriptor: number, start: number): Promise<Lines> {
  const { size } = fstatSync(descriptor);
  // A file that is shorter than it was is another one in all but name.
  const from = size < start ? 0 : start;
  const bytes = await readRange(descriptor, from, size);
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  return { lines: split(bytes.subarray(0, end)), end: from + end };
}

async function readRange(descriptor: number, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  let length = 0;
  while (length < bytes.length) {
    const count = await readAt(descriptor, bytes.subarray(length), start + length);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

/** Of bytes that end with a line feed. */
function split(bytes: Uint8Array): readonly string[] {
  return bytes.length === 0 ? [] : new TextDecoder().decode(bytes.subarray(0, -1)).split("\n");
}

function countLineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === LINE_FEED) count += 1;
  return count;
}
