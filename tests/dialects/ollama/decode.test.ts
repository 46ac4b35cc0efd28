// What the golden cases do not say about Ollama's requests: load and unload, embeddings, tool call ids, tolerance.

import { describe, expect, test } from "bun:test";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import * as fc from "fast-check";
import { AppError } from "../../../src/core/error.ts";
import { decodeMessages } from "../../../src/dialects/ollama/decode-messages.ts";
import {
  decodeChat,
  decodeEmbed,
  decodeEmbeddings,
  decodeGenerate,
  decodeModelName,
} from "../../../src/dialects/ollama/decode.ts";
import {
  ChatRequest,
  EmbedRequest,
  EmbeddingsRequest,
  GenerateRequest,
  PullRequest,
  ShowRequest,
} from "../../../src/dialects/ollama/schema.ts";

const MODEL = "cursor-agent";
const HELLO = [{ role: "user", content: "Hello" }];

describe("load and unload", () => {
  test.each([undefined, null, -1, 1800, 300.5, "5m", "10s", "-1", ""])(
    "a chat without messages and keep_alive %p loads",
    (keep_alive) => {
      const body = { model: MODEL, messages: [], ...(keep_alive !== undefined && { keep_alive }) };
      expect(decodeChat(body)).toEqual({ action: "load", model: MODEL });
    },
  );

  test.each([0, -0, "0", "0s", "0m", "0h0m0s", "0.0s"])(
    "a chat without messages and keep_alive %p unloads",
    (keep_alive) => {
      const unload = { action: "unload" as const, model: MODEL };
      expect(decodeChat({ model: MODEL, messages: null, keep_alive })).toEqual(unload);
      expect(decodeGenerate({ model: MODEL, prompt: "", keep_alive })).toEqual(unload);
    },
  );

  test("a chat with messages and keep_alive 0 is answered", () => {
    expect(decodeChat({ model: MODEL, messages: HELLO, keep_alive: 0 }).action).toBe("run");
  });

  test("an image without a prompt is a question", () => {
    expect(decodeGenerate({ model: MODEL, images: ["AAAA"] })).toMatchObject({
      action: "run",
      request: { kind: "chat", messages: [{ role: "user", content: [{ type: "image" }] }] },
    });
  });

  test("an empty suffix is none where the prompt is not raw", () => {
    expect(decodeGenerate({ model: MODEL, prompt: "Hi", suffix: "" })).toMatchObject({
      request: { kind: "chat" },
    });
  });
});

describe("streaming", () => {
  test.each([
    [undefined, true],
    [null, true],
    [true, true],
    [false, false],
  ])("stream %p means %p", (stream, expected) => {
    const said = stream === undefined ? {} : { stream };
    expect(decodeChat({ model: MODEL, messages: HELLO, ...said })).toMatchObject({
      request: { stream: expected },
    });
    expect(decodeGenerate({ model: MODEL, prompt: "a", raw: true, ...said })).toMatchObject({
      request: { kind: "completion", stream: expected },
    });
  });
});

describe("thinking", () => {
  test.each([
    [undefined, undefined, false],
    [null, undefined, false],
    [true, undefined, false],
    ["", undefined, false],
    ["max", "max", false],
    ["none", "none", true],
    [false, "none", true],
    ["false", "none", true],
    ["true", undefined, false],
  ])("think %p asks for effort %p and hides it: %p", (think, effort, hidden) => {
    const decoded = decodeChat({
      model: MODEL,
      messages: HELLO,
      ...(think !== undefined && { think }),
    });
    if (decoded.action !== "run") throw new Error("expected a run");
    expect(decoded.request.parameters.reasoningEffort).toBe(effort);
    expect(decoded.hideThinking).toBe(hidden);
  });
});

describe("limits", () => {
  test.each([
    [{ num_predict: 5 }, 5],
    [{ num_predict: 0 }, undefined],
    [{ num_predict: -1 }, undefined],
    [{ num_predict: -2 }, undefined],
    [{ num_predict: 0.5 }, undefined],
    [{ max_tokens: 7 }, 7],
    [{ num_predict: null, max_tokens: 7 }, 7],
    [{ num_predict: 5, max_tokens: 7 }, 5],
    [{ num_predict: -1, max_tokens: 7 }, undefined],
    [{}, undefined],
  ])("options %j mean %p tokens", (options, maxTokens) => {
    const decoded = decodeChat({ model: MODEL, messages: HELLO, options });
    expect(decoded).toMatchObject({ action: "run", request: { kind: "chat" } });
    expect(decoded.action === "run" && decoded.request.parameters.maxTokens).toBe(maxTokens);
  });

  test("what the client did not say is not in the parameters", () => {
    const decoded = decodeChat({
      model: MODEL,
      messages: HELLO,
      options: { seed: -1, stop: ["", null] },
    });
    expect(decoded).toMatchObject({ request: { parameters: {} } });
    expect(decoded.action === "run" && Object.keys(decoded.request.parameters)).toEqual([]);
  });
});

