// The audit's files as their readers see them: all of one moment, though the server may rotate them meanwhile.

import { closeSync, constants, fstatSync, openSync, read, statSync } from "node:fs";

import { rotatedFiles } from "./audit-files.ts";
import { createAuditFs, systemCodeOf } from "./audit-fs.ts";

export interface AuditPart {
  readonly path: string;
  readonly descriptor: number;
  readonly inode: number;
}

const ATTEMPTS = 20;

/**
 * The file and its predecessors, the oldest first; none where there are none.
 * @throws the system's error when a file cannot be read
 */
export function openParts(file: string): readonly AuditPart[] {
  for (let attempt = 1; ; attempt += 1) {
    const parts = openAll(file);
    if (attempt === ATTEMPTS || areInPlace(file, parts)) return parts;
    closeParts(parts);
  }
}

/**
 * A rotation moves files up, never back: if each is still where it was opened, and there is no other, then all of them
 * were there at once.
 */
function areInPlace(file: string, parts: readonly AuditPart[]): boolean {
  const now = pathsOf(file).filter((path) => inodeOf(path) !== undefined);
  return (
    now.length === parts.length &&
    parts.every(({ path, inode }) => now.includes(path) && inodeOf(path) === inode)
  );
}

export function closeParts(parts: readonly AuditPart[]): void {
  for (const { descriptor } of parts) closeSync(descriptor);
}

/** How many bytes came, 0 at the end. Rejects with the system's error. */
export function readAt(descriptor: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, bytes, 0, bytes.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function openAll(file: string): readonly AuditPart[] {
  const parts: AuditPart[] = [];
  try {
    for (const path of pathsOf(file)) {
      const part = openPart(path);
      if (part !== undefined) parts.push(part);
    }
  } catch (error) {
    closeParts(parts);
    throw error;
  }
  return parts.toReversed();
}

/** The newest first. */
function pathsOf(file: string): readonly string[] {
  return [file, ...(unlessMissing(() => rotatedFiles(createAuditFs(), file)) ?? [])];
}

function openPart(path: string): AuditPart | undefined {
  // A named pipe in its place must not hold us up.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const descriptor = unlessMissing(() => openSync(path, flags));
  return descriptor === undefined
    ? undefined
    : { path, descriptor, inode: fstatSync(descriptor).ino };
}

function inodeOf(path: string): number | undefined {
  return unlessMissing(() => statSync(path, { throwIfNoEntry: false })?.ino);
}

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
