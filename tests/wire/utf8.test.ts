import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { createUtf8Decoder } from "../../src/wire/utf8.ts";
import { cutAt, thrownBy } from "./support.ts";

test("any text, cut anywhere, comes back the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat()), (text, cuts) => {
      const decoder = createUtf8Decoder();
      const sent = text.toWellFormed().replace(/^\ufeff+/, "");
      const pieces = cutAt(new TextEncoder().encode(sent), cuts);
      expect(pieces.map((piece) => decoder.push(piece)).join("") + decoder.end()).toBe(sent);
    }),
  );
});

test("a character waits for its last byte", () => {
  const decoder = createUtf8Decoder();
  const [first, ...rest] = new TextEncoder().encode("\u{1f642}");
  expect(decoder.push(Uint8Array.of(first!))).toBe("");
  expect(decoder.push(Uint8Array.from(rest))).toBe("\u{1f642}");
});

test("drops a byte order mark at the start, and only there", () => {
  const decoder = createUtf8Decoder();
  expect(decoder.push(new TextEncoder().encode("\ufeffa\ufeff"))).toBe("a\ufeff");
});

test("refuses bytes that are not UTF-8", () => {
  const decoder = createUtf8Decoder();
  expect(thrownBy(() => decoder.push(Uint8Array.of(0x61, 0xff)))).toHaveProperty(
    "code",
    "agent_error",
  );
});

test("refuses a stream that stops within a character", () => {
  const decoder = createUtf8Decoder();
  decoder.push(Uint8Array.of(0xe2, 0x82));
  expect(thrownBy(() => decoder.end())).toHaveProperty("code", "agent_error");
});
