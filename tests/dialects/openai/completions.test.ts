import { describe, expect, test } from "bun:test";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import * as fc from "fast-check";
import { AppError } from "../../../src/core/error.ts";
import type { Usage } from "../../../src/core/event.ts";
import { decodeCompletion, decodeFim } from "../../../src/dialects/openai/completions-decode.ts";
import { createCompletionStream } from "../../../src/dialects/openai/completions-encode.ts";
import {
  Completion,
  CompletionChunk,
  CompletionRequest,
  FimRequest,
} from "../../../src/dialects/openai/completions-schema.ts";
import { createSseDecoder } from "../../../src/wire/sse.ts";

const completionCheck = TypeCompiler.Compile(CompletionRequest);
const fimCheck = TypeCompiler.Compile(FimRequest);
const accepts = (fields: object) => completionCheck.Check({ model: "m", prompt: "x", ...fields });
const META = { id: "answer-1", model: "m", created: 0 };

describe("a completion request", () => {
  test.each([
    ["prompt", 5],
    ["prompt", ["x", 1]],
    ["prompt", [null]],
    ["prompt", {}],
    ["suffix", 5],
    ["echo", "yes"],
    ["best_of", 0],
    ["n", 0],
    ["stream", "true"],
    ["stop", 5],
    ["max_tokens", 1.5],
    ["model", ""],
  ])("with a wrong %s (%j) is refused", (field, value) => {
    expect(accepts({ [field]: value })).toBe(false);
  });

  test("may carry any field that we do not know", () => {
    expect(accepts({ options: { num_ctx: 1 }, logprobs: 5, logit_bias: { "50256": -100 } })).toBe(
      true,
    );
    expect(fimCheck.Check({ model: "m", prompt: "x", min_tokens: null, random_seed: 1 })).toBe(
      true,
    );
    expect(fimCheck.Check({ model: "m", suffix: "x" })).toBe(false);
  });

  test("has its text passed on to the letter, and its echo is the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (prompt) => {
        const { requests, echoes } = decodeCompletion({ model: "m", prompt: [prompt], echo: true });
        expect([requests[0].prompt, echoes]).toEqual([prompt, [prompt]]);
      }),
    );
  });

  test("with a suffix may have nothing before the cursor, and an empty suffix is one", () => {
    const [request] = decodeCompletion({ model: "m", prompt: "", suffix: "" }).requests;
    expect(request).toMatchObject({ prompt: "", suffix: "" });
    expect(decodeCompletion({ model: "m", suffix: "x" }).requests[0]).toMatchObject({ prompt: "" });
    const [plain] = decodeCompletion({ model: "m", prompt: "x", suffix: null }).requests;
    expect(plain).not.toHaveProperty("suffix");
  });

  test("without anything to go on from is refused", () => {
    for (const prompt of [undefined, null, "", [], [""]]) {
      const body = prompt === undefined ? { model: "m" } : { model: "m", prompt };
      expect(() => decodeCompletion(body)).toThrow(
        expect.objectContaining({ code: "invalid_request", param: "prompt" }),
      );
    }
  });

  test("with several prompts is as many requests, all else the same, in their order", () => {
    const body = { model: "m", stream: true, suffix: "end", max_tokens: 5, echo: true };
    const { requests, echoes } = decodeCompletion({ ...body, prompt: ["a", "", "c"] });
    const common = { kind: "completion" as const, model: "m", stream: true, suffix: "end" };
    expect([...requests]).toEqual(
      ["a", "", "c"].map((prompt) => ({ ...common, prompt, parameters: { maxTokens: 5 } })),
    );
    expect(echoes).toEqual(["a", "", "c"]);
    expect(decodeCompletion({ model: "m", prompt: ["a", "b"] }).echoes).toEqual(["", ""]);
  });

  test.each([
    ["an empty one among them", ["a", "b", ""], "prompt[2]"],
    ["only empty ones", ["", ""], "prompt[0]"],
    ["more than twenty", Array.from({ length: 21 }, () => "a"), "prompt"],
  ])("with several prompts, %s, is refused by name", (_what, prompt, param) => {
    expect(() => decodeCompletion({ model: "m", prompt })).toThrow(
      expect.objectContaining({ code: "invalid_request", param }),
    );
  });

  test("may have twenty prompts, and with a suffix a list of none is none", () => {
    const prompt = Array.from({ length: 20 }, (_, index) => `p${index}`);
    expect(decodeCompletion({ model: "m", prompt }).requests).toHaveLength(20);
    expect(() => decodeCompletion({ model: "m", prompt: [], suffix: "x" })).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "prompt" }),
    );
  });

  test.each([[[1, 2]], [[[1], [2]]]])("of tokens (%j) is refused", (prompt) => {
    expect(() => decodeCompletion({ model: "m", prompt })).toThrow(
      expect.objectContaining({ code: "unsupported", param: "prompt" }),
    );
  });

  test("of the other route always asks to fill in, and for one answer", () => {
    expect(decodeFim({ model: "m", prompt: "x" }).request).toMatchObject({ suffix: "" });
    expect(() => decodeFim({ model: "m", prompt: "x", n: 2 })).toThrow(
      expect.objectContaining({ code: "unsupported", param: "n" }),
    );
  });
});

