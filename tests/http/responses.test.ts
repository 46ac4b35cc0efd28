// OpenAI's own client on `/v1/responses`, all the way to an agent and back.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { zstdCompressSync } from "node:zlib";
import OpenAI, { APIError, APIUserAbortError } from "openai";
import { makeParseableTextFormat } from "openai/lib/parser";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import { createRehearsal } from "../../src/agents/rehearsal/rehearsal.ts";
import { createSystem } from "../../src/app/system.ts";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { ChatRequest, Turn } from "../../src/core/turn.ts";
import { createSseDecoder } from "../../src/wire/sse.ts";
import { anAgent, compose, says, SECRETS } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

type Answer = (turn: Turn, signal: AbortSignal) => AsyncIterable<TurnEvent>;

let server: Composed;
let client: OpenAI;
let play: Answer;
const rehearsal = createRehearsal(createSystem());
const counter = anAgent((turn, signal) => play(turn, signal));
const rehearsing = anAgent((turn, signal) => rehearsal.run(turn, signal), rehearsal.info);

beforeAll(async () => {
  server = await compose([counter, rehearsing]);
  client = clientOf(SECRETS.MLP_API_KEY);
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  play = () => says("Hello", " there.");
});

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${server.api}/v1`, apiKey });
}

const lastTurn = (): Turn => counter.turns.at(-1)!;
const lastChat = (): ChatRequest => lastTurn().request as ChatRequest;

const FINISH: TurnEvent = {
  type: "finish",
  reason: "stop",
  usage: { promptTokens: 3, completionTokens: 5, reasoningTokens: 2, cachedTokens: 1 },
};

async function* plays(...events: readonly TurnEvent[]): AsyncGenerator<TurnEvent> {
  yield* events;
  if (events.at(-1)?.type !== "finish") yield FINISH;
}

const READ_FILE = {
  type: "function" as const,
  name: "read_file",
  description: "Reads a file.",
  parameters: { type: "object", properties: { path: { type: "string" } } },
  strict: false,
};

const calls = (id: string, text: string, parked = false): AsyncIterable<TurnEvent> =>
  plays(
    { type: "tool-call-start", id, name: "read_file" },
    { type: "tool-call-delta", id, arguments: text.slice(0, 3) },
    { type: "tool-call-delta", id, arguments: text.slice(3) },
    { type: "finish", reason: "tool_calls", parked },
  );

async function eventsOf(
  stream: AsyncIterable<ResponseStreamEvent>,
): Promise<readonly ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function failureOf(asking: PromiseLike<unknown>): Promise<APIError> {
  try {
    await asking;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("a whole answer", () => {
  test("is a response with a message, and its usage", async () => {
    const response = await client.responses.create({
      model: "counter",
      input: "Hello?",
      instructions: "Be brief.",
      metadata: { topic: "greeting" },
    });
    expect(response).toMatchObject({
      object: "response",
      status: "completed",
      model: "counter",
      output_text: "Hello there.",
      instructions: "Be brief.",
      metadata: { topic: "greeting" },
      error: null,
      usage: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
    });
    expect(response.id).toStartWith("resp_");
    expect(lastChat().messages.map(({ role }) => role)).toEqual(["system", "user"]);
  });

  test("has the agent's thoughts before its words", async () => {
    play = () =>
      plays({ type: "reasoning-delta", text: "Think." }, { type: "text-delta", text: "Yes." });
    const { output, usage } = await client.responses.create({
      model: "counter",
      input: "?",
      reasoning: { effort: "high", summary: "auto" },
    });
    expect(output.map((item) => item.type)).toEqual(["reasoning", "message"]);
    expect(output[0]).toMatchObject({ summary: [{ type: "summary_text", text: "Think." }] });
    expect(usage?.output_tokens_details.reasoning_tokens).toBe(2);
    expect(usage?.input_tokens_details.cached_tokens).toBe(1);
    expect(lastChat().parameters.reasoningEffort).toBe("high");
  });

  test("that its limit cut short says so", async () => {
    play = () => plays({ type: "text-delta", text: "It ad" }, { type: "finish", reason: "length" });
    const response = await client.responses.create({
      model: "counter",
      input: "?",
      max_output_tokens: 16,
    });
    expect(response.status).toBe("incomplete");
    expect(response.incomplete_details).toEqual({ reason: "max_output_tokens" });
    expect(lastChat().parameters.maxTokens).toBe(16);
  });

  test("is parsed by the client when it asked for a schema", async () => {
    play = () => says('{"name":', '"Ada"}');
    const schema = { type: "object", properties: { name: { type: "string" } } };
    const format = makeParseableTextFormat<{ name: string }>(
      { type: "json_schema", name: "person", schema, strict: true },
      (text) => JSON.parse(text) as { name: string },
    );
    const response = await client.responses.parse({
      model: "counter",
      input: "Who?",
      text: { format },
    });
    expect(response.output_parsed).toEqual({ name: "Ada" });
    expect(lastChat().responseFormat).toEqual({
      type: "json-schema",
      name: "person",
      schema,
      strict: true,
    });
  });
});

describe("a streamed answer", () => {
  test("comes in the published order, numbered without a gap", async () => {
    play = () =>
      plays(
        { type: "reasoning-delta", text: "Hm." },
        { type: "text-delta", text: "I " },
        { type: "text-delta", text: "look." },
        { type: "tool-call-start", id: "call_1", name: "read_file" },
        { type: "tool-call-delta", id: "call_1", arguments: '{"path":"a"}' },
        { type: "finish", reason: "tool_calls" },
      );
    const stream = await client.responses.create({
      model: "counter",
      input: "?",
      tools: [READ_FILE],
      stream: true,
    });
    const events = await eventsOf(stream);
    expect(events.map(({ type }) => type.replace("response.", ""))).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
    expect(events.map(({ sequence_number: number }) => number)).toEqual(
      events.map((_, index) => index),
    );
  });

  test("is put together by the client's own helper to what the last event says", async () => {
    play = () =>
      plays(
        { type: "reasoning-delta", text: "Hm." },
        { type: "text-delta", text: "Grüße 🌍" },
        { type: "tool-call-start", id: "call_1", name: "read_file" },
        { type: "finish", reason: "tool_calls" },
      );
    const deltas: string[] = [];
    const stream = client.responses
      .stream({ model: "counter", input: "?", tools: [READ_FILE] })
      .on("response.output_text.delta", ({ delta }) => void deltas.push(delta));
    const response = await stream.finalResponse();
    expect(deltas.join("")).toBe("Grüße 🌍");
    expect(response.output_text).toBe("Grüße 🌍");
    expect(response.output.map((item) => item.type)).toEqual([
      "reasoning",
      "message",
      "function_call",
    ]);
    expect(response.output[2]).toMatchObject({ name: "read_file", arguments: "{}" });
  });

  test("names its events, and ends without [DONE]", async () => {
    const answer = await server.post("/v1/responses", {
      model: "counter",
      input: "?",
      stream: true,
    });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const decoder = createSseDecoder();
    const messages = [...decoder.push(await answer.text()), ...decoder.end()];
    expect(messages.map(({ event }) => event)).toEqual(
      messages.map(({ data }) => (JSON.parse(data) as { type: string }).type),
    );
    expect(messages.at(-1)?.event).toBe("response.completed");
  });

  test("has begun before the agent says a word", async () => {
    const { promise: mayAnswer, resolve: letAnswer } = Promise.withResolvers<void>();
    play = async function* slow() {
      await mayAnswer;
      yield* says("At last.");
    };
    const stream = await client.responses.create({ model: "counter", input: "?", stream: true });
    const events = stream[Symbol.asyncIterator]();
    expect((await events.next()).value?.type).toBe("response.created");
    expect((await events.next()).value?.type).toBe("response.in_progress");
    letAnswer();
    expect((await events.next()).value?.type).toBe("response.output_item.added");
    await events.return?.();
  });

  test("that fails throws what happened, and its agent ran once", async () => {
    play = () => failing();
    const before = counter.turns.length;
    const stream = await client.responses.create({ model: "counter", input: "f1", stream: true });
    const error = await failureOf(eventsOf(stream));
    expect(error.message).toContain("It failed.");
    expect(error.code).toBe("agent_error");
    const helper = client.responses.stream({ model: "counter", input: "f2" });
    expect((await failureOf(helper.finalResponse())).message).toContain("It failed.");
    expect(counter.turns.length - before).toBe(2);
  });

  test("that fails is a failed response to those who read on", async () => {
    play = () => failing();
    const body = { model: "counter", input: "f3", stream: true };
    const text = await (await server.post("/v1/responses", body)).text();
    expect(text).not.toContain("response.completed");
    const [, data = ""] = /event: response\.failed\ndata: (.*)\n\n$/.exec(text) ?? [];
    expect(JSON.parse(data)).toMatchObject({
      response: { status: "failed", error: { code: "server_error", message: "It failed." } },
    });
  });

  test("stops its agent when the client hangs up", async () => {
    const stopped = Promise.withResolvers<void>();
    play = async function* endless(_turn, signal) {
      yield { type: "text-delta", text: "Hm." };
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped.resolve();
          reject(signal.reason as Error);
        });
      });
    };
    const stream = client.responses.stream({ model: "counter", input: "?" });
    stream.on("response.output_text.delta", () => stream.abort());
    expect(await failureOf(stream.finalResponse())).toBeInstanceOf(APIUserAbortError);
    await stopped.promise;
    expect(lastTurn().request.model).toBe("counter");
  });
});

async function* failing(): AsyncGenerator<TurnEvent> {
  yield { type: "text-delta", text: "I will now" };
  throw new AppError("agent_error", "It failed.");
}

describe("tools", () => {
  test("go round: the call, its output, the answer, all of it in the input", async () => {
    play = () => calls("call_7", '{"path":"README.md"}');
    const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "What is in it?" }];
    const first = await client.responses.create({ model: "counter", input, tools: [READ_FILE] });
    const [call] = first.output;
    expect(call).toMatchObject({
      type: "function_call",
      call_id: "call_7",
      name: "read_file",
      arguments: '{"path":"README.md"}',
      status: "completed",
    });
    play = () => says("It says hello.");
    const second = await client.responses.create({
      model: "counter",
      input: [
        ...input,
        ...(first.output as OpenAI.Responses.ResponseInput),
        { type: "function_call_output", call_id: "call_7", output: "hello" },
      ],
      tools: [READ_FILE],
    });
    expect(second.output_text).toBe("It says hello.");
    expect(lastChat().messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(lastChat().messages[2]).toEqual({
      role: "tool",
      toolCallId: "call_7",
      content: [{ type: "text", text: "hello" }],
    });
  });

  test("that take plain text are called with plain text", async () => {
    play = (turn) => {
      const [tool] = (turn.request as ChatRequest).tools ?? [];
      return plays(
        { type: "tool-call-start", id: "call_8", name: tool?.name ?? "" },
        { type: "tool-call-delta", id: "call_8", arguments: '{"input":"*** Begin' },
        { type: "tool-call-delta", id: "call_8", arguments: ' Patch"}' },
        { type: "finish", reason: "tool_calls" },
      );
    };
    const stream = client.responses.stream({
      model: "counter",
      input: "?",
      tools: [{ type: "custom", name: "apply_patch" }, { type: "web_search" }],
    });
    const { output, tools } = await stream.finalResponse();
    expect(output[0]).toMatchObject({
      type: "custom_tool_call",
      name: "apply_patch",
      input: "*** Begin Patch",
    });
    expect(tools.map(({ type }) => type)).toEqual(["custom"]);
  });
});

describe("previous_response_id", () => {
  test("goes on from an answer, and from the one before that", async () => {
    const first = await client.responses.create({
      model: "counter",
      input: "One?",
      instructions: "Of the first only.",
    });
    play = () => says("Two.");
    const second = await client.responses.create({
      model: "counter",
      input: "Two?",
      previous_response_id: first.id,
    });
    expect(second.previous_response_id).toBe(first.id);
    const stream = client.responses.stream({
      model: "counter",
      input: "Three?",
      previous_response_id: second.id,
    });
    await stream.finalResponse();
    const texts = lastChat().messages.map(({ role, content }) => [
      role,
      content.map((part) => (part.type === "text" ? part.text : "")).join(""),
    ]);
    expect(texts).toEqual([
      ["user", "One?"],
      ["assistant", "Hello there."],
      ["user", "Two?"],
      ["assistant", "Two."],
      ["user", "Three?"],
    ]);
  });

  test("goes on from a stream as soon as its last event is there", async () => {
    const { id } = await client.responses
      .stream({ model: "counter", input: "One?" })
      .finalResponse();
    const body = { model: "counter", input: "Two?", previous_response_id: id };
    expect((await client.responses.create(body)).status).toBe("completed");
  });

  test("with a tool's output resumes the turn that waits for it", async () => {
    play = () => calls("call_9", '{"path":"a"}', true);
    const first = await client.responses.create({
      model: "counter",
      input: "?",
      tools: [READ_FILE],
    });
    const parked = lastTurn();
    play = () => says("Read.");
    await client.responses.create({
      model: "counter",
      previous_response_id: first.id,
      input: [{ type: "function_call_output", call_id: "call_9", output: "hello" }],
      tools: [READ_FILE],
    });
    expect(lastTurn().request).toMatchObject({
      kind: "resume",
      resumes: parked.id,
      results: [{ toolCallId: "call_9", content: [{ type: "text", text: "hello" }] }],
    });
  });

  test("resumes the turn that the rehearsal agent parked, streamed", async () => {
    const tools = [READ_FILE];
    const asked = '/rehearse tool read_file {"path": "a.txt"}\n/rehearse park';
    const first = await client.responses
      .stream({ model: "rehearsal", input: asked, tools })
      .finalResponse();
    const call = first.output.find((item) => item.type === "function_call")!;
    const output = { type: "function_call_output", call_id: call.call_id, output: "x" } as const;
    const second = await client.responses
      .stream({ model: "rehearsal", previous_response_id: first.id, input: [output], tools })
      .finalResponse();
    expect(second.output_text).toContain("returned 1 character,");
    expect(rehearsing.turns.at(-1)?.request.kind).toBe("resume");
  });

  test("finds nothing that was not to be stored", async () => {
    const stored = { model: "counter", input: "One?", store: false };
    const { id, store } = (await client.responses.create(stored)) as unknown as {
      id: string;
      store: boolean;
    };
    expect(store).toBe(false);
    const before = counter.turns.length;
    const error = await failureOf(
      client.responses.create({ model: "counter", input: "Two?", previous_response_id: id }),
    );
    expect(error.status).toBe(400);
    expect(error.code).toBe("previous_response_not_found");
    expect(error.param).toBe("previous_response_id");
    expect(counter.turns.length).toBe(before);
    expect((await failureOf(client.responses.retrieve(id))).status).toBe(404);
  });

  test("finds nothing of another key's", async () => {
    const { id } = await client.responses.create({ model: "counter", input: "One?" });
    const created = await fetch(`${server.api}/control/keys`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${SECRETS.MLP_CONTROL_TOKEN}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ label: "another" }),
    });
    const other = clientOf(((await created.json()) as { secret: string }).secret);
    const body = { model: "counter", input: "Two?", previous_response_id: id };
    expect((await failureOf(other.responses.create(body))).code).toBe(
      "previous_response_not_found",
    );
    expect((await failureOf(other.responses.retrieve(id))).status).toBe(404);
    expect((await failureOf(other.responses.delete(id))).status).toBe(404);
    expect((await client.responses.retrieve(id)).id).toBe(id);
  });

  test("references to its items are put in their place", async () => {
    play = () => calls("call_10", "{}");
    const first = await client.responses.create({
      model: "counter",
      input: "?",
      tools: [READ_FILE],
    });
    play = () => says("Read.");
    await client.responses.create({
      model: "counter",
      input: [
        { role: "user", content: "?" },
        { type: "item_reference", id: first.output[0]!.id! },
        { type: "function_call_output", call_id: "call_10", output: "hello" },
      ],
    });
    expect(lastChat().messages[1]).toMatchObject({
      role: "assistant",
      toolCalls: [{ id: "call_10", name: "read_file", arguments: "{}" }],
    });
  });
});

describe("a response that is kept", () => {
  test("can be retrieved, with what it was an answer to, until it is deleted", async () => {
    const made = await client.responses.create({ model: "counter", input: "One?" });
    expect(await client.responses.retrieve(made.id)).toEqual(made);
    const items: unknown[] = [];
    for await (const item of client.responses.inputItems.list(made.id)) items.push(item);
    expect(items).toMatchObject([
      { type: "message", role: "user", content: [{ type: "input_text", text: "One?" }] },
    ]);
    await client.responses.delete(made.id);
    expect((await failureOf(client.responses.retrieve(made.id))).code).toBe("not_found");
  });

  test("is not streamed again", async () => {
    const { id } = await client.responses.create({ model: "counter", input: "One?" });
    const error = await failureOf(client.responses.retrieve(id, { stream: true }));
    expect(error.status).toBe(400);
    expect(error.param).toBe("stream");
  });
});

describe("errors", () => {
  test.each([
    [{ model: "gone", input: "?" }, 404, "model_not_found"],
    [{ model: "counter", input: "?", background: true }, 400, "unsupported"],
    [{ model: "counter", input: [] }, 400, "invalid_request"],
  ])("before an agent starts are of OpenAI's form: %j", async (body, status, code) => {
    const error = await failureOf(client.responses.create(body));
    expect(error.status).toBe(status);
    expect(error.code).toBe(code);
  });

  test("of an agent are a status on a whole answer, and nothing is tried again", async () => {
    play = () => failing();
    const before = counter.turns.length;
    const error = await failureOf(client.responses.create({ model: "counter", input: "f4" }));
    expect(error.status).toBe(502);
    expect(error.headers?.get("x-should-retry")).toBe("false");
    expect(counter.turns.length - before).toBe(1);
  });
});

describe("a body", () => {
  const body = JSON.stringify({ model: "counter", input: "Packed?" });

  test.each([
    ["gzip", Bun.gzipSync(body)],
    ["zstd", zstdCompressSync(body)],
  ])("may be encoded with %s", async (encoding, bytes) => {
    const answer = await server.post("/v1/responses", undefined, {
      body: bytes,
      headers: { "content-encoding": encoding },
    });
    expect(answer.status).toBe(200);
    expect(lastChat().messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Packed?" }] },
    ]);
  });
});
