// Vercel's AI SDK against the server as `mlp up` composes it, by each of its providers that can be pointed at us:
// chat completions, responses and messages.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  jsonSchema,
  streamText,
  tool,
} from "ai";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { SECRETS, anAgent, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const rehearsal = createRehearsal({ clock: createSystem().clock });
const agent = anAgent((turn, signal) => rehearsal.run(turn, signal), rehearsal.info);
const apiKey = SECRETS.MLP_API_KEY;
const said = "One two three, and ünïcödé 🎭 too.";
const prompt = `/rehearse say "${said}"\n/rehearse usage 11 7`;

let composed: Composed;
beforeAll(async () => {
  // It has opinions about models that it does not know.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  composed = await compose([agent]);
});
afterAll(() => composed[Symbol.asyncDispose]());

const compatible = () =>
  createOpenAICompatible({
    name: "mlp",
    baseURL: `${composed.api}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });

const PROVIDERS = [
  ["openai-compatible", () => compatible()("cursor-agent")],
  [
    "openai, responses",
    () => createOpenAI({ baseURL: `${composed.api}/v1`, apiKey })("cursor-agent"),
  ],
  [
    "openai, chat",
    () => createOpenAI({ baseURL: `${composed.api}/v1`, apiKey }).chat("cursor-agent"),
  ],
  ["anthropic", () => createAnthropic({ baseURL: `${composed.api}/v1`, apiKey })("cursor-agent")],
] as const;

describe.each(PROVIDERS)("%s", (name, model) => {
  test("generates a text, with its usage and reason to end", async () => {
    const { text, usage, finishReason } = await generateText({ model: model(), prompt });
    expect(text).toBe(said);
    expect(usage).toMatchObject({ inputTokens: 11, outputTokens: 7 });
    expect(finishReason).toBe("stop");
  });

  test("streams a text in pieces that are the whole", async () => {
    const pieces: string[] = [];
    const result = streamText({ model: model(), prompt });
    for await (const piece of result.textStream) pieces.push(piece);
    expect(pieces.join("")).toBe(said);
    expect(pieces.length).toBeGreaterThan(3);
    expect(await result.finishReason).toBe("stop");
    expect(await result.usage).toMatchObject({ inputTokens: 11, outputTokens: 7 });
  });

  for (const streamed of [false, true]) {
    test(`loops through tools${streamed ? ", streamed" : ""}`, async () => {
      const nonce = crypto.randomUUID();
      const asked: unknown[] = [];
      const before = agent.turns.length;
      const settings = {
        model: model(),
        prompt: `/rehearse tool get_weather {"city":"Oslo"}\n/rehearse results`,
        stopWhen: isStepCount(5),
        tools: {
          get_weather: tool({
            description: "The weather of a city.",
            inputSchema: jsonSchema<{ city: string }>({
              type: "object",
              properties: { city: { type: "string" } },
              required: ["city"],
            }),
            execute: (input) => {
              asked.push(input);
              return Promise.resolve(nonce);
            },
          }),
        },
      };
      const text = streamed ? await streamText(settings).text : (await generateText(settings)).text;
      expect(asked).toEqual([{ city: "Oslo" }]);
      expect(text).toContain(nonce);
      expect(agent.turns.length).toBe(before + 2);
    });
  }

  test("generates an object that fits its schema", async () => {
    const schema = jsonSchema<{ city: string; degrees: number }>({
      type: "object",
      properties: { city: { type: "string" }, degrees: { type: "number" } },
      required: ["city", "degrees"],
      additionalProperties: false,
    });
    const told = `/rehearse say "{\\"city\\":\\"Oslo\\",\\"degrees\\":-3}"`;
    const viaTool = `/rehearse tool json {"city":"Oslo","degrees":-3}`;
    const { object } = await generateObject({
      model: model(),
      schema,
      prompt: name === "anthropic" ? viaTool : told,
    });
    expect(object).toEqual({ city: "Oslo", degrees: -3 });
  });

  test("hears in mid-stream that the agent failed, and what it said before", async () => {
    const errors: unknown[] = [];
    const result = streamText({
      model: model(),
      prompt: `${name}\n/rehearse say "half "\n/rehearse error agent_error "It fell over."`,
      onError: ({ error }) => void errors.push(error),
    });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    expect(text).toBe("half ");
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(errors[0]) + String(errors[0])).toContain("It fell over.");
  });
});

test("reasoning has a part of its own", async () => {
  const thought = `/rehearse reasoning "Let me see."\n/rehearse say "Yes."`;
  const { reasoningText, text } = await generateText({
    model: compatible()("rehearsal"),
    prompt: thought,
  });
  expect([reasoningText, text]).toEqual(["Let me see.", "Yes."]);
});

test("embeddings come in their order", async () => {
  const model = compatible().embeddingModel("rehearsal");
  const { embeddings } = await embedMany({ model, values: ["one", "two", "one"] });
  expect(embeddings).toHaveLength(3);
  expect(embeddings[0]).toEqual(embeddings[2]);
  expect(embeddings[0]).not.toEqual(embeddings[1]!);
});

test("a wrong key is told once, in words", async () => {
  const wrong = createOpenAICompatible({ name: "mlp", baseURL: composed.api, apiKey: "wrong" });
  const asking = generateText({ model: wrong("cursor-agent"), prompt, maxRetries: 2 });
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(APICallError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ statusCode: 401, isRetryable: false });
});

test("a prompt that fails is run once, whatever its retries", async () => {
  const before = agent.turns.length;
  const failing = "of the AI SDK\n/rehearse error agent_error";
  // It waits two seconds and tries again, whatever the headers say.
  const asking = generateText({
    model: compatible()("cursor-agent"),
    prompt: failing,
    maxRetries: 1,
  });
  expect(await asking.catch(() => "failed")).toBe("failed");
  expect(agent.turns.length).toBe(before + 1);
});