describe("a streamed completion", () => {
  const open = () => createCompletionStream(META, { includeUsage: true, echoes: [""] });

  test("is the text in order, whatever it is, and says its end once", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
        const stream = open();
        const events = texts.map((text) => stream.event({ type: "text-delta", text }));
        const wire =
          stream.start() + events.join("") + stream.event({ type: "finish", reason: "stop" });
        const decoder = createSseDecoder();
        const data = [...decoder.push(wire), ...decoder.end()].map((message) => message.data);
        expect(data.pop()).toBe("[DONE]");
        const choices = data.flatMap((json) => (JSON.parse(json) as CompletionChunk).choices);
        expect(choices.map(({ text }) => text).join("")).toBe(texts.join("").toWellFormed());
        expect(choices.filter((choice) => choice.finish_reason !== null)).toHaveLength(1);
      }),
    );
  });

  test("of several prompts is one answer after the other, each with its own echo and end", () => {
    const texts = fc.array(fc.array(fc.string({ unit: "binary" })), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(texts, (answers) => {
        const echoes = answers.map((_, index) => (index % 2 === 0 ? `echo ${index}` : ""));
        const stream = createCompletionStream(META, { includeUsage: false, echoes });
        const start = stream.start();
        const wire = answers.flatMap((parts) => [
          ...parts.map((text) => stream.event({ type: "text-delta", text })),
          stream.event({ type: "finish", reason: "stop" }),
        ]);
        const decoder = createSseDecoder();
        const data = decoder.push([start, ...wire].join("")).map((each) => each.data);
        expect(data.pop()).toBe("[DONE]");
        const choices = data.flatMap((json) => (JSON.parse(json) as CompletionChunk).choices);
        const places = choices.map(({ index }) => index);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        for (const [index, parts] of answers.entries()) {
          const own = choices.filter((choice) => choice.index === index);
          const said = (echoes[index] + parts.join("")).toWellFormed();
          expect(own.map(({ text }) => text).join("")).toBe(said);
          expect(own.findIndex((choice) => choice.finish_reason !== null)).toBe(own.length - 1);
        }
      }),
    );
  });

  test("of several prompts ends with what all used, and with nothing where one is not known", () => {
    const finish = (usage?: Usage) =>
      ({ type: "finish", reason: "stop", ...(usage && { usage }) }) as const;
    const one = { promptTokens: 1, completionTokens: 2, cachedTokens: 3 };
    const other = { promptTokens: 10, completionTokens: 20, estimated: true };
    const ofBoth = createCompletionStream(META, { includeUsage: true, echoes: ["", ""] });
    expect(ofBoth.event(finish(one))).not.toContain("usage");
    expect(ofBoth.event(finish(other))).toContain(
      `"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":3},"estimated":true}`,
    );
    const ofOne = createCompletionStream(META, { includeUsage: true, echoes: ["", ""] });
    expect(ofOne.event(finish()) + ofOne.event(finish(one))).not.toContain("usage");
  });

  test("has no place for tools and vectors, and calls their end a stop", () => {
    const stream = open();
    expect(stream.event({ type: "tool-call-start", id: "a", name: "f" })).toBe("");
    expect(stream.event({ type: "tool-call-delta", id: "a", arguments: "{}" })).toBe("");
    expect(stream.event({ type: "embeddings", vectors: [[1]] })).toBe("");
    expect(stream.event({ type: "finish", reason: "tool_calls" })).toContain(
      '"finish_reason":"stop"',
    );
  });

  test("ends in its failure, without choices and without [DONE]", () => {
    const frame = open().error(new AppError("agent_lost", "Gone."));
    expect(frame).toBe(
      `data: {"error":{"message":"Gone.","type":"api_error","param":null,"code":"agent_lost"}}\n\n`,
    );
  });
});

test("every object of the schemas says whether it takes unknown fields", () => {
  const objects = [Completion, CompletionChunk, CompletionRequest, FimRequest].flatMap(objectsIn);
  expect(objects.length).toBeGreaterThan(10);
  expect(objects.filter((each) => typeof each.additionalProperties !== "boolean")).toEqual([]);
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
