// What Anthropic's own client makes of our answers; its `fetch` is replaced, so nothing is on the network.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import Anthropic, { APIError } from "@anthropic-ai/sdk";

const golden = (file: string) =>
  Bun.file(join(import.meta.dir, "../../golden/anthropic", file)).text();

function createClient(contentType: string, answer: string): Anthropic {
  const fetch = async () =>
    new Response(answer, {
      headers: { "content-type": contentType, "request-id": "req_1" },
    });
  return new Anthropic({
    apiKey: "none",
    baseURL: "http://provider.invalid",
    maxRetries: 0,
    fetch,
  });
}

const QUESTION: Anthropic.MessageCreateParamsNonStreaming = {
  model: "m",
  max_tokens: 1,
  messages: [{ role: "user", content: "x" }],
};

async function streamCase(name: string) {
  const client = createClient("text/event-stream", await golden(`${name}.wire.txt`));
  return client.messages.stream(QUESTION);
}

describe("Anthropic's client", () => {
  test.each([
    "text",
    "unicode",
    "one-tool-call",
    "two-tool-calls",
    "tool-call-without-arguments",
    "thinking-omitted",
    "thinking-not-asked",
    "thinking-only",
    "stop-sequence",
    "length",
    "refusal",
    "usage-cached",
  ])("puts the stream of %s together to the whole answer", async (name) => {
    const streamed = await (await streamCase(name)).finalMessage();
    const whole = JSON.parse(await golden(`${name}.whole.json`)) as Anthropic.Message;
    expect(JSON.parse(JSON.stringify(streamed.content))).toEqual(whole.content);
    expect(streamed.stop_reason).toBe(whole.stop_reason);
    expect(streamed.stop_sequence).toBe(whole.stop_sequence);
    expect(streamed.usage).toMatchObject(whole.usage);
  });

  test("reads a whole answer, and the request's id", async () => {
    const client = createClient("application/json", await golden("one-tool-call.whole.json"));
    const message = await client.messages.create(QUESTION);
    expect(message._request_id).toBe("req_1");
    expect(message.content.map(({ type }) => type)).toEqual(["text", "tool_use"]);
  });

  test("throws our message, type and code when a stream fails half-way", async () => {
    const stream = await streamCase("error-mid-stream");
    const error: unknown = await stream.finalMessage().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({
      type: "api_error",
      apiMessage: "The agent went away.",
      errorCode: "agent_lost",
    });
  });
});
