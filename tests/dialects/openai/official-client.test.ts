// What OpenAI's own client makes of our answers; its `fetch` is replaced, so nothing is on the network.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import OpenAI, { APIError } from "openai";
import { encodeEmbeddings } from "../../../src/dialects/openai/encode.ts";
import { openEmbeddings } from "./support.ts";

type Answer = (body: unknown) => string;

function createClient(contentType: string, answer: Answer): OpenAI {
  const fetch = async (_: unknown, init?: RequestInit) => {
    const body: unknown = JSON.parse(init?.body as string);
    return new Response(answer(body), { headers: { "content-type": contentType } });
  };
  return new OpenAI({
    apiKey: "none",
    baseURL: "http://provider.invalid/v1",
    maxRetries: 0,
    fetch,
  });
}

const golden = (file: string) =>
  Bun.file(join(import.meta.dir, "../../golden/openai", file)).text();

async function streamCase(name: string) {
  const wire = await golden(`${name}.wire.txt`);
  const client = createClient("text/event-stream", () => wire);
  return client.chat.completions.stream({
    model: "m",
    messages: [],
    stream_options: { include_usage: true },
  });
}

describe("OpenAI's client", () => {
  test.each([
    "plain-text",
    "unicode",
    "one-tool-call",
    "two-tool-calls",
    "tool-call-without-arguments",
    "usage",
    "no-usage",
  ])("puts the stream of %s together to the whole answer", async (name) => {
    const streamed = await (await streamCase(name)).finalChatCompletion();
    const whole = JSON.parse(await golden(`${name}.whole.json`)) as OpenAI.ChatCompletion;
    const choice = streamed.choices[0]!;
    const expected = whole.choices[0]!;
    expect(choice.finish_reason).toBe(expected.finish_reason);
    expect(choice.message.content ?? "").toBe(expected.message.content ?? "");
    expect(plain(choice.message.tool_calls)).toEqual(plain(expected.message.tool_calls));
    const asked = (await golden(`${name}.request.json`)).includes('"include_usage": true');
    expect(streamed.usage).toEqual(asked ? whole.usage : undefined);
  });

  const plain = (calls: readonly OpenAI.ChatCompletionMessageToolCall[] | undefined) =>
    (calls ?? []).map((call) => ({
      id: call.id,
      type: call.type,
      function: call.type === "function" && {
        name: call.function.name,
        arguments: call.function.arguments,
      },
    }));

  test("throws our message when a stream fails half-way", async () => {
    const stream = await streamCase("error-mid-stream");
    const error: unknown = await stream.finalChatCompletion().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toHaveProperty("code", "agent_lost");
    expect(error).toHaveProperty("message", expect.stringContaining("The agent went away."));
  });

  test("reads our base64 embeddings, which it asks for unless told otherwise", async () => {
    const vectors = [[0.5, -1, 0.25]];
    const asked: unknown[] = [];
    const client = createClient("application/json", (body) => {
      const { encoding, request } = openEmbeddings(body);
      asked.push(encoding, request.input);
      const result = {
        text: "",
        reasoning: "",
        toolCalls: [],
        vectors,
        finish: { type: "finish", reason: "stop" },
      } as const;
      return JSON.stringify(
        encodeEmbeddings(result, { id: "a", model: "m", created: 0 }, encoding),
      );
    });
    const answer = await client.embeddings.create({ model: "m", input: "x" });
    expect(asked).toEqual(["base64", ["x"]]);
    expect(answer.data[0]!.embedding).toEqual(vectors[0]!);
  });
});
