import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppError } from "../../src/core/error.ts";
import { SSE_DONE, createSseDecoder, sseComment, sseData, sseEvent } from "../../src/wire/sse.ts";
import type { SseMessage } from "../../src/wire/sse.ts";
import { createUtf8Decoder } from "../../src/wire/utf8.ts";
import { cutAt, thrownBy } from "./support.ts";

describe("framing server-sent events", () => {
  test("puts a payload on one data line, then a blank line", () => {
    expect(sseData('{"a":1}')).toBe('data: {"a":1}\n\n');
    expect(sseEvent("message_start", "{}")).toBe("event: message_start\ndata: {}\n\n");
    expect(sseComment("keep-alive")).toBe(": keep-alive\n\n");
    expect(SSE_DONE).toBe(sseData("[DONE]"));
  });

  test("leaves no way to start a field or a message from within a JSON text or a comment", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const hostile = `${text}\n\nevent: evil\r\ndata: [DONE]`;
        const json = JSON.stringify(hostile);
        expect(decodeWhole(sseData(json))).toEqual([{ data: json }]);
        expect(decodeWhole(sseEvent("delta", json))).toEqual([{ event: "delta", data: json }]);
        expect(decodeWhole(sseComment(hostile))).toEqual([]);
      }),
    );
  });

  test("passes U+2028 and U+2029 untouched, since they end no line", () => {
    const payload = JSON.stringify("a\u2028b\u2029c\u0085d");
    expect(sseData(payload)).toBe(`data: ${payload}\n\n`);
    expect(decodeWhole(sseData(payload))).toEqual([{ data: payload }]);
  });
});

describe("parsing server-sent events", () => {
  test("gives a message out with its blank line, not before", () => {
    const decoder = createSseDecoder();
    expect(decoder.push("data: a\n")).toEqual([]);
    expect(decoder.push("\n")).toEqual([{ data: "a" }]);
    expect(decoder.end()).toEqual([]);
  });

  test("gives a message out at a CR, and does not count the LF after it as another line", () => {
    const decoder = createSseDecoder();
    expect(decoder.push("data: a\r\n\r")).toEqual([{ data: "a" }]);
    expect(decoder.push("\ndata: b\r\n")).toEqual([]);
    expect(decoder.push("data: c\r\n\r\n")).toEqual([{ data: "b\nc" }]);
  });

  test("skips comments, unknown fields, ids and retries", () => {
    expect(decodeWhole(": ping\nid: 1\nretry: 5\nother: x\ndata: a\n\n")).toEqual([{ data: "a" }]);
  });

  test("takes one space off a value and no more, and reads a field without a colon as empty", () => {
    expect(decodeWhole("data:a\ndata:  b\ndata\n\n")).toEqual([{ data: "a\n b\n" }]);
  });

  test("forgets the name of a message without data", () => {
    expect(decodeWhole("event: lost\n\ndata: a\n\n")).toEqual([{ data: "a" }]);
  });

  test("gives out the last message when the stream ends without its blank line", () => {
    const decoder = createSseDecoder();
    expect(decoder.push("data: a\n\ndata: [DONE]")).toEqual([{ data: "a" }]);
    expect(decoder.end()).toEqual([{ data: "[DONE]" }]);
    expect(decoder.end()).toEqual([]);
  });

  test("refuses a line over the limit before its end has come", () => {
    const decoder = createSseDecoder({ maxLength: 10 });
    decoder.push("data: 1234");
    const error = thrownBy(() => decoder.push("5"));
    expect(error).toBeInstanceOf(AppError);
    expect(error).toHaveProperty("code", "agent_error");
  });

  test("refuses a message over the limit though each of its lines is short", () => {
    const decoder = createSseDecoder({ maxLength: 10 });
    expect(thrownBy(() => decoder.push("data: 123\n".repeat(3)))).toHaveProperty(
      "code",
      "agent_error",
    );
  });

  test("counts each message for itself", () => {
    const decoder = createSseDecoder({ maxLength: 10 });
    expect(decoder.push("data: 1234\n\n".repeat(1000))).toHaveLength(1000);
  });
});

describe("framed, then cut anywhere, parsed again", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, ""));
  const message: fc.Arbitrary<SseMessage> = fc.oneof(
    fc.record({ data: fc.array(line, { minLength: 1 }).map((lines) => lines.join("\n")) }),
    fc.record({ event: line.filter((name) => name !== ""), data: line }),
  );
  const cuts = fc.array(fc.nat());

  test("any messages come back the same, for every kind of line end", () => {
    fc.assert(
      fc.property(
        fc.array(message),
        cuts,
        fc.constantFrom("\n", "\r\n", "\r"),
        (messages, cuts, lineEnd) => {
          const wire = messages.map(frame).join(sseComment("keep-alive"));
          const bytes = new TextEncoder().encode(wire.replaceAll("\n", lineEnd));
          expect(decodePieces(cutAt(bytes, cuts))).toEqual(messages);
        },
      ),
    );
  });

  test("any messages come back the same, one byte at a time", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const bytes = new TextEncoder().encode(messages.map(frame).join(""));
        expect(decodePieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(messages);
      }),
    );
  });
});

/** As a server may write it: a line of data for each line of the payload. */
function frame({ event, data }: SseMessage): string {
  const lines = data.split(/\r\n|\n|\r/).map((line) => `data: ${line}\n`);
  return `${event === undefined ? "" : `event: ${event}\n`}${lines.join("")}\n`;
}

function decodeWhole(text: string): SseMessage[] {
  const decoder = createSseDecoder();
  return [...decoder.push(text), ...decoder.end()];
}

function decodePieces(pieces: readonly Uint8Array[]): SseMessage[] {
  const utf8 = createUtf8Decoder();
  const decoder = createSseDecoder();
  const messages = pieces.flatMap((piece) => decoder.push(utf8.push(piece)));
  return [...messages, ...decoder.push(utf8.end()), ...decoder.end()];
}
