// A settings file of the user's: read with care, written whole or not at all. Links are followed and stay links; the
// file's mode stays. Knows nothing of what is in it.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

import { CommandError } from "./failure.ts";

const LARGEST_BYTES = 4 * 1024 * 1024;
const MODE_BITS = 0o7777;
/** A file that we make holds a key. */
const NEW_MODE = 0o600;
const OTHERS_MAY_READ = 0o044;

export interface SettingsFile {
  /** Where it really is, behind links. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly mode: number;
}

export function exists(path: string): boolean {
  return trying(path, () => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
}

/** `undefined` when there is none. Throws `CommandError` for one that is not a plain text file of the user's own. */
export function readSettings(path: string): SettingsFile | undefined {
  if (!exists(path)) return undefined;
  return trying(path, () => {
    const real = realpathSync(path);
    // Not blocking: a named pipe would otherwise hold the command up for ever.
    const file = openSync(real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new CommandError(`${path} is no regular file`);
      const own = process.getuid?.();
      if (own !== undefined && stats.uid !== own) {
        throw new CommandError(`${path} belongs to another user`);
      }
      if (stats.size > LARGEST_BYTES) throw new CommandError(`${path} is too large for settings`);
      const bytes = readFileSync(file);
      return { path: real, bytes, text: decode(path, bytes), mode: stats.mode & MODE_BITS };
    } finally {
      closeSync(file);
    }
  });
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError(`${path} is not text in UTF-8`);
  }
}

/**
 * Writes the new content beside the file and moves it into its place, unless the file is not `before` any more: then
 * somebody wrote it meanwhile, and `CommandError` is thrown.
 */
export function writeSettings(
  path: string,
  before: SettingsFile | undefined,
  content: Uint8Array,
): void {
  trying(path, () => {
    const target = before?.path ?? path;
    mkdirSync(dirname(target), { recursive: true });
    const draft = `${target}.${randomBytes(6).toString("hex")}.mlp`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    try {
      const file = openSync(draft, flags, NEW_MODE);
      try {
        for (let at = 0; at < content.length;) at += writeSync(file, content, at);
        if (before !== undefined) fchmodSync(file, before.mode);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      expectUnchanged(path, before);
      renameSync(draft, target);
    } finally {
      rmSync(draft, { force: true });
    }
  });
}

/** Only while it is still `before`. */
export function deleteSettings(path: string, before: SettingsFile): void {
  expectUnchanged(path, before);
  trying(path, () => rmSync(before.path));
}

function expectUnchanged(path: string, before: SettingsFile | undefined): void {
  const now = readSettings(path);
  const isSame =
    now === undefined || before === undefined
      ? now === before
      : now.path === before.path && Buffer.compare(now.bytes, before.bytes) === 0;
  if (!isSame) throw new CommandError(`${path} has just been changed by somebody else; try again`);
}

/** Whether other users of this machine could read a key in it. */
export function isOpenToOthers({ mode }: SettingsFile): boolean {
  return process.platform !== "win32" && (mode & OTHERS_MAY_READ) !== 0;
}

/** Runs system calls; their failure becomes one line. */
function trying<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new CommandError(`${path} cannot be used (${code}); nothing was changed`, {
      cause: error,
    });
  }
}
