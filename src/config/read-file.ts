// The configuration file from the disk. What its text means is parse-yaml.ts's business.

import { readFileSync, statSync } from "node:fs";

import { AppError } from "../core/error.ts";
import type { Found } from "./found.ts";
import { parseConfig } from "./parse-yaml.ts";

const MAX_BYTES = 1024 * 1024;

/** Which file is read, and whose wish that is. */
export interface ConfigPlace {
  readonly file: string;
  /** Then it has to be there. */
  readonly isNamed: boolean;
  /** The variable that names it. */
  readonly variable?: string;
}

export interface ConfigFile {
  readonly found: readonly Found[];
  /** Whether other users of the machine can read it. */
  readonly isExposed: boolean;
}

/** `undefined` for a file that is not there and need not be. Throws as `readConfigText` does. */
export function readConfigFile(place: ConfigPlace): ConfigFile | undefined {
  const { file } = place;
  const text = readConfigText(place);
  if (text === undefined) return undefined;
  const isExposed = process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
  return { found: parseConfig(text, file), isExposed };
}

/** `undefined` as above. Throws `AppError` `invalid_request`; an absent file is one too, if it is named. */
export function readConfigText({ file, isNamed, variable }: ConfigPlace): string | undefined {
  const complaint = (what: string, cause?: unknown): AppError => {
    const by = variable === undefined ? "" : `; ${variable} names it`;
    return new AppError("invalid_request", `${file}: ${what}${by}`, { cause });
  };
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw complaint("not a file");
    if (stat.size > MAX_BYTES) throw complaint(`larger than ${MAX_BYTES} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT" && !isNamed) return undefined;
    const reason =
      error instanceof TypeError
        ? "not UTF-8 text"
        : code === "ENOENT"
          ? "no such file"
          : `cannot be read (${code})`;
    throw complaint(reason, error);
  }
}
