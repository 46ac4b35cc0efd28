// What OpenAI's own client makes of our response streams; its `fetch` is replaced, so nothing is on the network.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import OpenAI, { APIError } from "openai";
import type { ResponseObject } from "../../../src/dialects/openai/responses-answer-schema.ts";

const FOLDER = join(import.meta.dir, "../../golden/openai-responses");
const golden = (file: string) => Bun.file(join(FOLDER, file)).text();

/** Where an agent goes back and forth, a whole answer has its words together. */
const REORDERED = new Set(["interleaved"]);

const CASES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".whole.json"))
  .map((file) => basename(file, ".whole.json"))
  .filter((name) => !REORDERED.has(name));

async function streamCase(name: string) {
  const wire = await golden(`${name}.wire.txt`);
  const client = new OpenAI({
    apiKey: "none",
    baseURL: "http://provider.invalid/v1",
    maxRetries: 0,
    fetch: async () => new Response(wire, { headers: { "content-type": "text/event-stream" } }),
  });
  return client.responses.stream({ model: "m", input: "x" });
}

/** Without what the client adds. */
function plain(response: object): unknown {
  const text = JSON.stringify(response, (key, value: unknown) =>
    key === "output_text" || key.startsWith("parsed") || key === "output_parsed"
      ? undefined
      : value,
  );
  return JSON.parse(text);
}

describe("OpenAI's client", () => {
  test.each(CASES)("puts the stream of %s together to the whole answer", async (name) => {
    const streamed = await (await streamCase(name)).finalResponse();
    expect(plain(streamed)).toEqual(JSON.parse(await golden(`${name}.whole.json`)));
  });

  test.each(CASES)("has the same in hand from the events of %s alone", async (name) => {
    const items: object[] = [];
    for await (const event of await streamCase(name)) {
      if (event.type === "response.output_item.done") items.push(event.item);
    }
    const whole = JSON.parse(await golden(`${name}.whole.json`)) as ResponseObject;
    expect(plain(items)).toEqual(whole.output);
  });

  test.each(["error-mid-stream", "error-at-once"])("throws our message in %s", async (name) => {
    const stream = await streamCase(name);
    const error: unknown = await stream.finalResponse().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    const [line = ""] = (await golden(`${name}.events.jsonl`)).trim().split("\n").slice(-1);
    const { error: sent } = JSON.parse(line) as { error: { code: string; message: string } };
    expect(error).toMatchObject({
      code: sent.code,
      message: expect.stringContaining(sent.message),
    });
  });
});
