// LangChain's clients for OpenAI and Ollama against the server as `mlp up` composes it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ChatOllama, OllamaEmbeddings } from "@langchain/ollama";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { SECRETS, compose } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const apiKey = SECRETS.MLP_API_KEY;
const said = "One two three, and ünïcödé 🎭 too.";
const prompt = `/rehearse say "${said}"\n/rehearse usage 11 7`;
const TOOL = {
  type: "function" as const,
  function: {
    name: "get_weather",
    description: "The weather of a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

let composed: Composed;
beforeAll(async () => {
  composed = await compose([createRehearsal({ clock: createSystem().clock })]);
});
afterAll(() => composed[Symbol.asyncDispose]());

const openai = (fields: object = {}) =>
  new ChatOpenAI({
    model: "cursor-agent",
    apiKey,
    configuration: { baseURL: `${composed.api}/v1` },
    ...fields,
  });
/** It sends no key of its own, so it has it in its address. */
const ollama = () =>
  new ChatOllama({ model: "cursor-agent", baseUrl: `${composed.api}/k/${apiKey}` });

const CLIENTS = [
  ["ChatOpenAI", () => openai()],
  ["ChatOpenAI, responses", () => openai({ useResponsesApi: true })],
  ["ChatOllama", () => ollama()],
] as const;

describe.each(CLIENTS)("%s", (_, client) => {
  test("invokes, with the text and its usage", async () => {
    const message = await client().invoke(prompt);
    expect(message.text).toBe(said);
    expect(message.usage_metadata).toMatchObject({ input_tokens: 11, output_tokens: 7 });
  });

  test("streams pieces that are the whole", async () => {
    const pieces: string[] = [];
    for await (const piece of await client().stream(prompt)) pieces.push(piece.text);
    expect(pieces.join("")).toBe(said);
    expect(pieces.filter((piece) => piece !== "").length).toBeGreaterThan(3);
  });

  test("calls a tool, and has its result answered", async () => {
    const nonce = crypto.randomUUID();
    const question = {
      role: "user",
      content: `/rehearse tool get_weather {"city":"Oslo"}\n/rehearse results`,
    };
    const withTools = client().bindTools([TOOL]);
    const asked = await withTools.invoke([question]);
    const [call] = asked.tool_calls ?? [];
    expect(call).toMatchObject({ name: "get_weather", args: { city: "Oslo" } });
    const result = { role: "tool", tool_call_id: call?.id ?? "", content: nonce };
    const answer = await withTools.invoke([question, asked, result]);
    expect(answer.text).toContain(nonce);
  });

  test("gathers a streamed tool call", async () => {
    const question = `/rehearse tool get_weather {"city":"Oslo"}`;
    let gathered;
    for await (const piece of await client().bindTools([TOOL]).stream(question)) {
      gathered = gathered === undefined ? piece : gathered.concat(piece);
    }
    expect(gathered?.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Oslo" } }]);
  });

  test("takes an image", async () => {
    const address = `data:image/png;base64,${PIXEL}`;
    const content = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: address } },
    ];
    const message = await client().invoke([{ role: "user", content }]);
    expect(message.text).toContain("1 image");
  });

  test("answers in the form of a schema", async () => {
    const schema = {
      title: "place",
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    };
    const structured = client().withStructuredOutput(schema, { method: "jsonSchema" });
    const answer = await structured.invoke(`/rehearse say "{\\"city\\":\\"Oslo\\"}"`);
    expect(answer).toEqual({ city: "Oslo" });
  });
});

const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

test("ChatOllama pulls a model before it asks, if told so", async () => {
  const client = new ChatOllama({
    model: "rehearsal",
    baseUrl: `${composed.api}/k/${apiKey}`,
    checkOrPullModel: true,
  });
  expect((await client.invoke(prompt)).text).toBe(said);
});

test("both make embeddings, the same text the same", async () => {
  const byOpenAi = new OpenAIEmbeddings({
    model: "rehearsal",
    apiKey,
    configuration: { baseURL: `${composed.api}/v1` },
  });
  const byOllama = new OllamaEmbeddings({
    model: "rehearsal",
    baseUrl: `${composed.api}/k/${apiKey}`,
  });
  const [one, two] = await byOpenAi.embedDocuments(["one", "two"]);
  const other = await byOllama.embedQuery("one");
  expect(one!.length).toBeGreaterThan(2);
  expect(one).not.toEqual(two!);
  expect(other.length).toBe(one!.length);
  // One of them travels as 32-bit floats.
  for (const [index, number] of other.entries()) expect(number).toBeCloseTo(one![index]!, 6);
});
