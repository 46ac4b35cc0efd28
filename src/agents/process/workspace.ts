// The folder that an agent works in: one of its own that goes away with it, or the one that a human chose.

import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../core/error.ts";

export interface Workspace {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Whether a human chose it. */
  readonly isChosen: boolean;
  /** Removes a scratch folder with all that is in it; leaves a chosen one alone. */
  close(): void;
}

/** @throws AppError invalid_request when it is no folder */
export function chosenWorkspace(path: string): Workspace {
  try {
    if (statSync(path).isDirectory()) {
      return { path: realpathSync(path), isChosen: true, close: () => undefined };
    }
  } catch {
    // Said below.
  }
  throw new AppError("invalid_request", `--workspace: ${path} is no folder.`);
}

/** A new empty folder within `parent`, for our user alone. Those of processes that are gone are removed first. */
export function scratchWorkspace(parent: string): Workspace {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    const pid = Number(/^scratch-(\d+)-/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && !isRunning(pid)) remove(join(parent, name));
  }
  const path = realpathSync(mkdtempSync(join(parent, `scratch-${process.pid}-`)));
  return { path, isChosen: false, close: () => remove(path) };
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
