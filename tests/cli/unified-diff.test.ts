import { expect, test } from "bun:test";
import fc from "fast-check";

import { unifiedDiff } from "../../src/cli/unified-diff.ts";

test("texts that are the same have none", () => {
  expect(unifiedDiff("a\nb\n", "a\nb\n", "f")).toBe("");
});

test("changes have three lines around them, and stand apart when they are far apart", () => {
  const before = Array.from({ length: 20 }, (_, index) => `${index}`);
  const after = before.with(1, "one").toSpliced(18, 1);
  expect(unifiedDiff(`${before.join("\n")}\n`, `${after.join("\n")}\n`, "f")).toBe(
    [
      "--- f",
      "+++ f",
      "@@ -1,5 +1,5 @@",
      " 0",
      "-1",
      "+one",
      " 2",
      " 3",
      " 4",
      "@@ -16,5 +16,4 @@",
      " 15",
      " 16",
      " 17",
      "-18",
      " 19",
      "",
    ].join("\n"),
  );
});

test("a new file begins with nothing", () => {
  expect(unifiedDiff("", "a\nb\n", "f")).toBe("--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
});

test("it holds both texts, whatever they are", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = unifiedDiff(`${before.join("\n")}\n`, `${after.join("\n")}\n`, "f");
      const of = (kind: string) =>
        diff
          .split("\n")
          .filter((line) => line.startsWith(kind) && !line.startsWith(kind.repeat(3)));
      // What is not shown is the same in both.
      expect(after.length - before.length).toBe(
        before.length === 0 || after.length === 0
          ? after.length - before.length
          : of("+").length - of("-").length,
      );
      expect(diff === "").toBe(before.join("\n") === after.join("\n"));
    }),
  );
});