describe("a text to go on from", () => {
  test("keeps prompt and suffix to the letter and leaves system, template, context and format out", () => {
    const prompt = " \u0000<script>x</script>\r\n\t";
    const body = {
      model: MODEL,
      prompt,
      suffix: " \n",
      raw: true,
      system: "s",
      template: "t",
      context: [1],
      format: "json",
    };
    expect(decodeGenerate(body)).toEqual({
      action: "run",
      hideThinking: false,
      request: {
        kind: "completion",
        model: MODEL,
        stream: true,
        prompt,
        suffix: " \n",
        parameters: {},
      },
    });
  });
});

describe("a raw prompt", () => {
  test("with a gap in a code model's marks asks to fill it in, to the end of a file as well", () => {
    const prompt = "<fim_prefix>const a = <fim_suffix><fim_middle>";
    expect(decodeGenerate({ model: MODEL, prompt, raw: true })).toMatchObject({
      request: { kind: "completion", prompt: "const a = ", suffix: "" },
    });
  });

  test("with an empty suffix is an autocomplete at the end of its file", () => {
    expect(decodeGenerate({ model: MODEL, prompt: "a = ", raw: true, suffix: "" })).toMatchObject({
      request: { kind: "completion", prompt: "a = ", suffix: "" },
    });
    const more = { model: MODEL, prompt: "a = ", raw: true, suffix: "", format: "json" } as const;
    expect(decodeGenerate(more)).toMatchObject({ request: { kind: "chat" } });
    const marked = "<fim_prefix>a<fim_suffix>b<fim_middle>";
    expect(decodeGenerate({ model: MODEL, prompt: marked, raw: true, suffix: "" })).toMatchObject({
      request: { prompt: "a", suffix: "b" },
    });
  });

  test("keeps marks that are text: beside a suffix, and where it is not raw", () => {
    const prompt = "<fim_prefix>a<fim_suffix>b<fim_middle>";
    expect(decodeGenerate({ model: MODEL, prompt, raw: true, suffix: "c" })).toMatchObject({
      request: { prompt, suffix: "c" },
    });
    expect(decodeGenerate({ model: MODEL, prompt })).toMatchObject({
      request: { kind: "chat", messages: [{ content: [{ type: "text", text: prompt }] }] },
    });
  });
});

describe("embeddings", () => {
  test("one text and a list become a list", () => {
    const request = { kind: "embedding", model: MODEL, stream: false, parameters: {} } as const;
    const one = {
      action: "run",
      hideThinking: false,
      request: { ...request, input: ["a"] },
    } as const;
    expect(decodeEmbed({ model: MODEL, input: "a" })).toEqual(one);
    expect(decodeEmbeddings({ model: MODEL, prompt: "a" })).toEqual(one);
    expect(decodeEmbed({ model: MODEL, input: ["a", ""], dimensions: 8 })).toEqual({
      ...one,
      request: { ...request, input: ["a", ""], dimensions: 8 },
    });
    expect(decodeEmbed({ model: MODEL, input: "a", dimensions: 0 })).toEqual(one);
    expect(decodeEmbed({ model: MODEL, input: "a", dimensions: -1 })).toEqual(one);
  });

  test("nothing to embed is a load call", () => {
    const load = { action: "load" as const, model: MODEL };
    expect(decodeEmbed({ model: MODEL })).toEqual(load);
    expect(decodeEmbed({ model: MODEL, input: "" })).toEqual(load);
    expect(decodeEmbed({ model: MODEL, input: [] })).toEqual(load);
    expect(decodeEmbeddings({ model: MODEL, prompt: null })).toEqual(load);
  });
});

