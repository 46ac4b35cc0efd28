import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { shellQuoted } from "../../src/wire/shell.ts";

test("a word without a meaning of its own stays as it is", () => {
  expect(shellQuoted("/home/me/.local/state/mlp.db")).toBe("/home/me/.local/state/mlp.db");
});

test("any other is in quotes, of which it cannot break out", () => {
  expect(shellQuoted("/a b")).toBe("'/a b'");
  expect(shellQuoted("")).toBe("''");
  fc.assert(
    fc.property(fc.string(), (text) => {
      const quoted = shellQuoted(text);
      const plain = quoted.replaceAll(/'([^']*)'|\\'/g, (part, inner?: string) =>
        part === String.raw`\'` ? "'" : (inner ?? ""),
      );
      expect(plain).toBe(text);
    }),
  );
});
