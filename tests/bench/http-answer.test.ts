// The reader of raw HTTP answers: what it must read, however the bytes are cut, and what it must refuse.

import { describe, expect, test } from "bun:test";
import { array, assert, constantFrom, nat, property } from "fast-check";
import { createAnswerReader, type HttpAnswer } from "../../bench/http-answer.ts";

// Nine characters, ten bytes.
const WHOLE =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a":"ü"}';
const CHUNKED =
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "7\r\ndata: 1\r\nA\r\n\n\ndata: 2\n\r\n1\r\n\n\r\n0\r\n\r\n";

function read(pieces: readonly Buffer[]): HttpAnswer[] {
  const reader = createAnswerReader();
  return pieces.flatMap((piece) => reader.push(piece) ?? []);
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b)];
  return edges.map((edge, index) => bytes.subarray(edge, edges[index + 1] ?? bytes.length));
}

describe("the answer reader", () => {
  test("reads an answer of stated length, its body as the bytes it had", () => {
    const [answer] = read([Buffer.from(WHOLE)]);
    expect(answer).toEqual({
      status: 200,
      close: false,
      body: Buffer.from('{"a":"ü"}').toString("latin1"),
    });
  });

  test("reads an answer in chunks", () => {
    expect(read([Buffer.from(CHUNKED)])).toEqual([
      { status: 200, close: false, body: "data: 1\n\ndata: 2\n\n" },
    ]);
  });

  test("reads the same answers wherever the bytes are cut", () => {
    assert(
      property(constantFrom(WHOLE, CHUNKED), array(nat(), { maxLength: 20 }), (text, places) => {
        const bytes = Buffer.from(text);
        const pieces = cut(bytes, places).filter((piece) => piece.length > 0);
        expect(read(pieces)).toEqual(read([bytes]));
      }),
    );
  });

  test("reads one answer after the other on the same connection", () => {
    const reader = createAnswerReader();
    const first = reader.push(Buffer.from(CHUNKED));
    const second = reader.push(Buffer.from(WHOLE));
    const third = reader.push(Buffer.from(CHUNKED));
    expect(second?.body).toStartWith("{");
    expect(third).toEqual(first);
  });

  test("says how much of the body has come before it is complete", () => {
    const reader = createAnswerReader();
    expect(reader.push(Buffer.from(CHUNKED.slice(0, 60)))).toBeUndefined();
    expect(reader.received()).toBeGreaterThan(0);
  });

  test("says when the server will close the connection", () => {
    const text = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    expect(read([Buffer.from(text)])).toEqual([{ status: 503, close: true, body: "" }]);
  });

  test.each([
    ["another protocol", "SSH-2.0-x\r\n\r\n"],
    ["no length", "HTTP/1.1 200 OK\r\n\r\n"],
    ["no chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["bytes after the end", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"],
  ])("refuses %s", (_name, text) => {
    expect(() => read([Buffer.from(text)])).toThrow();
  });
});
