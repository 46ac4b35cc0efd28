// What is sent to an upstream, field for field.

import { describe, expect, test } from "bun:test";
import { encodeRequest } from "../../../src/agents/openai/encode.ts";
import { type Habits, NO_HABITS, learnFromRefusal } from "../../../src/agents/openai/habits.ts";
import type { Model } from "../../../src/core/model.ts";
import type { Message, TurnRequest } from "../../../src/core/turn.ts";
import { chatRequest, text, user } from "../support.ts";

const UP: Model = { id: "up-1", capabilities: ["completion", "tools"] };

function bodyOf(request: TurnRequest, habits: Habits = NO_HABITS, model = UP) {
  return encodeRequest(request, model, habits).body;
}

describe("a chat request", () => {
  test("is small when the client asked for little, and always streams with its counts", () => {
    expect(encodeRequest(chatRequest("hi", { stream: false }), UP, NO_HABITS)).toEqual({
      path: "/chat/completions",
      body: {
        model: "up-1",
        messages: [{ role: "user", content: "hi" }],
        stream: true,
        stream_options: { include_usage: true },
      },
    });
  });

  test("carries every parameter that the client gave", () => {
    const parameters = {
      maxTokens: 9,
      temperature: 0,
      topP: 0.5,
      topK: 4,
      minP: 0.1,
      stop: ["END"],
      seed: 7,
      frequencyPenalty: -1,
      presencePenalty: 1,
      reasoningEffort: "low",
      parallelToolCalls: false,
    };
    expect(bodyOf(chatRequest("hi", { parameters, tools: [{ name: "t" }] }))).toMatchObject({
      max_tokens: 9,
      temperature: 0,
      top_p: 0.5,
      top_k: 4,
      min_p: 0.1,
      stop: ["END"],
      seed: 7,
      frequency_penalty: -1,
      presence_penalty: 1,
      reasoning_effort: "low",
      parallel_tool_calls: false,
    });
    expect(bodyOf(chatRequest("hi", { parameters }))).not.toHaveProperty("parallel_tool_calls");
  });

  test("says not to think only to a model that is known to think", () => {
    const request = chatRequest("hi", { parameters: { reasoningEffort: "none" } });
    expect(bodyOf(request)).not.toHaveProperty("reasoning_effort");
    const thinks: Model = { ...UP, capabilities: ["completion", "thinking"] };
    expect(bodyOf(request, NO_HABITS, thinks)).toMatchObject({ reasoning_effort: "none" });
    const low = chatRequest("hi", { parameters: { reasoningEffort: "low" } });
    expect(bodyOf(low)).toMatchObject({ reasoning_effort: "low" });
  });

  test("carries messages of every role, images and tool calls", () => {
    const messages: Message[] = [
      { role: "system", content: text("Be brief.") },
      {
        role: "user",
        name: "ann",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image", mediaType: "image/png", data: "AAAA" },
          { type: "image-url", url: "https://host.example/a.png" },
        ],
      },
      {
        role: "assistant",
        content: [],
        reasoning: "private",
        toolCalls: [{ id: "call_1", name: "look", arguments: '{"x": 1}' }],
      },
      { role: "tool", toolCallId: "call_1", content: text("a cat") },
      { role: "assistant", content: text("A cat.") },
    ];
    expect(bodyOf(chatRequest(messages))["messages"]).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        name: "ann",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
          { type: "image_url", image_url: { url: "https://host.example/a.png" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "look", arguments: '{"x": 1}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "a cat" },
      { role: "assistant", content: "A cat." },
    ]);
  });

  test("carries tools as the editor wrote them, and a choice only with tools", () => {
    const parameters = { properties: { path: { description: "no type" } } };
    const tools = [
      { name: "read", description: "Reads.", parameters, strict: true },
      { name: "list" },
    ];
    const toolChoice = { name: "read" };
    expect(bodyOf(chatRequest("hi", { tools, toolChoice }))).toMatchObject({
      tools: [
        {
          type: "function",
          function: { name: "read", description: "Reads.", parameters, strict: true },
        },
        {
          type: "function",
          function: { name: "list", parameters: { type: "object", properties: {} } },
        },
      ],
      tool_choice: { type: "function", function: { name: "read" } },
    });
    expect(bodyOf(chatRequest("hi", { tools, toolChoice: "required" }))).toMatchObject({
      tool_choice: "required",
    });
    const bare = bodyOf(chatRequest("hi", { tools: [], toolChoice: "auto" }));
    expect(bare).not.toHaveProperty("tools");
    expect(bare).not.toHaveProperty("tool_choice");
  });

  test("carries the wish for JSON, with a schema or without", () => {
    const schema = { type: "object" };
    expect(bodyOf(chatRequest("hi", { responseFormat: { type: "json" } }))).toMatchObject({
      response_format: { type: "json_object" },
    });
    const responseFormat = { type: "json-schema", name: "title", schema, strict: true } as const;
    expect(bodyOf(chatRequest("hi", { responseFormat }))).toMatchObject({
      response_format: {
        type: "json_schema",
        json_schema: { name: "title", schema, strict: true },
      },
    });
  });
});

