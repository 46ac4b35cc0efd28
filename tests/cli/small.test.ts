import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { checkArguments, completeArguments } from "../../src/cli/arguments.ts";
import { formatDuration, parseDuration } from "../../src/cli/duration.ts";
import { parseLimit, parseNames, parseWhole } from "../../src/cli/flags.ts";
import { pairs, table } from "../../src/cli/table.ts";
import { nearest } from "../../src/config/suggest.ts";
import { visible, visibleText } from "../../src/observe/visible.ts";

describe("times", () => {
  test.each([
    ["90s", 90],
    ["30m", 1800],
    ["8h", 28_800],
    ["365d", 31_536_000],
  ])("%s is %d seconds", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each([
    "",
    "8",
    "h",
    "0h",
    "-1h",
    "1.5h",
    "8 h",
    " 8h",
    "8H",
    "1h30m",
    "1e3s",
    "366d",
    "08h",
    "8hours",
  ])("%p is no time", (text) => {
    expect(() => parseDuration(text)).toThrow("expected a time such as 8h");
  });

  test.each([
    [0, "0s"],
    [-5, "0s"],
    [59.6, "1m"],
    [90, "1m 30s"],
    [28_740, "7h 59m"],
    [86_400 + 59, "1d"],
    [31_536_000, "365d"],
  ])("%d seconds are shown as %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe("values of flags", () => {
  test("whole numbers are written out", () => {
    expect(parseWhole("0")).toBe(0);
    for (const text of ["", "-1", "1.0", "0x1", "1e3", " 1", "9".repeat(16)]) {
      expect(() => parseWhole(text)).toThrow("whole number");
    }
  });

  test("limits are above zero, or none", () => {
    expect(parseLimit("none")).toBe("none");
    expect(parseLimit("5")).toBe(5);
    expect(() => parseLimit("0")).toThrow("above zero");
  });

  test("names are not empty", () => {
    expect(parseNames("a, b")).toEqual(["a", "b"]);
    expect(() => parseNames("a,,b")).toThrow("separated by commas");
    expect(() => parseNames("")).toThrow("separated by commas");
  });
});

describe("arguments", () => {
  test.each([
    [[], ["up"]],
    [
      ["--port", "0"],
      ["up", "--port", "0"],
    ],
    [["--help"], ["--help"]],
    [["-v"], ["-v"]],
    [["list"], ["list"]],
    [["--"], ["up", "--"]],
    [["help"], ["--help"]],
    [
      ["help", "sessions", "approve"],
      ["sessions", "approve", "--help"],
    ],
  ])("%j are completed to %j", (given, completed) => {
    expect(completeArguments(given)).toEqual(completed);
  });

  test("what follows -- is nobody's flag", () => {
    expect(() => checkArguments(["run", "m", "--", "--x", "--constructor"])).not.toThrow();
    expect(() => checkArguments(["run", "m", "constructor"])).not.toThrow();
    expect(() => checkArguments(["run", "m", "--x"])).toThrow("--x is no flag");
  });
});

describe("tables", () => {
  test("measure what is seen, and end without spaces", () => {
    expect(
      table(
        ["A", "B"],
        [
          ["日本", ""],
          ["x", "y"],
        ],
      ),
    ).toBe("A     B\n日本\nx     y\n");
  });

  test("pairs line up", () => {
    expect(
      pairs([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2\n");
  });
});

describe("text for a terminal", () => {
  test("never holds a control character, whatever came in", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(visible(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(visibleText(text)).not.toMatch(/[^\P{Cc}\n\t]/u);
      }),
    );
  });

  test("is otherwise as it was", () => {
    expect(visible("Grüße 🌍 👩‍💻")).toBe("Grüße 🌍 👩‍💻");
    expect(visibleText("a\r\nb\tc\rd")).toBe("a\nb\tc\\u000dd");
  });
});

describe("suggestions", () => {
  test.each([
    ["prot", "port"],
    ["debgu", "debug"],
    ["DEBUG", "debug"],
    ["zzz", undefined],
    ["", undefined],
  ])("for %p: %p", (word, expected) => {
    expect(nearest(word, ["port", "host", "debug"])).toBe(expected as string);
  });
});
