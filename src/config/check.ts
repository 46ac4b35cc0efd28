// What is wrong with a configuration, all of it: the loader stops at the first problem, people mend several at once.

import { AppError } from "../core/error.ts";
import { configFileOf } from "./load.ts";
import type { LoadSettings } from "./load.ts";
import { inspectConfig } from "./parse-yaml.ts";
import { readEnvironment } from "./read-environment.ts";
import { readConfigText } from "./read-file.ts";

export interface CheckedConfig {
  readonly file: string;
  /** Without a file the defaults hold. */
  readonly exists: boolean;
  /** One line each: file and line, or variable. */
  readonly problems: readonly string[];
}

/** Of the file that would be read, and of the variables. */
export function checkConfig(settings: Omit<LoadSettings, "flags">): CheckedConfig {
  const place = configFileOf(settings);
  const { file } = place;
  let exists = false;
  const ofFile = problemsOf(() => {
    const text = readConfigText(place);
    exists = text !== undefined;
    return text === undefined ? [] : inspectConfig(text, file).problems;
  });
  const ofVariables = Object.entries(settings.env).flatMap(([name, value]) =>
    problemsOf(() => {
      readEnvironment({ [name]: value });
      return [];
    }),
  );
  return { file, exists, problems: [...ofFile, ...ofVariables] };
}

/** What `look` finds wrong, or throws. */
function problemsOf(look: () => readonly AppError[]): readonly string[] {
  try {
    return look().map((error) => error.message);
  } catch (error) {
    if (error instanceof AppError) return [error.message];
    throw error;
  }
}
