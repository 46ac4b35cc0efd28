import { describe, expect, test } from "bun:test";

import { splitCommandLine } from "../../src/config/command-line.ts";

describe("a command line", () => {
  test.each([
    ["gemini --acp", ["gemini", "--acp"]],
    ["  a   b\tc ", ["a", "b", "c"]],
    [`a "b c" 'd "e"' ""`, ["a", "b c", 'd "e"', ""]],
    [String.raw`a b\ c \"d "e\"f" 'g\h'`, ["a", "b c", '"d', 'e"f', String.raw`g\h`]],
    [String.raw`C:\Tools\agent.exe --acp`, [String.raw`C:\Tools\agent.exe`, "--acp"]],
    ["a $HOME `b` *", ["a", "$HOME", "`b`", "*"]],
  ])("%j is %j", (line, words) => {
    expect(splitCommandLine(line)).toEqual(words);
  });

  test.each([
    ["", "expected a command"],
    ["  ", "expected a command"],
    ['"" a', "expected a command"],
    ["a 'b", "not closed"],
  ])("%j is refused", (line, message) => {
    expect(() => splitCommandLine(line)).toThrow(message);
  });
});
