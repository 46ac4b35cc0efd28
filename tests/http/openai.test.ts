// OpenAI's own client on the routes of its dialect, over loopback, with agents of this process behind them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import OpenAI from "openai";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const key = SECRETS.MLP_API_KEY;
/** It only chats: it can neither fill in nor make vectors, and is the default agent. */
const chatty = anAgent(answer, {
  models: [
    { id: "chatty", capabilities: ["completion", "tools"] },
    { id: "Vendor/some model", capabilities: ["completion"] },
  ],
  requestedScopes: ["inference", "tools"],
});
const AUDIO = {
  role: "user",
  content: [{ type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }],
};

let composed: Composed;
let client: OpenAI;

beforeAll(async () => {
  const rehearsal = createRehearsal({ clock: createSystem().clock });
  composed = await compose([chatty, rehearsal]);
  client = new OpenAI({ apiKey: key, baseURL: `${composed.api}/v1` });
});
afterAll(() => composed[Symbol.asyncDispose]());

function answer({ request }: Turn): AsyncIterable<TurnEvent> {
  return JSON.stringify(request).includes("fail") ? fails() : says("Hello", " there.");
}

async function* fails(): AsyncGenerator<TurnEvent> {
  yield { type: "text-delta", text: "half " };
  throw new AppError("agent_error", "The agent fell over.");
}

