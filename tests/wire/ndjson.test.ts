import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createNdjsonDecoder, ndjsonLine } from "../../src/wire/ndjson.ts";
import { createUtf8Decoder } from "../../src/wire/utf8.ts";
import { cutAt, thrownBy } from "./support.ts";

describe("framing lines of JSON", () => {
  test("ends every line", () => {
    expect(ndjsonLine('{"done":true}')).toBe('{"done":true}\n');
  });

  test("refuses a payload that would be read as two lines", () => {
    expect(thrownBy(() => ndjsonLine('{}\n{"done":true}'))).toHaveProperty("code", "internal");
  });

  test("passes U+2028 untouched", () => {
    expect(decodePieces([new TextEncoder().encode(ndjsonLine('"a\u2028b"'))])).toEqual([
      '"a\u2028b"',
    ]);
  });
});

describe("parsing lines of JSON", () => {
  test("skips blank lines and takes CRLF as one line end", () => {
    const decoder = createNdjsonDecoder();
    expect(decoder.push('\n\r\n  \n{"a":1}\r')).toEqual([]);
    expect(decoder.push('\n{"b":2}\n')).toEqual(['{"a":1}', '{"b":2}']);
  });

  test("gives out a last line that lacks its end, once", () => {
    const decoder = createNdjsonDecoder();
    expect(decoder.push('{"a":1}\n{"b"')).toEqual(['{"a":1}']);
    expect(decoder.push(":2}")).toEqual([]);
    expect(decoder.end()).toEqual(['{"b":2}']);
    expect(decoder.end()).toEqual([]);
  });

  test("refuses a line over the limit, ended or not", () => {
    const ended = () => createNdjsonDecoder({ maxLength: 5 }).push("123456\n");
    const open = () => createNdjsonDecoder({ maxLength: 5 }).push("123456");
    expect(thrownBy(ended)).toHaveProperty("code", "agent_error");
    expect(thrownBy(open)).toHaveProperty("code", "agent_error");
    expect(createNdjsonDecoder({ maxLength: 5 }).push("12345\n".repeat(100))).toHaveLength(100);
  });

  test("any values, cut anywhere, come back the same for both line ends", () => {
    fc.assert(
      fc.property(
        fc.array(fc.json({ stringUnit: "grapheme" })),
        fc.array(fc.nat()),
        fc.constantFrom("\n", "\r\n"),
        (payloads, cuts, lineEnd) => {
          const wire = payloads.map(ndjsonLine).join("").replaceAll("\n", lineEnd);
          const bytes = new TextEncoder().encode(wire);
          expect(decodePieces(cutAt(bytes, cuts))).toEqual(payloads);
          expect(decodePieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(payloads);
        },
      ),
    );
  });
});

function decodePieces(pieces: readonly Uint8Array[]): string[] {
  const utf8 = createUtf8Decoder();
  const decoder = createNdjsonDecoder();
  const lines = pieces.flatMap((piece) => decoder.push(utf8.push(piece)));
  return [...lines, ...decoder.push(utf8.end()), ...decoder.end()];
}
