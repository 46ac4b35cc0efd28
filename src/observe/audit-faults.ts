// What is wrong with the audit's disk at the moment: said once in the log, refused in the same words to everybody, and
// put on record when it is over. Knows no file's content.

import { AppError } from "../core/error.ts";
import type { AuditEntry, Clock, Log } from "../core/ports.ts";
import { systemCodeOf } from "./audit-fs.ts";

interface Fault {
  /** For people, without paths. */
  readonly reason: string;
  /** Monotonic. */
  readonly since: number;
  readonly refused: number;
  /** What was written before may be missing on the disk, too. */
  readonly isSync: boolean;
}

export interface Faults {
  readonly current: Fault | undefined;
  /** Notes the failure; answers with what the caller is told. */
  failed(error: unknown, of: "write" | "sync"): AppError;
  refused(): void;
  /** The record of a failure that is over when it can be written. `lost`: records that were not kept. */
  note(lost: number): AuditEntry | undefined;
  over(): void;
}

interface FaultSettings {
  readonly file: string;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Log;
}

export function createFaults({ file, clock, log }: FaultSettings): Faults {
  let current: Fault | undefined;

  function failed(error: unknown, of: "write" | "sync"): AppError {
    const reason = reasonOf(error);
    if (current === undefined) {
      log.error(
        { err: error, file },
        "the audit cannot be written: nothing is forwarded until it can",
      );
    }
    current = {
      reason,
      since: current?.since ?? clock.monotonic(),
      refused: current?.refused ?? 0,
      isSync: of === "sync" || current?.isSync === true,
    };
    return auditUnavailable(reason, error);
  }

  function note(lost: number): AuditEntry | undefined {
    if (current === undefined) return undefined;
    const { reason, refused, isSync } = current;
    const details = [
      reason,
      `${refused} records refused`,
      `${lost} lost`,
      ...(isSync ? ["those just before may be missing after a power loss"] : []),
    ];
    return {
      eventType: "ERROR",
      event: "audit_interrupted",
      processingTimeMs: clock.monotonic() - current.since,
      errorDetails: details.join("; "),
    };
  }

  return {
    get current() {
      return current;
    },
    failed,
    refused: () => {
      if (current !== undefined) current = { ...current, refused: current.refused + 1 };
    },
    note,
    over: () => {
      if (current === undefined) return;
      log.warn({ file, refused: current.refused }, "the audit is written again");
      current = undefined;
    },
  } satisfies Faults;
}

/** What an editor hears: no path, and nothing that it could mend. */
export function auditUnavailable(reason: string, cause?: unknown): AppError {
  return new AppError(
    "audit_unavailable",
    `The audit cannot be written (${reason}), and nothing is forwarded without it. It goes on by itself once that is mended.`,
    { cause },
  );
}

/** What the person hears who starts the server: which file, and what to do. Errors of ours stay as they are. */
export function cannotOpen(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError(
    "audit_unavailable",
    `The audit ${file} cannot be written (${reasonOf(error)}). Mend that, or name another file with audit.file.`,
    { cause: error },
  );
}

/** Without paths. */
export function reasonOf(error: unknown): string {
  if (error instanceof AppError) return "its file cannot be used; the log says why";
  const code = systemCodeOf(error);
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    case "EROFS":
      return "the file system is read-only";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "ENOENT":
    case "ENOTDIR":
      return "its folder is missing";
    case "EIO":
      return "the disk fails";
    default:
      return `the system says ${code}`;
  }
}
