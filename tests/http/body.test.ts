import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Type } from "@sinclair/typebox";
import { createBodyReader } from "../../src/http/body.ts";
import type { BodyLimits } from "../../src/http/body.ts";

const Schema = Type.Object(
  {
    name: Type.String(),
    items: Type.Optional(
      Type.Union([
        Type.Array(Type.Object({ size: Type.Integer() }, { additionalProperties: true })),
        Type.Null(),
      ]),
    ),
  },
  { additionalProperties: true },
);
const reader = createBodyReader(Schema, { bodyBytes: 10_000, jsonDepth: 8 });

function request(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  return new Request("http://127.0.0.1/x", { method: "POST", body, headers });
}

test("a body of the right form is read, with what is not known in it", async () => {
  const { value, bytes } = await reader.read(request('{"name":"a","more":[1]}'));
  expect(value).toEqual({ name: "a", more: [1] } as typeof value);
  expect(bytes.byteLength).toBe(23);
});

describe("is refused, and not quoted", () => {
  const secret = "CANARY";
  test.each([
    ["invalid_json", `{"name":"${secret}"`],
    ["invalid_json", ""],
    ["invalid_json", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ["invalid_request", "null"],
    ["invalid_request", "[]"],
    ["invalid_request", `"${secret}"`],
    ["invalid_request", `{"name":{"${secret}":1}}`],
    ["invalid_request", `{"name":"a","__proto__":{"x":"${secret}"}}`],
    ["invalid_request", '{"name":"a","deep":{"constructor":{}}}'],
    ["invalid_request", `{"name":"a","deep":${"[".repeat(9)}${"]".repeat(9)}}`],
    ["payload_too_large", `{"name":"${"x".repeat(10_000)}"}`],
  ])("%p: %#", async (code, body) => {
    const failure = await reader.read(request(body)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect((failure as Error).message).not.toContain(secret);
  });

  test("a million levels end in an answer, not in a crash", async () => {
    const deep = createBodyReader(Schema, { bodyBytes: 4_000_000, jsonDepth: 64 });
    const levels = 1_000_000;
    const body = `{"name":"a","x":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    await expect(deep.read(request(body))).rejects.toMatchObject({ code: "invalid_request" });
  });

  test.each([
    ['{"limit":0}', "limit: expected integer to be greater or equal to 1."],
    ['{"limit":"a"}', "limit: expected integer."],
    ['{"content":5}', "content: expected string or array."],
    ['{"content":[{"type":"a"},7]}', "content[1]: expected object."],
    ['{"content":[{"type":1}]}', "content[0].type: expected string."],
    ['{"content":[{}]}', "content[0].type: it is required."],
    ['{"content":[{"type":""}]}', "content[0].type: it must not be empty."],
  ])("%s hears what would have fitted", async (body, message) => {
    const text = Type.Object({ type: Type.String({ minLength: 1 }) });
    const content = Type.Union([Type.String(), Type.Array(text)]);
    const schema = Type.Object({
      limit: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
      content: Type.Optional(Type.Union([content, Type.Null()])),
    });
    const nullable = createBodyReader(schema, { bodyBytes: 10_000, jsonDepth: 8 });
    await expect(nullable.read(request(body))).rejects.toMatchObject({ message });
  });

  test("the first of very many complaints is enough", async () => {
    const wide = createBodyReader(Schema, { bodyBytes: 4_000_000, jsonDepth: 8 });
    const items = Array.from({ length: 50_000 }, () => ({ size: "big" }));
    const failure = wide.read(request(JSON.stringify({ name: "a", items })));
    await expect(failure).rejects.toMatchObject({ param: "items[0].size" });
  });

  test("a body over a mebibyte is not searched for its fault, which would hold everybody up", async () => {
    const wide = createBodyReader(Schema, { bodyBytes: 4_000_000, jsonDepth: 8 });
    const items = [...Array.from({ length: 100_000 }, () => ({ size: 1 })), { size: "big" }];
    const failure = wide.read(request(JSON.stringify({ name: "a", items })));
    await expect(failure).rejects.toMatchObject({ code: "invalid_request", param: undefined });
  });

  test("the complaint names the innermost field", async () => {
    const failure = reader.read(request('{"name":"a","items":[{"size":1},{"size":"big"}]}'));
    await expect(failure).rejects.toMatchObject({
      param: "items[1].size",
      message: "items[1].size: expected integer.",
    });
  });
});

describe("an encoded body", () => {
  const plain = '{"name":"a"}';
  test("is unpacked", async () => {
    const zipped = request(new Uint8Array(gzipSync(plain)), { "content-encoding": "gzip" });
    expect((await reader.read(zipped)).value.name).toBe("a");
    const packed = request(new Uint8Array(zstdCompressSync(plain)), { "content-encoding": "zstd" });
    expect((await reader.read(packed)).value.name).toBe("a");
  });

  test("may not unpack to more than a body may be", async () => {
    const bomb = new Uint8Array(gzipSync("x".repeat(1_000_000)));
    await expect(reader.read(request(bomb, { "content-encoding": "gzip" }))).rejects.toMatchObject({
      code: "payload_too_large",
    });
    const packed = new Uint8Array(zstdCompressSync("x".repeat(1_000_000)));
    await expect(
      reader.read(request(packed, { "content-encoding": "zstd" })),
    ).rejects.toMatchObject({
      code: "payload_too_large",
    });
  });

  test("that is too large names the setting that the limit comes from", async () => {
    const small = { bodyBytes: 8, jsonDepth: 8 };
    const asked = (limits: BodyLimits) =>
      createBodyReader(Type.Object({}), limits).read(
        request(new Uint8Array(gzipSync(plain)), { "content-encoding": "gzip" }),
      );
    await expect(asked(small)).rejects.toThrow("The limit is limits.body_bytes");
    const setting = "limits.control_body_bytes";
    await expect(asked({ ...small, setting })).rejects.toThrow(`The limit is ${setting}`);
  });

  test("of another kind, or broken, is refused", async () => {
    await expect(reader.read(request(plain, { "content-encoding": "br" }))).rejects.toMatchObject({
      code: "unsupported_media_type",
    });
    await expect(reader.read(request(plain, { "content-encoding": "gzip" }))).rejects.toMatchObject(
      {
        code: "invalid_request",
      },
    );
  });
});

test("nothing reaches the prototype of all objects", async () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  await reader.read(request('{"name":"a","__proto__":{"evil":1}}')).catch(() => undefined);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect("evil" in {}).toBe(false);
});