describe("the model of a show call", () => {
  test("is named by model or name, model first", () => {
    expect(decodeModelName({ model: "a", name: "b" })).toBe("a");
    expect(decodeModelName({ model: "", name: "b" })).toBe("b");
    expect(decodeModelName({ name: "b" })).toBe("b");
  });

  test("is required", () => {
    expect(() => decodeModelName({ model: null })).toThrow(AppError);
  });
});

describe("tool call ids", () => {
  const callOf = (name: string) => ({ function: { name, arguments: {} } });

  test("every result of calls without ids gets the id of a call of its own", () => {
    const name = fc.constantFrom("a", "b", "c");
    const round = fc.array(name, { minLength: 1, maxLength: 4 }).chain((names) =>
      fc.record({
        names: fc.constant(names),
        answers: fc.shuffledSubarray(names, { minLength: names.length }),
      }),
    );
    fc.assert(
      fc.property(fc.array(round, { maxLength: 4 }), (rounds) => {
        const messages = rounds.flatMap(({ names, answers }) => [
          { role: "assistant", content: "", tool_calls: names.map(callOf) },
          ...answers.map((tool_name) => ({ role: "tool", tool_name, content: "x" })),
        ]);
        const decoded = decodeMessages(messages);
        const calls = decoded.flatMap((m) => (m.role === "assistant" ? (m.toolCalls ?? []) : []));
        const results = decoded.flatMap((m) => (m.role === "tool" ? [m] : []));
        expect(new Set(calls.map((call) => call.id)).size).toBe(calls.length);
        expect(results.map((r) => `${r.toolCallId} ${r.name}`).sort()).toEqual(
          calls.map((call) => `${call.id} ${call.name}`).sort(),
        );
      }),
    );
  });

  test("a result under an unknown name answers the first call that waits", () => {
    const [, result] = decodeMessages([
      { role: "assistant", tool_calls: [callOf("read_file")] },
      { role: "tool", tool_name: "functions.read_file", content: "x" },
    ]);
    expect(result).toMatchObject({ toolCallId: "call_0_0", name: "functions.read_file" });
  });

  test("an id the client sends is kept, known or not", () => {
    const [, result] = decodeMessages([
      { role: "assistant", tool_calls: [callOf("read_file")] },
      { role: "tool", tool_call_id: "elsewhere", content: "x" },
    ]);
    expect(result).toEqual({
      role: "tool",
      toolCallId: "elsewhere",
      content: [{ type: "text", text: "x" }],
    });
  });
});

describe("tolerance", () => {
  test.each([
    ["chat", ChatRequest, { model: MODEL }],
    ["generate", GenerateRequest, { model: MODEL }],
    ["show", ShowRequest, {}],
    ["pull", PullRequest, {}],
    ["embed", EmbedRequest, { model: MODEL }],
    ["embeddings", EmbeddingsRequest, { model: MODEL }],
  ])("%s takes unknown fields, and null for every optional one", (_name, schema, required) => {
    const check = TypeCompiler.Compile(schema);
    const optional = Object.keys(schema.properties).filter((key) => !(key in required));
    const nulls = Object.fromEntries(optional.map((key) => [key, null]));
    expect(check.Check({ ...required, ...nulls, surprise: { deep: [1] } })).toBe(true);
    for (const key of optional) {
      expect(check.Check({ ...required, [key]: Symbol.iterator })).toBe(false);
    }
  });

  test.each([
    { model: 5, messages: [] },
    { model: "", messages: [] },
    { messages: [] },
    { model: MODEL, messages: {} },
    { model: MODEL, messages: [{ content: "Hi" }] },
    { model: MODEL, messages: [{ role: "user", images: "AAAA" }] },
    { model: MODEL, stream: "yes" },
    { model: MODEL, options: [] },
    { model: MODEL, options: { num_predict: "5" } },
    { model: MODEL, options: { temperature: "warm" } },
    { model: MODEL, options: { stop: [5] } },
    { model: MODEL, tools: [{ function: {} }] },
    { model: MODEL, format: 5 },
    { model: MODEL, think: 1 },
  ])("a chat of the wrong type is refused: %j", (body) => {
    expect(TypeCompiler.Compile(ChatRequest).Check(body)).toBe(false);
  });

  test("every object in the schemas says that it lets unknown fields through", () => {
    const text = JSON.stringify([ChatRequest, GenerateRequest, ShowRequest, EmbedRequest]);
    const objects = text.split('"type":"object"').length - 1;
    expect(objects).toBeGreaterThan(10);
    expect(text.split('"additionalProperties":true').length - 1).toBe(objects);
  });
});
