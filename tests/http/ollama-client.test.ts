// The official `ollama` client against the whole server in this process, by the secret base path that it takes as its
// host: every call it has, with an agent behind that shows what reached it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Ollama } from "ollama";
import type { ChatResponse, GenerateResponse, ProgressResponse } from "ollama";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";
import { SECRETS, anAgent, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const READ_FILE = {
  type: "function",
  function: {
    name: "read_file",
    description: "Reads a file.",
    parameters: { type: "object", properties: { path: { type: "string" } } },
  },
};
const USAGE = { promptTokens: 11, completionTokens: 7 };
const model = "coder";

/** What the agent answers, by a word of the last message. */
async function* script(turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
  const { request } = turn;
  if (request.kind === "embedding") {
    yield { type: "embeddings", vectors: request.input.map(() => [3, 4, 0]) };
    return yield { type: "finish", reason: "stop", usage: USAGE };
  }
  const asked = request.kind === "chat" ? lastText(request.messages) : "";
  if (asked.includes("hang")) {
    yield { type: "text-delta", text: "first words" };
    await hungUp(signal);
  }
  if (asked.includes("think")) yield { type: "reasoning-delta", text: "Let me see." };
  if (asked.includes("tool")) {
    yield { type: "tool-call-start", id: "call_1", name: "read_file" };
    yield { type: "tool-call-delta", id: "call_1", arguments: '{"path": "a.ts"}' };
    return yield { type: "finish", reason: "tool_calls", usage: USAGE };
  }
  const texts = asked.includes("JSON") ? ['{"age": ', "30}"] : ["Hello ", "wörld 🎭"];
  for (const text of texts) yield { type: "text-delta", text };
  if (asked.includes("fail")) throw new AppError("agent_error", "It fell over.");
  return yield { type: "finish", reason: "stop", usage: USAGE };
}

function lastText(messages: Extract<Turn["request"], { kind: "chat" }>["messages"]): string {
  const parts = messages.at(-1)?.content ?? [];
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Waits for the client to go away, and fails as an agent does then. */
function hungUp(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => {
      hangUps.resolve();
      reject(new AppError("client_cancelled", "The client hung up."));
    };
    if (signal.aborted) return stop();
    return signal.addEventListener("abort", stop, { once: true });
  });
}

const hangUps = Promise.withResolvers<void>();
const agent = anAgent(script, {
  agentId: "coder",
  models: [
    {
      id: model,
      contextLength: 100_000,
      capabilities: ["completion", "tools", "insert", "vision", "thinking", "embedding"],
    },
  ],
  requestedScopes: ["inference", "tools"],
});

let composed: Composed;
let client: Ollama;

beforeAll(async () => {
  composed = await compose([agent]);
  client = new Ollama({ host: `${composed.api}/k/${SECRETS.MLP_API_KEY}/` });
});
afterAll(() => composed[Symbol.asyncDispose]());

const user = (content: string) => ({ role: "user", content });

