// A store's failure in words that say what to do. Never holds a row.

import { AppError } from "../core/error.ts";

const ADVICE: readonly (readonly [prefix: string, advice: string])[] = [
  ["SQLITE_NOTADB", "is not a store of mlp. Move it away, and a new one is made"],
  ["SQLITE_CORRUPT", "is damaged. Move it away, and a new one is made; sessions need new approval"],
  ["SQLITE_READONLY", "cannot be written. Check its permissions and those of its folder"],
  ["SQLITE_CANTOPEN", "cannot be opened. Check its permissions and those of its folder"],
  ["SQLITE_PERM", "cannot be opened. Check its permissions and those of its folder"],
  ["SQLITE_FULL", "cannot grow: the disk is full"],
  ["SQLITE_IOERR", "cannot be read or written: the disk reports an error"],
  [
    "SQLITE_BUSY",
    "is held by another process. End the other mlp, or give this one its own MLP_HOME",
  ],
];

/** An `AppError` as it is, anything else as one. */
export function storeError(error: unknown, path = "of mlp"): AppError {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const advice = ADVICE.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "cannot be used";
  return new AppError("internal", `The store ${path} ${advice}.`, { cause: error });
}

/** Runs one statement's work; its failure becomes a rejection with advice. */
export async function attempt<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw storeError(error);
  }
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