describe("other requests", () => {
  test("a completion goes to /completions with its suffix", () => {
    const request: TurnRequest = {
      kind: "completion",
      model: "m",
      stream: true,
      prompt: "def f(",
      suffix: "return 1",
      parameters: { maxTokens: 64, stop: ["\n\n"] },
    };
    expect(encodeRequest(request, UP, NO_HABITS)).toEqual({
      path: "/completions",
      body: {
        model: "up-1",
        prompt: "def f(",
        suffix: "return 1",
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: 64,
        stop: ["\n\n"],
      },
    });
  });

  test("an embedding asks for numbers, not base64", () => {
    const request: TurnRequest = {
      kind: "embedding",
      model: "m",
      stream: false,
      input: ["a", "b"],
      dimensions: 8,
      parameters: {},
    };
    expect(encodeRequest(request, UP, NO_HABITS)).toEqual({
      path: "/embeddings",
      body: { model: "up-1", input: ["a", "b"], encoding_format: "float", dimensions: 8 },
    });
  });
});

describe("an upstream's habits", () => {
  const asked = chatRequest("hi", { parameters: { maxTokens: 5, topK: 3 } });
  const learn = (text: string, habits: Habits = NO_HABITS, status = 400) =>
    learnFromRefusal(habits, JSON.stringify(bodyOf(asked, habits)), { status, text });

  test("a refused field is left out from then on", () => {
    const habits = learn('{"error":{"message":"Unknown parameter: stream_options"}}');
    expect(bodyOf(asked, habits)).not.toHaveProperty("stream_options");
    expect(bodyOf(asked, habits)).toMatchObject({ stream: true, top_k: 3 });
    const more = learn("Unrecognized request argument supplied: top_k", habits);
    expect(bodyOf(asked, more)).not.toHaveProperty("top_k");
    expect(bodyOf(asked, more)).not.toHaveProperty("stream_options");
  });

  test("max_tokens gets its newer name where the old one is refused", () => {
    const habits = learn(
      "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
    );
    expect(bodyOf(asked, habits)).toMatchObject({ max_completion_tokens: 5 });
    expect(bodyOf(asked, habits)).not.toHaveProperty("max_tokens");
  });

  test("nothing is learned twice, from another status, or from a field that was not sent", () => {
    const once = learn("stream_options: no");
    expect(once && learn("stream_options: no", once)).toBeUndefined();
    expect(learn("stream_options: no", NO_HABITS, 500)).toBeUndefined();
    expect(learn("min_p is not supported")).toBeUndefined();
    expect(learn("your prompt is too long")).toBeUndefined();
  });

  test("an effort that is refused is left out from then on", () => {
    const high = chatRequest("hi", { parameters: { reasoningEffort: "high" } });
    expect(bodyOf(high)).toMatchObject({ reasoning_effort: "high" });
    const habits = learnFromRefusal(NO_HABITS, JSON.stringify(bodyOf(high)), {
      status: 400,
      text: "Unsupported value: 'reasoning_effort' does not support 'high' with this model.",
    });
    expect(habits && bodyOf(high, habits)).not.toHaveProperty("reasoning_effort");
  });

  test("reasoning goes back only under the name that the upstream itself uses", () => {
    const messages: Message[] = [
      user("a"),
      { role: "assistant", content: text("b"), reasoning: "why" },
    ];
    const sent = (habits: Habits) => bodyOf(chatRequest(messages), habits)["messages"];
    expect(JSON.stringify(sent(NO_HABITS))).not.toContain("why");
    const habits: Habits = { ...NO_HABITS, reasoningName: "reasoning" };
    expect(sent(habits)).toEqual([
      { role: "user", content: "a" },
      { role: "assistant", content: "b", reasoning: "why" },
    ]);
    const refused = learnFromRefusal(habits, JSON.stringify(sent(habits)), {
      status: 422,
      text: "reasoning: extra field",
    });
    expect(JSON.stringify(sent(refused ?? NO_HABITS))).not.toContain("why");
  });
});
