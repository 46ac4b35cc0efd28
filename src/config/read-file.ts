// The configuration file from the disk. What its text means is parse-yaml.ts's business.

import { readFileSync, statSync } from "node:fs";

import { AppError } from "../core/error.ts";
import type { Found } from "./found.ts";
import { parseConfig } from "./parse-yaml.ts";

const MAX_BYTES = 1024 * 1024;

export interface ConfigFile {
  readonly found: readonly Found[];
  /** Whether other users of the machine can read it. */
  readonly isExposed: boolean;
}

/** Throws `AppError` `invalid_request`; an absent file is one too, if `isRequired`. */
export function readConfigFile(file: string, isRequired: boolean): ConfigFile {
  const text = readConfigText(file, isRequired);
  if (text === undefined) return { found: [], isExposed: false };
  const isExposed = process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
  return { found: parseConfig(text, file), isExposed };
}

/** `undefined` for a file that is not there and need not be. Throws as `readConfigFile` does. */
export function readConfigText(file: string, isRequired: boolean): string | undefined {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new AppError("invalid_request", `${file}: not a file`);
    if (stat.size > MAX_BYTES) {
      throw new AppError("invalid_request", `${file}: larger than ${MAX_BYTES} bytes`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT" && !isRequired) return undefined;
    const reason =
      error instanceof TypeError
        ? "not UTF-8 text"
        : code === "ENOENT"
          ? "no such file"
          : `cannot be read (${code})`;
    throw new AppError("invalid_request", `${file}: ${reason}`, { cause: error });
  }
}
