import { describe, expect, test } from "bun:test";
import type { TSchema } from "@sinclair/typebox";
import * as schemas from "../../../src/dialects/openai/schema.ts";
import { acceptsChat, acceptsEmbeddings } from "./support.ts";

const chat = (fields: object) => ({
  model: "m",
  messages: [{ role: "user", content: "x" }],
  ...fields,
});
const message = (fields: object) => chat({ messages: [{ role: "user", ...fields }] });

describe("a chat request", () => {
  test("needs a model and messages", () => {
    expect(acceptsChat(chat({}))).toBe(true);
    expect(acceptsChat(chat({ model: undefined }))).toBe(false);
    expect(acceptsChat(chat({ model: "" }))).toBe(false);
    expect(acceptsChat(chat({ messages: null }))).toBe(false);
    expect(acceptsChat([])).toBe(false);
  });

  test("may carry any field that we do not know, anywhere", () => {
    expect(acceptsChat(chat({ options: { num_ctx: 1 }, think: true, keep_alive: -1 }))).toBe(true);
    expect(acceptsChat(message({ anthropicReasoning: [], cot_id: 1 }))).toBe(true);
    expect(acceptsChat(message({ content: [{ type: "new", new: {} }] }))).toBe(true);
    expect(acceptsChat(chat({ tools: [{ type: "web_search", x: 1 }] }))).toBe(true);
  });

  test.each([
    ["stream", "true"],
    ["stream_options", "yes"],
    ["temperature", "0.5"],
    ["top_p", {}],
    ["max_tokens", 1.5],
    ["max_tokens", -2],
    ["max_completion_tokens", "5"],
    ["stop", 5],
    ["stop", [1]],
    ["seed", "1"],
    ["n", 0],
    ["tools", {}],
    ["tools", [null]],
    ["tools", [{ function: { name: "f", parameters: [] } }]],
    ["tools", [{ function: { name: 1 } }]],
    ["tool_choice", 1],
    ["functions", [{}]],
    ["response_format", "json"],
    ["reasoning_effort", 1],
    ["parallel_tool_calls", "no"],
    ["messages", "hello"],
    ["messages", [null]],
    ["messages", [{ content: "x" }]],
  ])("with a wrong %s (%j) is refused", (field, value) => {
    expect(acceptsChat(chat({ [field]: value }))).toBe(false);
  });

  test.each([
    ["content", 5],
    ["content", { type: "text" }],
    ["content", [{ type: "text", text: 5 }]],
    ["content", ["text"]],
    ["content", [{ type: "image_url", image_url: { url: 1 } }]],
    ["tool_calls", {}],
    ["tool_calls", [{ id: "a" }]],
    ["tool_calls", [{ function: { name: "f", arguments: 5 } }]],
    ["tool_call_id", 5],
    ["parts", "x"],
    ["reasoning", {}],
  ])("with a message whose %s is %j is refused", (field, value) => {
    expect(acceptsChat(message({ [field]: value }))).toBe(false);
  });
});

describe("an embeddings request", () => {
  test.each([["x"], [["x", "y"]], [[1, 2]], [[[1], [2]]], [[]]])(
    "may have %j as input",
    (input) => {
      expect(acceptsEmbeddings({ model: "m", input })).toBe(true);
    },
  );

  test.each([[null], [5], [["x", 1]], [[null]], [{}]])("may not have %j as input", (input) => {
    expect(acceptsEmbeddings({ model: "m", input })).toBe(false);
  });

  test("knows two encodings", () => {
    const accepts = (encoding_format: unknown) =>
      acceptsEmbeddings({ model: "m", input: "x", encoding_format });
    expect([accepts("float"), accepts("base64"), accepts(null)]).toEqual([true, true, true]);
    expect([accepts("int8"), accepts(1)]).toEqual([false, false]);
  });
});

test("every object of every schema says whether it takes unknown fields", () => {
  const objects = Object.values(schemas as Record<string, TSchema>).flatMap(objectsIn);
  expect(objects.length).toBeGreaterThan(50);
  expect(objects.filter((object) => typeof object.additionalProperties !== "boolean")).toEqual([]);
});

interface ObjectSchema {
  readonly type: "object";
  readonly additionalProperties?: unknown;
}

function objectsIn(value: unknown): ObjectSchema[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value)
    .filter(([key]) => key !== "examples")
    .flatMap(([, child]) => objectsIn(child));
  return "type" in value && value.type === "object" ? [value as ObjectSchema, ...inner] : inner;
}
