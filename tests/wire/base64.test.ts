import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { readBase64 } from "../../src/wire/base64.ts";

test("any bytes are read as they were written, broken into lines or not, padded or not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.constantFrom("\n", "\r\n"), (bytes, end) => {
      const data = Buffer.from(bytes).toString("base64");
      expect(readBase64(data)).toBe(data);
      expect(readBase64(data.replaceAll(/.{4}/g, `$&${end}`))).toBe(data);
      const bare = data.replaceAll("=", "");
      expect(readBase64(bare)).toBe(bare);
    }),
  );
});

describe("what is no base64", () => {
  test.each(["", "\n", "=", "A", "AAAAA", "AA=A", "A===", "AA AA", "AA_-", "AAA!", "%3D", "é"])(
    "%p is not read",
    (text) => expect(readBase64(text)).toBeUndefined(),
  );
});
