// What the golden cases do not say about Ollama's answers: time, misuse, arbitrary text, and the official client.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { Ollama } from "ollama";
import { AppError } from "../../../src/core/error.ts";
import type { TurnEvent, TurnResult } from "../../../src/core/event.ts";
import type { StreamEncoder } from "../../../src/core/stream.ts";
import type { ChatAnswer } from "../../../src/dialects/ollama/answer-schema.ts";
import {
  encodeChat,
  encodeChatLifecycle,
  encodeEmbed,
  encodeEmbeddings,
  encodeEmbedLifecycle,
  encodeGenerateLifecycle,
  encodeMetrics,
} from "../../../src/dialects/ollama/encode-whole.ts";
import { createChatStream, createGenerateStream } from "../../../src/dialects/ollama/encode.ts";
import { encodeError } from "../../../src/dialects/ollama/errors.ts";

const META = { id: "answer-1", model: "cursor-agent", created: 1_767_323_045_678 };
const CREATED_AT = "2026-01-02T03:04:05.678Z";
const FINISH = { type: "finish", reason: "stop" } as const;

function fakeClock() {
  const clock = { wall: META.created, elapsed: 0 };
  return { ...clock, now: () => clock.wall, monotonic: () => clock.elapsed, state: clock };
}

function chatStream(clock = fakeClock()): StreamEncoder {
  return createChatStream(META, { clock, startedAt: 0 });
}

function lines(wire: string): ChatAnswer[] {
  expect(wire).toEndWith("\n");
  return wire
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as ChatAnswer);
}

function resultOf(parts: Partial<TurnResult>): TurnResult {
  return { text: "", reasoning: "", toolCalls: [], vectors: [], finish: FINISH, ...parts };
}

describe("time", () => {
  test("a line says when it was written, and lines of one millisecond the same", () => {
    const clock = fakeClock();
    const stream = chatStream(clock);
    let wire = stream.event({ type: "text-delta", text: "a" });
    wire += stream.event({ type: "text-delta", text: "b" });
    clock.state.wall += 1;
    wire += stream.event({ type: "text-delta", text: "c" });
    expect(lines(wire).map((line) => line.created_at)).toEqual([
      CREATED_AT,
      CREATED_AT,
      "2026-01-02T03:04:05.679Z",
    ]);
  });

  test("the time before the agent's first word is the prompt's, the rest the answer's", () => {
    const clock = fakeClock();
    const stream = chatStream(clock);
    clock.state.elapsed = 2000;
    stream.event({ type: "reasoning-delta", text: "a" });
    clock.state.elapsed = 5000.000_000_4;
    stream.event({ type: "text-delta", text: "b" });
    clock.state.elapsed = 6000;
    expect(lines(stream.event(FINISH))[0]).toMatchObject({
      total_duration: 6_000_000_000,
      load_duration: 0,
      prompt_eval_duration: 2_000_000_000,
      eval_duration: 4_000_000_000,
    });
  });

  test("an agent that said nothing took all its time over the prompt", () => {
    const clock = fakeClock();
    const stream = chatStream(clock);
    clock.state.elapsed = 1.5;
    expect(lines(stream.event(FINISH))[0]).toMatchObject({
      total_duration: 1_500_000,
      prompt_eval_duration: 1_500_000,
      eval_duration: 0,
    });
  });

  test("where nobody saw the first word the total stands alone", () => {
    expect(encodeMetrics({ startedAt: 1, finishedAt: 2 }, undefined)).toEqual({
      total_duration: 1_000_000,
      load_duration: 0,
    });
  });
});

