// `response_format` and `stop` as the official `openai` client sees them, whatever the agent makes of them: agents of
// the test's own, and the whole way from the request to them and back.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { TurnEvent } from "../../src/core/event.ts";
import { anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

let composed: Composed;
let client: OpenAI;
/** What the agent answers next; what it is told last. */
let answers: ((signal: AbortSignal) => AsyncIterable<TurnEvent>)[] = [];
const agent = anAgent((_turn, signal) =>
  (answers.shift() ?? (() => says("Nothing left.")))(signal),
);

beforeAll(async () => {
  composed = await compose([agent]);
  client = new OpenAI({
    baseURL: `${composed.api}/v1`,
    apiKey: composed.secrets.MLP_API_KEY,
  });
});
afterAll(() => composed[Symbol.asyncDispose]());
let before = 0;
beforeEach(() => {
  answers = [];
  before = agent.turns.length;
});

const turns = (): number => agent.turns.length - before;
const willSay = (...texts: string[]): void => {
  answers = texts.map((text) => () => says(...(text.match(/[^]{1,3}/gu) ?? [])));
};

/** No two prompts are the same: a repeated one would hear the outcome of the first. */
let questions = 0;
function ask(fields: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) {
  questions += 1;
  return {
    model: "counter",
    messages: [{ role: "user" as const, content: `Question ${questions}` }],
    ...fields,
  };
}

const response_format = {
  type: "json_schema" as const,
  json_schema: {
    name: "place",
    strict: true,
    schema: {
      type: "object",
      properties: { city: { type: "string" }, people: { type: "integer" } },
      required: ["city", "people"],
      additionalProperties: false,
    },
  },
};
const GOOD = '{"city":"Ulm","people":129000}';
const BAD = '{"city":"Ulm"}';

async function streamed(fields: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) {
  const stream = await client.chat.completions.create({
    ...ask(fields),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  let failure: unknown;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    failure = error;
  }
  const choices = chunks.flatMap((chunk) => chunk.choices);
  return {
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    reasons: choices.flatMap(({ finish_reason }) => finish_reason ?? []),
    usage: chunks.at(-1)?.usage,
    failure,
  };
}

async function failureOf(asking: PromiseLike<unknown>): Promise<unknown> {
  try {
    await asking;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("response_format", () => {
  test("is kept to: the client's own parser has it, fence or not", async () => {
    willSay(`Here it is:\n\`\`\`json\n${GOOD}\n\`\`\``);
    const answer = await client.chat.completions.parse(ask({ response_format }));
    expect(answer.choices[0]?.message.content).toBe(GOOD);
    expect(turns()).toBe(1);
  });

  test("is asked for once more where the agent missed it, in the same request", async () => {
    willSay(BAD, GOOD);
    const answer = await client.chat.completions.create(ask({ response_format }));
    expect(answer.choices[0]).toMatchObject({ message: { content: GOOD }, finish_reason: "stop" });
    expect(answer.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 10 });
    expect(turns()).toBe(2);
    const ids = agent.turns.slice(before).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  test("is streamed once it is certain", async () => {
    willSay(BAD, GOOD);
    const answer = await streamed({ response_format });
    expect(answer).toMatchObject({ text: GOOD, reasons: ["stop"], failure: undefined });
    expect(answer.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 10 });
  });

  test("is an error the second time, that says what failed and nothing of the answer", async () => {
    willSay(BAD, '{"city":"Secretville"}', GOOD);
    const error = await failureOf(client.chat.completions.create(ask({ response_format })));
    expect(error).toMatchObject({ status: 502, code: "agent_error" });
    expect(String(error)).toContain("required");
    expect(String(error)).not.toContain("Secretville");
    expect(turns()).toBe(2);
  });

  test("is an error in a stream, with nothing before it", async () => {
    willSay("I would rather not.", "Really not.");
    const answer = await streamed({ response_format });
    expect(answer).toMatchObject({ text: "", reasons: [] });
    expect(String(answer.failure)).toContain("it was no JSON");
    expect(turns()).toBe(2);
  });

  test("of json_object is any object", async () => {
    willSay("[1]", '{"a": [1]}');
    const answer = await client.chat.completions.create(
      ask({ response_format: { type: "json_object" } }),
    );
    expect(answer.choices[0]?.message.content).toBe('{"a": [1]}');
  });

  test("that is no schema is refused before an agent starts", async () => {
    const schema = { type: "object", properties: { city: { type: "text" } } };
    const error = await failureOf(
      client.chat.completions.create(
        ask({ response_format: { type: "json_schema", json_schema: { name: "x", schema } } }),
      ),
    );
    expect(error).toMatchObject({ status: 400, code: "invalid_request", param: "response_format" });
    expect(turns()).toBe(0);
  });

  test("holds for Ollama's format too", async () => {
    willSay("Sure: {}", GOOD);
    const answer = await composed.post("/api/chat", {
      ...ask(),
      stream: false,
      format: response_format.json_schema.schema,
    });
    expect(await answer.json()).toMatchObject({ message: { content: GOOD }, done: true });
    expect(turns()).toBe(2);
  });
});

describe("stop", () => {
  test("ends the answer, and the agent that goes on talking", async () => {
    const heard = Promise.withResolvers<unknown>();
    answers = [
      (signal) => {
        signal.addEventListener("abort", () => heard.resolve(signal.reason));
        return says("one\n", "\ntwo", "three");
      },
    ];
    const answer = await streamed({ stop: ["\n\n"] });
    expect(answer).toMatchObject({ text: "one", reasons: ["stop"], failure: undefined });
    expect(answer.usage?.completion_tokens).toBe(1);
    expect(await heard.promise).toMatchObject({ code: "client_cancelled" });
    expect(composed.provider.engine.openTurns()).toEqual([]);
  });

  test("of an answer that begins with it leaves nothing, which is no failure", async () => {
    willSay("\n\nnever seen");
    const answer = await client.chat.completions.create(ask({ stop: "\n\n" }));
    expect(answer.choices[0]).toMatchObject({ message: { content: "" }, finish_reason: "stop" });
  });

  test("is none of the agent's business where it never comes", async () => {
    willSay("one\ntwo\n");
    const answer = await client.chat.completions.create(ask({ stop: ["\n\n"] }));
    expect(answer.choices[0]?.message.content).toBe("one\ntwo\n");
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 5 });
  });
});