function lastRequest(): Turn["request"] {
  const turn = agent.turns.at(-1);
  if (turn === undefined) throw new Error("no turn has run");
  return turn.request;
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const parts: T[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

describe("lists", () => {
  test("list, show, ps and version", async () => {
    const { models } = await client.list();
    expect(models.map(({ name }) => name)).toContain(model);
    const shown = await client.show({ model });
    expect(shown.capabilities).toEqual(expect.arrayContaining(["tools", "vision", "thinking"]));
    expect(shown.model_info as unknown).toMatchObject({ "test.context_length": 100_000 });
    const running = await client.ps();
    expect(running.models).toMatchObject([{ name: model, context_length: 100_000 }]);
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("chat", () => {
  test("whole, with real figures", async () => {
    const answer = await client.chat({ model, messages: [user("Hi")], keep_alive: "5m" });
    expect(answer).toMatchObject({
      model,
      message: { role: "assistant", content: "Hello wörld 🎭" },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 11,
      eval_count: 7,
    });
    expect(answer.total_duration).toBeGreaterThan(0);
    expect(answer.prompt_eval_duration + answer.eval_duration).toBe(answer.total_duration);
  });

  test("streamed, with the figures at the end", async () => {
    const parts: ChatResponse[] = await all(
      await client.chat({ model, messages: [user("Hi")], stream: true }),
    );
    expect(parts.map(({ message }) => message.content).join("")).toBe("Hello wörld 🎭");
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 7 });
  });

  test.each([true, false])("calls tools and brings their results, streamed: %p", async (stream) => {
    const messages = [user("Use the tool.")];
    const request = { model, messages, tools: [READ_FILE] };
    const parts = stream
      ? await all(await client.chat({ ...request, stream: true }))
      : [await client.chat(request)];
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? []);
    expect(calls).toMatchObject([{ function: { name: "read_file", arguments: { path: "a.ts" } } }]);
    const result = { role: "tool", tool_name: "read_file", content: "text of a.ts" };
    const assistant = { role: "assistant", content: "", tool_calls: calls };
    await client.chat({ ...request, messages: [...messages, assistant, result] });
    expect(lastRequest()).toMatchObject({
      tools: [{ name: "read_file" }],
      messages: [
        { role: "user" },
        { role: "assistant", toolCalls: [{ id: "call_1", name: "read_file" }] },
        { role: "tool", toolCallId: "call_1", name: "read_file" },
      ],
    });
  });

  test.each([
    [true, "Let me see.", undefined],
    ["high", "Let me see.", "high"],
    [false, undefined, "none"],
  ] as const)("with think %p shows %p", async (think, thinking, effort) => {
    const answer = await client.chat({ model, messages: [user(`think ${think}`)], think });
    expect(answer.message.thinking).toBe(thinking);
    expect(answer.message.content).toBe("Hello wörld 🎭");
    expect(lastRequest()).toMatchObject({
      parameters: effort === undefined ? {} : { reasoningEffort: effort },
    });
  });

  test("in JSON, free or by a schema", async () => {
    const schema = { type: "object", properties: { age: { type: "integer" } }, required: ["age"] };
    for (const format of ["json", schema]) {
      const messages = [user(`In JSON, by ${typeof format}.`)];
      const answer = await client.chat({ model, messages, format });
      expect(JSON.parse(answer.message.content)).toEqual({ age: 30 });
      expect(lastRequest()).toHaveProperty("responseFormat");
    }
  });

  test("with images and options", async () => {
    await client.chat({
      model,
      messages: [{ ...user("Look."), images: [Buffer.from(PIXEL, "base64")] }],
      options: { num_predict: 5, temperature: 0, stop: ["\n"], num_ctx: 4_096, seed: 1 },
    });
    expect(lastRequest()).toMatchObject({
      messages: [{ content: [{ type: "text" }, { type: "image", mediaType: "image/png" }] }],
      parameters: { maxTokens: 5, temperature: 0, stop: ["\n"], seed: 1 },
    });
  });

  test("that fails in mid-stream throws what the agent said", async () => {
    const stream = await client.chat({ model, messages: [user("Please fail.")], stream: true });
    await expect(all(stream)).rejects.toThrow("It fell over.");
  });

  test("that is aborted stops the agent", async () => {
    const stream = await client.chat({ model, messages: [user("Please hang.")], stream: true });
    const read = async (): Promise<void> => {
      for await (const { message } of stream) if (message.content !== "") stream.abort();
    };
    await expect(read()).rejects.toMatchObject({ name: "AbortError" });
    await hangUps.promise;
    expect(lastRequest()).toMatchObject({ stream: true });
  });

  test("without messages loads and unloads, and runs nothing", async () => {
    const before = agent.turns.length;
    const loaded = await client.chat({ model });
    const unloaded = await client.chat({ model, keep_alive: 0, stream: true });
    expect(loaded.done_reason).toBe("load");
    expect(await all(unloaded)).toMatchObject([{ done: true, done_reason: "unload" }]);
    expect(agent.turns).toHaveLength(before);
  });
});

describe("generate", () => {
  test("whole and streamed, with a system message", async () => {
    const whole = await client.generate({ model, prompt: "Hi", system: "Be brief." });
    expect(whole).toMatchObject({ response: "Hello wörld 🎭", done: true, done_reason: "stop" });
    expect(lastRequest()).toMatchObject({ messages: [{ role: "system" }, { role: "user" }] });
    const parts: GenerateResponse[] = await all(
      await client.generate({ model, prompt: "Hi", stream: true }),
    );
    expect(parts.map(({ response }) => response).join("")).toBe("Hello wörld 🎭");
  });

  test("fills in", async () => {
    await client.generate({ model, prompt: "const a = ", suffix: ";", raw: true });
    expect(lastRequest()).toMatchObject({ kind: "completion", prompt: "const a = ", suffix: ";" });
  });
});

describe("embeddings", () => {
  test("of one text and of several, cut to the dimensions asked for", async () => {
    const one = await client.embed({ model, input: "one", truncate: true });
    expect(one).toMatchObject({ model, embeddings: [[3, 4, 0]], prompt_eval_count: 11 });
    expect(one.total_duration).toBeGreaterThan(0);
    const two = await client.embed({ model, input: ["one", "two"], dimensions: 2 });
    expect(two.embeddings).toEqual([
      [0.6, 0.8],
      [0.6, 0.8],
    ]);
    const older = await client.embeddings({ model, prompt: "one" });
    expect(older.embedding).toEqual([3, 4, 0]);
  });
});

describe("models", () => {
  test("pull of a listed one succeeds, whole and streamed", async () => {
    expect(await client.pull({ model })).toEqual({ status: "success" } as ProgressResponse);
    const parts = await all(await client.pull({ model, stream: true }));
    expect(parts.map(({ status }) => status)).toEqual(["pulling manifest", "success"]);
  });

  test("pull of another fails, whole and streamed", async () => {
    const message = "model 'llama3' not found";
    await expect(client.pull({ model: "llama3" })).rejects.toMatchObject({
      error: message,
      status_code: 404,
    });
    await expect(
      client.pull({ model: "llama3", stream: true }).then((stream) => all(stream)),
    ).rejects.toThrow(message);
  });

  test.each([
    ["push", () => client.push({ model })],
    ["push, streamed", () => client.push({ model, stream: true })],
    ["create", () => client.create({ model: "mine", from: model })],
    ["copy", () => client.copy({ source: model, destination: "mine" })],
    ["delete", () => client.delete({ model })],
  ])("%s is refused in words", async (_name, call) => {
    await expect(Promise.resolve(call())).rejects.toMatchObject({
      name: "ResponseError",
      status_code: 501,
      error: expect.stringContaining("Models cannot be"),
    });
  });
});