/** The client's promises are of a kind of their own: `expect(…).rejects` does not see them fail. */
async function failureOf(
  asking: PromiseLike<unknown>,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await asking;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("completions", () => {
  test("are whole, with a reason to end and usage", async () => {
    const completion = await client.completions.create({ model: "chatty", prompt: "Say hello." });
    expect(completion).toMatchObject({
      object: "text_completion",
      model: "chatty",
      choices: [{ text: "Hello there.", index: 0, finish_reason: "stop", logprobs: null }],
      usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
    });
    expect(chatty.turns.at(-1)?.request).toMatchObject({
      kind: "completion",
      prompt: "Say hello.",
    });
  });

  test("are streamed, begin with their echo and end with their usage", async () => {
    const stream = await client.completions.create({
      model: "chatty",
      prompt: ["Go on: "],
      echo: true,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.Completion[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(choices.map(({ text }) => text).join("")).toBe("Go on: Hello there.");
    expect(choices.map(({ finish_reason: reason }) => reason).filter(Boolean)).toEqual(["stop"]);
    expect(chunks.filter((chunk) => chunk.usage)).toEqual([chunks.at(-1)!]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 8 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("fill in the middle where the model can", async () => {
    const asked = { model: "rehearsal", prompt: "return ", suffix: "}", max_tokens: 64 };
    const whole = await client.completions.create(asked);
    expect(whole.choices[0]?.text).toBe("rehearsal");
    let text = "";
    for await (const chunk of await client.completions.create({ ...asked, stream: true })) {
      text += chunk.choices[0]?.text ?? "";
    }
    expect(text).toBe("rehearsal");
  });

  test.each([
    ["suffix", { prompt: "return ", suffix: "}" }],
    ["suffix", { prompt: "return ", suffix: "", stream: true as const }],
    ["prompt", { prompt: "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>" }],
  ])("never run an agent for an autocomplete: its %s is refused at once", async (param, fields) => {
    const before = chatty.turns.length;
    const error = await failureOf(client.completions.create({ model: "cursor-agent", ...fields }));
    expect(error).toMatchObject({ status: 400, param, code: "unsupported" });
    expect(error.message).toContain("autocomplete");
    expect(chatty.turns).toHaveLength(before);
  });

  test.each([
    [{ prompt: [1, 2] }, "prompt"],
    [{ prompt: "a", n: 2 }, "n"],
    [{ prompt: "a", best_of: 2 }, "best_of"],
  ])(
    "that would be several answers to one prompt, or tokens, are refused: %j",
    async (fields, param) => {
      const before = chatty.turns.length;
      const error = await failureOf(client.completions.create({ model: "chatty", ...fields }));
      expect(error).toMatchObject({ status: 400, param, code: "unsupported" });
      expect(chatty.turns).toHaveLength(before);
    },
  );

  test("that fail in mid-stream make the client throw, after what was said", async () => {
    const stream = await client.completions.create({
      model: "chatty",
      prompt: "fail in the middle",
      stream: true,
    });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
    };
    expect((await failureOf(read())).message).toContain("The agent fell over.");
    expect(text).toBe("half ");
  });

  test("of Continue's own route are read as a chat's chunks", async () => {
    const body = { model: "rehearsal", prompt: "return ", suffix: "}", stream: true };
    const text = await (await composed.post("/v1/fim/completions", body)).text();
    const frames = text.match(/^data: \{.*$/gm)!.map((line) => JSON.parse(line.slice(6)) as Frame);
    expect(frames.map((frame) => frame.choices[0]?.delta.content ?? "").join("")).toBe("rehearsal");
    expect(text).toEndWith("data: [DONE]\n\n");
    const refused = await composed.post("/fim/completions", { ...body, model: "chatty" });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: { code: "unsupported", param: "suffix" } },
    ]);
  });
});

interface Frame {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

describe("embeddings", () => {
  test("are as long as they are asked to be, as base64 and as numbers", async () => {
    const asked = { model: "rehearsal", input: "some words", dimensions: 16 };
    const packed = await client.embeddings.create(asked);
    const plain = await client.embeddings.create({ ...asked, encoding_format: "float" });
    const numbers = plain.data[0]!.embedding;
    expect(numbers).toHaveLength(16);
    expect(packed.data[0]!.embedding).toEqual(numbers.map(Math.fround));
    expect(plain.usage.total_tokens).toBe(plain.usage.prompt_tokens);
  });

  test.each([
    [{ model: "chatty", input: "x" }, "model"],
    [{ model: "rehearsal", input: [1, 2] }, "input"],
    [{ model: "rehearsal", input: [[1], [2]] }, "input"],
  ])("are refused at once where they cannot be made: %j", async (asked, param) => {
    const before = chatty.turns.length;
    const error = await failureOf(client.embeddings.create(asked));
    expect(error).toMatchObject({ status: 400, param, code: "unsupported" });
    expect(chatty.turns).toHaveLength(before);
  });
});

describe("models", () => {
  test("are described by every spelling of their names, slashes and blanks included", async () => {
    for (const name of ["Vendor/some model", "vendor/some model:latest", "chatty:latest"]) {
      expect((await client.models.retrieve(name)).id).toBe(name);
    }
    const raw = await fetch(`${composed.api}/models/vendor/some%20model/`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect([raw.status, await raw.json()]).toMatchObject([200, { id: "vendor/some model" }]);
  });
});

describe("chat", () => {
  const tool = {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: {
      type: "object" as const,
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  };

  test("offers tools in the form before tools, and the call is read from it", async () => {
    const completion = await client.chat.completions.create({
      model: "rehearsal",
      messages: [{ role: "user", content: `/rehearse tool get_weather {"city":"Oslo"}` }],
      functions: [tool],
      function_call: "auto",
    });
    const [choice] = completion.choices;
    expect(choice?.finish_reason).toBe("function_call");
    expect(choice?.message.function_call).toEqual({
      name: "get_weather",
      arguments: `{"city":"Oslo"}`,
    });
    expect(choice?.message).not.toHaveProperty("tool_calls");
  });

  test("has its answer parsed by the client where it follows a schema", async () => {
    const completion = await client.chat.completions.parse({
      model: "rehearsal",
      messages: [{ role: "user", content: `/rehearse say "{\\"city\\":\\"Oslo\\"}"` }],
      response_format: {
        type: "json_schema",
        json_schema: { name: "place", strict: true, schema: tool.parameters },
      },
    });
    expect(completion.choices[0]?.message.content).toBe(`{"city":"Oslo"}`);
  });

  test("runs the client's tools, streamed and whole, one after the other", async () => {
    for (const stream of [true, false] as const) {
      const asked: string[] = [];
      const lines = ["Oslo", "Rome"].map((city) => `/rehearse tool get_weather {"city":"${city}"}`);
      const runner = client.chat.completions.runTools({
        model: "rehearsal",
        // The overloads want a literal each.
        stream: stream as true,
        messages: [
          { role: "user", content: `${lines.join("\n")}\n/rehearse park\n/rehearse results` },
        ],
        tools: [
          {
            type: "function",
            function: {
              ...tool,
              function: (text: string) => {
                asked.push(text);
                return `rain ${asked.length} `;
              },
            },
          },
        ],
      });
      expect(await runner.finalContent()).toBe("rain 1 rain 2 ");
      expect(asked).toEqual([`{"city":"Oslo"}`, `{"city":"Rome"}`]);
    }
  });
});

describe("a request", () => {
  const hello = { model: "chatty", messages: [{ role: "user", content: "hi" }] };

  test("with an empty pin is one without a pin, and with a wrong one is refused", async () => {
    const ask = (pin: string) =>
      composed.post("/v1/chat/completions", hello, { headers: { "x-mcp-session": pin } });
    expect((await ask("")).status).toBe(200);
    expect((await ask(" ")).status).toBe(200);
    expect((await ask("nobody")).status).toBe(404);
  });

  test("with all that editors add is answered", async () => {
    const extras = {
      stream_options: null,
      n: 1,
      logprobs: true,
      top_logprobs: 2,
      logit_bias: {},
      modalities: ["text"],
      audio: null,
      store: false,
      metadata: { a: "b" },
      service_tier: "auto",
      prediction: { type: "content", content: "x" },
      verbosity: "low",
      reasoning: { effort: "none", enabled: false },
      reasoning_effort: null,
      web_search_options: {},
      safety_identifier: "me",
      prompt_cache_key: null,
      chat_template_kwargs: { enable_thinking: false },
      think: false,
      keep_alive: -1,
      options: { num_ctx: null },
      tools: [],
      tool_choice: "auto",
      parallel_tool_calls: true,
      response_format: { type: "text" },
      stop: null,
      seed: 1,
      user: null,
    };
    const answer = await composed.post("/v1/chat/completions", { ...hello, ...extras });
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      {
        choices: [
          {
            message: { role: "assistant", content: "Hello there.", refusal: null },
            logprobs: null,
          },
        ],
      },
    ]);
    expect(chatty.turns.at(-1)?.request).not.toHaveProperty("tools");
  });

  test("packed with gzip or zstd is read, however the encoding is spelt", async () => {
    const body = JSON.stringify(hello);
    const packed = { GZIP: gzipSync(body), gzip: gzipSync(body), zstd: zstdCompressSync(body) };
    for (const [encoding, bytes] of Object.entries(packed)) {
      for (const path of ["/v1/chat/completions", "/chat/completions"]) {
        const answer = await fetch(composed.api + path, {
          method: "POST",
          headers: {
            authorization: `Bearer ${key}`,
            "content-type": "application/json",
            "content-encoding": encoding,
          },
          body: new Uint8Array(bytes),
        });
        expect([encoding, path, answer.status]).toEqual([encoding, path, 200]);
      }
    }
  });

  test.each([
    ["no JSON", 400, { body: "{" }],
    ["a part that is no text", 400, { body: JSON.stringify({ ...hello, messages: [AUDIO] }) }],
    ["another type", 415, { headers: { "content-type": "text/plain" } }],
    ["another encoding", 415, { headers: { "content-encoding": "br" } }],
    ["a large body", 413, { body: `"${"x".repeat(11 * 1024 * 1024)}"` }],
    ["another method", 405, { method: "PUT" }],
  ])(
    "that cannot be taken, for %s, is a %d in the dialect's form",
    async (_why, status, change) => {
      const init: RequestInit = {
        method: "POST",
        body: JSON.stringify(hello),
        ...change,
        headers: {
          authorization: `Bearer ${key}`,
          "content-type": "application/json",
          ...("headers" in change && change.headers),
        },
      };
      const answer = await fetch(`${composed.api}/v1/chat/completions`, init);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([
        status,
        "application/json",
      ]);
      expect(await answer.json()).toEqual({
        error: {
          message: expect.any(String),
          type: "invalid_request_error",
          param: status === 400 && init.body !== "{" ? "messages[0].content[0]" : null,
          code: expect.any(String),
        },
      });
      expect(answer.headers.get("x-should-retry")).toBe("false");
      expect(answer.headers.get("allow")).toBe(status === 405 ? "POST" : null);
    },
  );
});

describe("a failing prompt", () => {
  test.each(["chat", "completion"] as const)(
    "of a %s runs the agent once, through an editor's three attempts with the client's own retries",
    async (kind) => {
      for (const stream of [false, true]) {
        const before = chatty.turns.length;
        for (const _attempt of [1, 2, 3]) {
          const error = await failureOf(attempt(kind, stream));
          expect(error.message).toContain("The agent fell over.");
          if (!stream) expect(error.headers?.get("x-should-retry")).toBe("false");
        }
        expect(chatty.turns.length - before).toBe(1);
      }
    },
  );

  async function attempt(kind: "chat" | "completion", stream: boolean): Promise<void> {
    const text = `fail, ${kind}, ${stream}`;
    const asking =
      kind === "chat"
        ? client.chat.completions.create({
            model: "chatty",
            messages: [{ role: "user", content: text }],
            stream,
          })
        : client.completions.create({ model: "chatty", prompt: text, stream });
    const answered = await asking;
    if (Symbol.asyncIterator in answered) for await (const _chunk of answered);
  }
});
