import { describe, expect, test } from "bun:test";
import type { TSchema } from "@sinclair/typebox";
import * as answers from "../../../src/dialects/anthropic/answer-schema.ts";
import * as requests from "../../../src/dialects/anthropic/schema.ts";
import { acceptsCount, acceptsMessages } from "./support.ts";

const body = (fields: object) => ({
  model: "m",
  max_tokens: 5,
  messages: [{ role: "user", content: "x" }],
  ...fields,
});
const message = (fields: object) => body({ messages: [{ role: "user", ...fields }] });
const block = (fields: object) => message({ content: [{ type: "text", ...fields }] });

describe("a messages request", () => {
  test("needs a model and messages, and no limit of tokens", () => {
    expect(acceptsMessages(body({}))).toBe(true);
    expect(acceptsMessages(body({ max_tokens: undefined }))).toBe(true);
    expect(acceptsMessages(body({ model: undefined }))).toBe(false);
    expect(acceptsMessages(body({ model: "" }))).toBe(false);
    expect(acceptsMessages(body({ messages: null }))).toBe(false);
    expect(acceptsMessages("hello")).toBe(false);
  });

  test("may carry any field that we do not know, anywhere", () => {
    const fields = { mcp_servers: [{}], container: "c", inference_geo: null, speed: "fast" };
    expect(acceptsMessages(body(fields))).toBe(true);
    expect(acceptsMessages(message({ id: "msg_1", usage: {} }))).toBe(true);
    expect(acceptsMessages(block({ cache_control: { type: "ephemeral", ttl: "1h" } }))).toBe(true);
    expect(acceptsMessages(body({ tools: [{ type: "computer_20250124", name: "c", x: 1 }] }))).toBe(
      true,
    );
    expect(acceptsMessages(body({ thinking: { type: "enabled", budget_tokens: 1 } }))).toBe(true);
  });

  test.each([
    ["stream", "true"],
    ["max_tokens", 0],
    ["max_tokens", 1.5],
    ["max_tokens", "5"],
    ["system", 5],
    ["system", [{ text: "no type" }]],
    ["temperature", "0.5"],
    ["top_p", {}],
    ["top_k", 1.5],
    ["stop_sequences", "x"],
    ["stop_sequences", [1]],
    ["tools", {}],
    ["tools", [null]],
    ["tools", [{ name: 1 }]],
    ["tools", [{ name: "f", input_schema: [] }]],
    ["tool_choice", "auto"],
    ["tool_choice", { name: "f" }],
    ["thinking", "enabled"],
    ["output_config", { effort: 3 }],
    ["messages", "hello"],
    ["messages", [null]],
    ["messages", [{ content: "x" }]],
  ])("with a wrong %s (%j) is refused", (field, value) => {
    expect(acceptsMessages(body({ [field]: value }))).toBe(false);
  });

  test.each([
    ["text", 5],
    ["source", 5],
    ["source", { data: 5 }],
    ["input", []],
    ["is_error", "yes"],
    ["content", [{ text: "no type" }]],
    ["tool_use_id", 5],
  ])("with a block whose %s is %j is refused", (field, value) => {
    expect(acceptsMessages(block({ [field]: value }))).toBe(false);
  });
});

test("a request to count tokens needs no limit, and takes whatever a message takes", () => {
  expect(acceptsCount({ model: "m", messages: [] })).toBe(true);
  expect(acceptsCount(body({ system: "s", tools: [], thinking: null }))).toBe(true);
  expect(acceptsCount({ model: "m" })).toBe(false);
});

test("every object of every schema says whether it takes unknown fields", () => {
  const schemas = { ...requests, ...answers } as Record<string, TSchema>;
  const objects = Object.values(schemas).flatMap(objectsIn);
  expect(objects.length).toBeGreaterThan(40);
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
