import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import type { AuditEntry } from "../../src/core/ports.ts";
import { createPromptHasher } from "../../src/observe/audit-prompt.ts";
import { CHAIN_START, encodeRecord, hashLine, readLink } from "../../src/observe/audit-record.ts";

const FULL: Required<AuditEntry> = {
  eventType: "RESPONSE",
  event: "model_request",
  requestId: "turn_1",
  sessionId: "session_1",
  keyId: "default",
  clientIp: "127.0.0.1",
  userAgent: "editor/1.0",
  endpoint: "/v1/chat/completions",
  method: "POST",
  statusCode: 200,
  processingTimeMs: 12.345_678,
  requestSizeBytes: 100,
  responseSizeBytes: 200,
  promptHash: "ab".repeat(32),
  repeats: "turn_0",
  model: "rehearsal",
  outcome: "done",
  promptTokens: 3,
  completionTokens: 4,
  tokensEstimated: true,
  errorDetails: "none",
  securityFlags: ["keyless"],
};

function encode(entry: AuditEntry): string {
  return encodeRecord({ entry, at: 1_700_000_000_000, monotonic: 1.000_4 }, CHAIN_START);
}

const bytes = (text: string) => new TextEncoder().encode(text);
const HARMFUL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

describe("a record", () => {
  test("has every field under its name, in one order", () => {
    const expected = {
      seq: 1,
      timestamp: "2023-11-14T22:13:20.000Z",
      monotonic_ms: 1,
      prev: "0".repeat(64),
      event_type: "RESPONSE",
      event: "model_request",
      session_id: "session_1",
      client_ip: "127.0.0.1",
      user_agent: "editor/1.0",
      request_id: "turn_1",
      endpoint: "/v1/chat/completions",
      method: "POST",
      status_code: 200,
      processing_time_ms: 12.346,
      request_size_bytes: 100,
      response_size_bytes: 200,
      prompt_hash: "ab".repeat(32),
      repeats: "turn_0",
      error_details: "none",
      security_flags: ["keyless"],
      outcome: "done",
      key_id: "default",
      model: "rehearsal",
      prompt_tokens: 3,
      completion_tokens: 4,
      tokens_estimated: true,
    };
    expect(encode(FULL)).toBe(JSON.stringify(expected));
  });

  test("leaves out what is absent, and numbers that are none", () => {
    const line = encode({
      eventType: "SESSION",
      event: "session_created",
      model: undefined,
      processingTimeMs: Number.NaN,
    });
    const names = ["seq", "timestamp", "monotonic_ms", "prev", "event_type", "event"];
    expect(Object.keys(JSON.parse(line) as object)).toEqual(names);
  });

  test("can be printed as it is, and read back as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (userAgent) => {
        const line = encode({ ...FULL, userAgent });
        expect(line).not.toMatch(HARMFUL);
        expect((JSON.parse(line) as { user_agent: string }).user_agent).toBe(userAgent);
      }),
    );
    expect(encode({ ...FULL, model: "a\u001b[2J\u202e\u2028b" })).toContain(
      String.raw`"a\u001b[2J\u202e\u2028b"`,
    );
  });

  test("never passes 8 KiB, whatever it is given", () => {
    const text = fc.oneof(
      fc.constantFrom("\u0000", "\u2028", "世", "🌍", "\ud800", '"', "a"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 3 }),
    );
    const long = fc
      .tuple(text, fc.integer({ min: 0, max: 5_000 }))
      .map(([one, n]) => one.repeat(n));
    const texts = fc.record({
      event: long,
      requestId: long,
      sessionId: long,
      keyId: long,
      clientIp: long,
      userAgent: long,
      endpoint: long,
      method: long,
      promptHash: long,
      model: long,
      outcome: long,
      errorDetails: long,
      securityFlags: fc.array(long, { maxLength: 30 }),
    });
    fc.assert(
      fc.property(texts, (fields) => {
        const line = encode({ ...FULL, ...fields });
        expect(Buffer.byteLength(line)).toBeLessThan(8_192);
        expect(readLink(bytes(line))).toEqual({ seq: 1, prev: CHAIN_START.hash });
      }),
    );
    const everything = Object.fromEntries(
      Object.entries(FULL).map(([name, value]) => [
        name,
        typeof value === "string" && name !== "eventType" ? "\u0000".repeat(9_000) : value,
      ]),
    );
    const securityFlags = Array.from({ length: 99 }, () => "\u2028".repeat(999));
    expect(Buffer.byteLength(encode({ ...FULL, ...everything, securityFlags }))).toBeLessThan(
      8_192,
    );
  });

  test("shows where a text was cut", () => {
    const line = JSON.parse(encode({ ...FULL, userAgent: "x".repeat(600) })) as {
      user_agent: string;
    };
    expect(line.user_agent).toBe(`${"x".repeat(511)}…`);
  });
});

describe("a line of the file", () => {
  test.each([
    ["nothing", ""],
    ["no JSON", '{"seq":1,'],
    ["no object", "[1]"],
    ["no number", `{"prev":"${"0".repeat(64)}"}`],
    ["number zero", `{"seq":0,"prev":"${"0".repeat(64)}"}`],
    ["half a number", `{"seq":1.5,"prev":"${"0".repeat(64)}"}`],
    ["no link", '{"seq":1}'],
    ["a short link", '{"seq":1,"prev":"00"}'],
    ["a mark before it", `\ufeff{"seq":1,"prev":"${"0".repeat(64)}"}`],
    ["too long", `{"seq":1,"prev":"${"0".repeat(64)}","x":"${"x".repeat(8_192)}"}`],
  ])("with %s is no record", (_, line) => {
    expect(readLink(bytes(line))).toBeUndefined();
  });

  test("that is not UTF-8 is no record", () => {
    const line = bytes(encode({ ...FULL, model: "x" }));
    expect(readLink(line)).toBeDefined();
    line[line.length - 3] = 0xff;
    expect(readLink(line)).toBeUndefined();
  });

  test("is linked by the SHA-256 of its bytes", () => {
    // FIPS 180-2, appendix B.1.
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(hashLine(bytes("abc"))).toBe(abc);
  });
});

describe("the hash of a prompt", () => {
  test("is HMAC-SHA-256", () => {
    // RFC 4231, test case 6.
    const hash = createPromptHasher({ key: new Uint8Array(131).fill(0xaa) });
    const expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
    expect(hash("Test Using Larger Than Block-Size Key - Hash Key First")).toBe(expected);
    expect(hash(bytes("Test Using Larger Than Block-Size Key - Hash Key First"))).toBe(expected);
  });

  test("differs between installations, and does not change with the caller's array", () => {
    const key = new Uint8Array(32).fill(1);
    const hash = createPromptHasher({ key });
    const before = hash("hello");
    key.fill(2);
    expect(hash("hello")).toBe(before);
    expect(createPromptHasher({ key })("hello")).not.toBe(before);
  });

  test("needs a key that nobody guesses", () => {
    expect(() => createPromptHasher({ key: new Uint8Array(31) })).toThrow("31 bytes");
  });
});