describe("a stream", () => {
  test("puts a call of eight million characters together, and fails for a larger one", () => {
    const piece = { type: "tool-call-delta", id: "c", arguments: " ".repeat(1024 * 1024) } as const;
    const stream = chatStream();
    stream.event({ type: "tool-call-start", id: "c", name: "f" });
    for (let count = 0; count < 8; count += 1) expect(stream.event(piece)).toBe("");
    expect(() => stream.event(piece)).toThrow(AppError);
  });

  test("says nothing after its end, whatever comes", () => {
    const failed = new AppError("agent_lost", "Gone.");
    const late: ((stream: StreamEncoder) => string)[] = [
      (stream) => stream.heartbeat(),
      (stream) => stream.error(failed),
      (stream) => stream.event({ type: "text-delta", text: "late" }),
      (stream) => stream.event(FINISH),
    ];
    for (const call of late) {
      const finished = chatStream();
      finished.event(FINISH);
      expect(call(finished)).toBe("");
      const broken = chatStream();
      expect(broken.error(failed)).toBe('{"error":"Gone."}\n');
      expect(call(broken)).toBe("");
    }
  });

  test("refuses tool arguments that are not an object, in place of calling with others", () => {
    for (const bad of ["[]", '"x"', "null", '{"a":', "{}{}"]) {
      const stream = chatStream();
      stream.event({ type: "tool-call-start", id: "1", name: "f" });
      stream.event({ type: "tool-call-delta", id: "1", arguments: bad });
      expect(() => stream.event(FINISH)).toThrow(/not a JSON object/);
      const toolCalls = [{ id: "1", name: "f", arguments: bad }];
      expect(() =>
        encodeChat(resultOf({ toolCalls }), META, { timing: { startedAt: 0, finishedAt: 0 } }),
      ).toThrow(/not a JSON object/);
    }
  });

  test("keeps the digits of numbers that JavaScript would round, and the order of keys", () => {
    const stream = chatStream();
    const text = '{"b":12345678901234567890,"2":1.0,"1":0}';
    stream.event({ type: "tool-call-start", id: "1", name: "f" });
    stream.event({ type: "tool-call-delta", id: "1", arguments: text });
    expect(stream.event(FINISH)).toContain(`"arguments":${text}`);
  });

  test("carries any text unchanged, one line an event for readers that break lines anywhere", () => {
    const breaks = ["\n", "\r", "\u000b", "\u001e", "\u0085", "\u2028", "\u2029", '"', "\\"];
    const unit = fc.oneof(fc.constantFrom(...breaks), fc.string({ unit: "binary", maxLength: 1 }));
    const text = fc.string({ unit });
    const event: fc.Arbitrary<TurnEvent> = fc.oneof(
      fc.record({ type: fc.constant("text-delta" as const), text }),
      fc.record({ type: fc.constant("reasoning-delta" as const), text }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const stream = chatStream();
        const wire = events.map((event) => stream.event(event)).join("") + stream.event(FINISH);
        // What Python's str.splitlines breaks at.
        const pythonLines = wire.split(/\r\n|[\n\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]/);
        expect(pythonLines).toHaveLength(events.length + 2);
        const messages = lines(wire).map((line) => line.message);
        const told = (type: string) =>
          events
            .map((event) => (event.type === type && "text" in event ? event.text : ""))
            .join("");
        expect(messages.map((message) => message.content).join("")).toBe(told("text-delta"));
        expect(messages.map((message) => message.thinking ?? "").join("")).toBe(
          told("reasoning-delta"),
        );
      }),
    );
  });

  test("hides thinking when told to, but not the tool call before it", () => {
    const stream = createGenerateStream(META, {
      clock: fakeClock(),
      startedAt: 0,
      hideThinking: true,
    });
    stream.event({ type: "tool-call-start", id: "1", name: "f" });
    const wire = stream.event({ type: "reasoning-delta", text: "secret" });
    expect(wire).toContain('"tool_calls":[{"id":"1"');
    expect(wire).not.toContain("secret");
  });
});

