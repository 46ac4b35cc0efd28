// Framing: what each end may say, closed schemas, hostile JSON, and the cheap check of chunks agreeing with the schema.

import { describe, expect, test } from "bun:test";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import fc from "fast-check";
import { createDecoder, isViolation, type Party } from "../../src/bridge/decode.ts";
import { chunkPrefix, encodeChunk, encodeFrame, frameBytes } from "../../src/bridge/encode.ts";
import { ChunkFrame, type Frame, FRAMES } from "../../src/bridge/frame.ts";
import { askOf, HELLO } from "./support/wire-pair.ts";

const decoder = createDecoder();

function accepted(text: string, from: Party = "agent", to: Party = "hub"): boolean {
  return !isViolation(decoder.decode(text, from, to));
}

const EXAMPLES: readonly Frame[] = [
  HELLO,
  {
    type: "welcome",
    link_id: "l",
    limits: { invoke_bytes: 4096, answer_bytes: 4096, credit_bytes: 4096, turns: 1 },
  },
  {
    type: "session",
    session_id: "s",
    agent_id: "a",
    status: "active",
    scopes: ["inference"],
    expires_at: null,
    models: [{ id: "m", capabilities: ["completion"] }],
  },
  askOf("t1"),
  { type: "model_stream_chunk", id: "t1", chunk_index: 0, delta: { content: "é" } },
  { type: "model_result", id: "t1", status: "error", error: { code: "x", message: "" } },
  {
    type: "tool_results",
    id: "t2",
    session_id: "s",
    resumes: "t1",
    model: "m",
    stream: true,
    results: [{ tool_call_id: "c", content: "42" }],
    deadline_ms: 1,
  },
  { type: "cancel", id: "t1", reason: "client_cancelled" },
  { type: "flow", id: "t1", credit: 1 },
  { type: "error", error: { code: "x", message: "" } },
  { type: "ping", timestamp: 1 },
  { type: "pong", timestamp: 1 },
];

const MAY: Record<string, readonly string[]> = {
  "agent hub": ["hello", "model_stream_chunk", "model_result", "error", "ping", "pong"],
  "provider hub": [
    ...["hello", "model_invoke", "tool_results", "cancel", "flow", "error", "ping", "pong"],
  ],
  "hub agent": [
    ...["welcome", "session", "model_invoke", "tool_results", "cancel", "flow"],
    ...["error", "ping", "pong"],
  ],
  "hub provider": [
    ...["welcome", "session", "model_stream_chunk", "model_result", "error", "ping", "pong"],
  ],
};

describe("who may say what", () => {
  test("there is an example of every frame", () => {
    expect(EXAMPLES.map(({ type }) => type).sort()).toEqual(
      (Object.keys(FRAMES) as Frame["type"][]).sort(),
    );
  });

  for (const [direction, types] of Object.entries(MAY)) {
    const [from, to] = direction.split(" ") as [Party, Party];
    test(`from ${from} to ${to} exactly these frames pass: ${types.join(", ")}`, () => {
      const passing = EXAMPLES.filter((frame) => accepted(encodeFrame(frame), from, to));
      expect(passing.map(({ type }) => type).sort()).toEqual([...types].sort() as never);
    });
  }

  test("an agent can neither approve nor register: the word for it does not exist", () => {
    for (const type of ["approve", "register", "session"]) {
      expect(accepted(JSON.stringify({ ...EXAMPLES[2], type }))).toBe(false);
    }
  });
});

describe("every schema is closed", () => {
  test.each(EXAMPLES.map((frame) => [frame.type, frame] as const))(
    "%s refuses an unknown field and a missing one",
    (type, frame) => {
      const check = TypeCompiler.Compile(FRAMES[type]);
      expect(check.Check(frame)).toBe(true);
      expect(check.Check({ ...frame, surprise: 1 })).toBe(false);
      const fields = Object.keys(frame).filter((key) => key !== "type" && key !== "error");
      for (const field of fields) {
        const { [field as "type"]: _, ...rest } = frame;
        if (type === "error" && field === "id") continue;
        expect(check.Check(rest)).toBe(false);
      }
    },
  );

  test("no object below a frame is open but the JSON Schemas that tools carry", () => {
    const open: string[] = [];
    const walk = (schema: unknown, path: string): void => {
      if (typeof schema !== "object" || schema === null) return;
      if ("type" in schema && schema.type === "object" && !("patternProperties" in schema)) {
        const closed = "additionalProperties" in schema && schema.additionalProperties === false;
        if (!closed) open.push(path);
      }
      for (const [key, value] of Object.entries(schema)) walk(value, `${path}/${key}`);
    };
    walk(FRAMES, "");
    const names = open.map((path) => path.split("/").at(-1));
    expect(names.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
      "parameters",
      "schema",
    ]);
  });
});

