// A command as one line of text, as people write it in a shell: words, quotes, backslashes. Nothing is expanded. Pure.

import { AppError } from "../core/error.ts";

/**
 * What a line is made of, each in a group of its own: space, '…', "…", an escaped character, a quote that is not closed,
 * anything else. A backslash before anything else is itself: paths of Windows have them.
 */
const PIECE = /(\s+)|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\(["'\\\s])|(['"])|([^\s'"\\]+|\\)/g;

/** @throws AppError invalid_request for a quote that is not closed, and for nothing at all */
export function splitCommandLine(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [, space, single, double, escaped, open, plain] of line.matchAll(PIECE)) {
    if (open !== undefined) {
      throw new AppError("invalid_request", `acp: the command has a ${open} that is not closed`);
    }
    if (space === undefined) {
      const text = single ?? double?.replaceAll(/\\(["\\])/g, "$1") ?? escaped ?? plain ?? "";
      word = (word ?? "") + text;
    } else {
      if (word !== undefined) words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  if ((words[0] ?? "") !== "") return words;
  throw new AppError("invalid_request", "acp: expected a command, as in acp:gemini --acp");
}