describe("whole answers", () => {
  test("load and unload calls are answered done, in Ollama's words", () => {
    const head = { model: "cursor-agent", created_at: CREATED_AT };
    expect(encodeChatLifecycle(META, "load")).toEqual({
      ...head,
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "load",
    });
    expect(encodeGenerateLifecycle(META, "unload")).toEqual({
      ...head,
      response: "",
      done: true,
      done_reason: "unload",
    });
    expect(encodeEmbedLifecycle(META)).toEqual({ model: "cursor-agent", embeddings: [] });
  });

  test("embeddings come in both forms", () => {
    const finish = { ...FINISH, usage: { promptTokens: 3, completionTokens: 0 } };
    const result = resultOf({
      vectors: [
        [0.5, -1],
        [2, 3],
      ],
      finish,
    });
    const timing = { startedAt: 10, finishedAt: 12 };
    expect(encodeEmbed(result, META, { timing })).toEqual({
      model: "cursor-agent",
      embeddings: [
        [0.5, -1],
        [2, 3],
      ],
      total_duration: 2_000_000,
      load_duration: 0,
      prompt_eval_count: 3,
    });
    expect(encodeEmbeddings(result)).toEqual({ embedding: [0.5, -1] });
  });

  test("a vector longer than the dimensions asked for is cut, and has the length 1 again", () => {
    const vectors = [
      [3, 4, 12],
      [0, 0, 1],
      [0.6, 0.8],
    ];
    const timing = { startedAt: 0, finishedAt: 1 };
    const cutTo = (dimensions: number | undefined) =>
      encodeEmbed(resultOf({ vectors }), META, { timing, dimensions }).embeddings;
    expect(cutTo(2)).toEqual([
      [0.6, 0.8],
      [0, 0],
      [0.6, 0.8],
    ]);
    expect(cutTo(3)).toEqual(vectors);
    expect(cutTo(undefined)).toEqual(vectors);
  });

  test("an error is text with the status of its code", () => {
    expect(encodeError(new AppError("model_not_found", "model 'x' not found"))).toEqual({
      status: 404,
      body: { error: "model 'x' not found" },
    });
  });
});

/** The official client, reading a golden answer in place of a network. */
function clientReading(name: string): Ollama {
  const file = Bun.file(join(import.meta.dir, "../../golden/ollama", `${name}.wire.txt`));
  const fetch = async () =>
    new Response(await file.text(), { headers: { "content-type": "application/x-ndjson" } });
  return new Ollama({ fetch: Object.assign(fetch, { preconnect: () => undefined }) });
}

describe("the official JavaScript client", () => {
  const request = { model: "cursor-agent", stream: true as const };

  async function chat(name: string) {
    const parts: ChatAnswer[] = [];
    for await (const part of await clientReading(`chat/${name}`).chat(request)) {
      parts.push(part as unknown as ChatAnswer);
    }
    return parts;
  }

  test("reads text through heartbeats to the end", async () => {
    const parts = await chat("text");
    expect(parts.map((part) => part.message.content).join("")).toBe("Rayleigh scattering.");
    expect(parts.at(-1)).toMatchObject({ done: true, done_reason: "stop", eval_count: 9 });
  });

  test("reads tool calls one a message, with objects for arguments", async () => {
    const calls = (await chat("tool-calls-two")).flatMap((part) =>
      part.message.tool_calls === undefined ? [] : [part.message.tool_calls],
    );
    expect(calls.map((list) => list.map((call) => call.function))).toEqual([
      [{ index: 0, name: "list_files", arguments: {} }],
      [{ index: 1, name: "read_file", arguments: { path: "a\n\u2028b", offset: 42 } }],
    ]);
  });

  test("throws the error that ends a stream", async () => {
    const failed = chat("error").then(
      () => "no error",
      (error: Error) => error.message,
    );
    expect(await failed).toBe("The agent went away. Start it again, then ask again.");
  });

  test("reads a generated text", async () => {
    let text = "";
    const stream = await clientReading("generate/void-fim").generate({ ...request, prompt: "x" });
    for await (const part of stream) text += part.response;
    expect(text).toBe("a + b");
  });
});