describe("hostile text", () => {
  test.each([
    "",
    "{",
    "null",
    "[]",
    '"x"',
    "1",
    "{}",
    '{"type":"nothing"}',
    '{"type":"toString"}',
    '{"type":"__proto__"}',
    '{"type":["ping"]}',
    '{"type":"ping","timestamp":"1"}',
    '{"type":"ping","timestamp":1,"__proto__":{"admin":true}}',
    '{"type":"model_stream_chunk","id":"","chunk_index":0,"delta":{"content":""}}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":-1,"delta":{"content":""}}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":0.5,"delta":{"content":""}}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":1e300,"delta":{"content":""}}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":0,"delta":null}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":0,"delta":{"content":null}}',
    '{"type":"model_stream_chunk","id":"a","chunk_index":0,"delta":{"content":"","x":1}}',
  ])("%s is a violation and never a throw", (text) => {
    expect(accepted(text)).toBe(false);
  });

  test("a million nested arrays are refused quickly", () => {
    expect(accepted("[".repeat(1_000_000) + "]".repeat(1_000_000))).toBe(false);
    const deep = `{"type":"error","error":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect(accepted(deep)).toBe(false);
  });

  test.each([
    ["a tool", '"tools":[{"type":"function","function":{"name":"t","parameters":SCHEMA}}]'],
    [
      "an answer",
      '"response_format":{"type":"json_schema","json_schema":{"name":"t","schema":SCHEMA}}',
    ],
  ])("the schema of %s may be 64 deep and no deeper", (_, field) => {
    const ask = (depth: number) => {
      const schema = `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;
      const carrier = field.replace("SCHEMA", () => schema);
      const payload = `{"kind":"chat","model":"m","messages":[],"parameters":{},${carrier}}`;
      return JSON.stringify({ ...askOf("t1"), payload: 0 }).replace(
        '"payload":0',
        () => `"payload":${payload}`,
      );
    };
    expect(accepted(ask(64), "provider")).toBe(true);
    expect(accepted(ask(80), "provider")).toBe(false);
    expect(accepted(ask(200_000), "provider")).toBe(false);
  });

  test("a violation names the turn when it can, so that only that turn pays", () => {
    const text = '{"type":"model_stream_chunk","id":"t7","chunk_index":0,"delta":{"content":1}}';
    expect(decoder.decode(text, "agent", "hub")).toMatchObject({
      type: "model_stream_chunk",
      id: "t7",
    });
  });
});

describe("chunks written by hand", () => {
  test("are what JSON.stringify would write, whatever the text and the id", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.string({ unit: "binary" }),
        (id, index, content) => {
          const text = encodeChunk(
            chunkPrefix(id),
            index,
            `"delta":{"content":${JSON.stringify(content)}}`,
          );
          const frame = { type: "model_stream_chunk", id, chunk_index: index, delta: { content } };
          expect(text).toBe(JSON.stringify(frame));
          expect(decoder.decode(text, "agent", "hub")).toEqual(frame as Frame);
          expect(frameBytes(text)).toBe(new TextEncoder().encode(text).length);
        },
      ),
    );
  });

  test("the cheap check accepts nothing that the schema refuses", () => {
    const check = TypeCompiler.Compile(ChunkFrame);
    const odd = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
    const delta = fc.oneof(
      odd,
      fc.dictionary(fc.constantFrom("content", "reasoning", "tool_calls", "x"), odd),
    );
    const frame = fc.record(
      {
        type: fc.constant("model_stream_chunk"),
        id: odd,
        chunk_index: odd,
        delta,
        finish_reason: fc.constantFrom("stop", "nope"),
        extra: odd,
      },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(frame, (value) => {
        const text = JSON.stringify(value);
        expect(accepted(text)).toBe(check.Check(JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });
});
