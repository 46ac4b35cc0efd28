import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createPattern } from "../../../src/engine/json-schema/pattern.ts";
import { TooMuchWork, createWork } from "../../../src/engine/json-schema/work.ts";

const WORK = 10_000_000;

function matches(source: string, text: string): boolean | undefined {
  return createPattern(source)?.test(text, createWork(WORK));
}

/** As JSON Schema has it: a `u` pattern where it is one. */
function native(source: string): RegExp | undefined {
  for (const flags of ["u", ""]) {
    try {
      return new RegExp(source, flags);
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

const ATOMS = [
  "a",
  "b",
  ".",
  "[ab]",
  "[^a]",
  "[]",
  "\\d",
  "\\w",
  "\\b",
  "\\B",
  "^",
  "$",
  "\\x61",
  "\\u0061",
];
const WIDE_ATOMS = [
  "é",
  "😀",
  "\\u{1F600}",
  "\\uD83D\\uDE00",
  "\\p{L}",
  "[😀a]",
  "\\s",
  "-",
  "\\.",
  "[\\]a]",
];
const REPEATS = ["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0}"];
const GROUPS = ["(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n>"];

const patterns = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...ATOMS, ...WIDE_ATOMS),
    fc.array(tie("node"), { maxLength: 3 }).map((nodes) => nodes.join("")),
    fc.tuple(tie("node"), tie("node")).map(([one, other]) => `(?:${one}|${other})`),
    fc
      .tuple(tie("node"), fc.constantFrom(...REPEATS))
      .map(([node, times]) => `(?:${node})${times}`),
    fc.tuple(fc.constantFrom(...GROUPS), tie("node")).map(([open, node]) => `${open}${node})`),
  ),
})).node;
const texts = fc
  .array(fc.constantFrom("a", "b", "1", " ", "é", "😀", "\n", "-"), { maxLength: 8 })
  .map((parts) => parts.join(""));

describe("a pattern", () => {
  test("matches what the runtime's own engine matches", () => {
    fc.assert(
      fc.property(patterns, texts, (source, text) => {
        expect(matches(source, text)).toBe(native(source)?.test(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test("takes time in proportion to the text, where going back would take for ever", () => {
    expect(matches("^(a+)+$", `${"a".repeat(50_000)}b`)).toBe(false);
    expect(matches("(.*)*(.*)*x", "a".repeat(5_000))).toBe(false);
    expect(matches("^(\\w+\\s?)*$", `${"word ".repeat(2_000)}!`)).toBe(false);
  });

  test("gives up where there is too much to do all the same", () => {
    const pattern = createPattern("(?=.*a)b");
    expect(() => pattern?.test("c".repeat(10_000), createWork(100_000))).toThrow(TooMuchWork);
  });

  test.each([
    "(",
    "a{2,1}",
    "(a)\\1",
    "(?<n>a)\\k<n>",
    "(?i:a)",
    "(a{1000}){1000}",
    "a".repeat(10_001),
  ])("is none that can be matched: %p", (source) => {
    expect(createPattern(source)).toBeUndefined();
  });

  test("that is no u pattern is taken for what it was before there were any", () => {
    expect(matches("^\\_[\\w-.]+$", "_a-.")).toBe(true);
    expect(matches("^a{,2}$", "a{,2}")).toBe(true);
  });
});
