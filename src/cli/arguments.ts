// What is put right about the arguments before the parser sees them. Pure.

import { UsageError } from "./failure.ts";

/** Whole program flags; any other flag that comes first belongs to `mlp up`. */
const PROGRAM_FLAGS = new Set(["--help", "-h", "--helpAll", "-H", "--version", "-v"]);

/** `-n5` */
const GLUED_COUNT = /^(-[a-z])(\d+)$/i;
const FLAG = /^--[a-z][a-z-]+(=.+)?$/i;

/** Bare `mlp` means `mlp up`, with flags too; `mlp help …` is `mlp … --help`. */
export function completeArguments(argv: readonly string[]): readonly string[] {
  const [first, ...others] = argv;
  if (first === "help") return [...others, "--help"];
  const isUp = first === undefined || (first.startsWith("-") && !PROGRAM_FLAGS.has(first));
  return isUp ? ["up", ...argv] : argv;
}

/**
 * Refuses what the parser would take for something else: names that every JavaScript object has look known to it, and
 * what it does not see as a flag becomes an argument. Throws `UsageError`.
 */
export function checkArguments(argv: readonly string[]): void {
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  for (const [index, argument] of own.entries()) {
    const isFlag = argument.startsWith("--");
    if (isFlag && !FLAG.test(argument)) throw new UsageError(`${argument} is no flag`);
    const [, flag, count] = GLUED_COUNT.exec(argument) ?? [];
    if (flag !== undefined)
      throw new UsageError(`${argument} is no flag, did you mean ${flag} ${count}?`);
    const [name = ""] = argument.replace(/^--/, "").split("=");
    if ((isFlag || index < 2) && name in {}) {
      throw new UsageError(isFlag ? `no flag --${name}` : `no command \`${name}\``);
    }
  }
}
