// Turns and events through frames and back: what goes in comes out, for everything the vocabulary can say.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AppError, ERRORS, type ErrorCode } from "../../src/core/error.ts";
import type { FinishEvent, TurnEvent, Usage } from "../../src/core/event.ts";
import type { Message, Part, ResumeRequest, Turn, TurnRequest } from "../../src/core/turn.ts";
import { createChunkReader, createChunkWriter, splitEvent } from "../../src/bridge/chunk.ts";
import { createDecoder, isViolation, type Party } from "../../src/bridge/decode.ts";
import { chunkPrefix, encodeChunk, encodeFrame } from "../../src/bridge/encode.ts";
import { failureFrame, failureOf } from "../../src/bridge/failure.ts";
import type { Frame } from "../../src/bridge/frame.ts";
import { askFrame, neededScopes, turnOf } from "../../src/bridge/invoke.ts";
import { createResultCollector, resultEvents } from "../../src/bridge/result.ts";
import { sessionFrame, sessionOf } from "../../src/bridge/session-frame.ts";
import { aSession } from "../support/fake-directory.ts";

const decoder = createDecoder();

function overTheWire<T extends Frame["type"]>(
  text: string,
  type: T,
  from: Party,
  to: Party,
): Extract<Frame, { type: T }> {
  const frame = decoder.decode(text, from, to);
  if (isViolation(frame)) throw new Error(frame.violation);
  if (frame.type !== type) throw new Error(`a ${frame.type}`);
  return frame as Extract<Frame, { type: T }>;
}

const text = fc.string({ unit: "binary", maxLength: 30 });
const base64 = fc.base64String({ maxLength: 40 });
const part: fc.Arbitrary<Part> = fc.oneof(
  text.map((text): Part => ({ type: "text", text })),
  fc.record({
    type: fc.constant("image" as const),
    mediaType: fc.constantFrom("image/png", "image/jpeg"),
    data: base64,
  }),
  fc.webUrl().map((url): Part => ({ type: "image-url", url })),
);
const content = fc.array(part, { maxLength: 3 });
const resultContent = content.map(joinTexts);
const resume: fc.Arbitrary<ResumeRequest> = fc.record(
  {
    kind: fc.constant("resume" as const),
    model: fc.constant("m"),
    stream: fc.boolean(),
    resumes: fc.constant("turn_0"),
    results: fc.array(
      fc.record(
        { toolCallId: text, content: resultContent, isError: fc.boolean() },
        { requiredKeys: ["toolCallId", "content"] },
      ),
      { maxLength: 3 },
    ),
    message: resultContent,
  },
  { requiredKeys: ["kind", "model", "stream", "resumes", "results"] },
);
const toolCall = fc.record({ id: text, name: text, arguments: text });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constant("system" as const), content }),
  fc.record(
    { role: fc.constant("user" as const), content, name: text },
    { requiredKeys: ["role", "content"] },
  ),
  fc.record(
    {
      role: fc.constant("assistant" as const),
      content,
      reasoning: text,
      toolCalls: fc.array(toolCall, { maxLength: 2 }),
    },
    { requiredKeys: ["role", "content"] },
  ),
  fc.record(
    {
      role: fc.constant("tool" as const),
      toolCallId: text,
      content,
      name: text,
      isError: fc.boolean(),
    },
    { requiredKeys: ["role", "content", "toolCallId"] },
  ),
);
const number = fc.integer({ min: -1000, max: 1000 });
const parameters = fc.record(
  {
    maxTokens: fc.nat(),
    temperature: number,
    topP: number,
    topK: number,
    minP: number,
    stop: fc.array(text, { maxLength: 3 }),
    seed: fc.integer(),
    frequencyPenalty: number,
    presencePenalty: number,
    reasoningEffort: text,
    parallelToolCalls: fc.boolean(),
  },
  { requiredKeys: [] },
);
const schema = fc.constantFrom({ type: "object" }, { a: [1, { b: null }], $ref: "#" }, {});
const tool = fc.record(
  { name: text, description: text, parameters: schema, strict: fc.boolean() },
  { requiredKeys: ["name"] },
);
const request: fc.Arbitrary<TurnRequest> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("chat" as const),
      model: text,
      stream: fc.boolean(),
      messages: fc.array(message, { maxLength: 4 }),
      parameters,
      tools: fc.array(tool, { maxLength: 2 }),
      toolChoice: fc.oneof(
        fc.constantFrom("auto" as const, "none" as const, "required" as const),
        fc.record({ name: text }),
      ),
      responseFormat: fc.oneof(
        fc.record({ type: fc.constant("json" as const) }),
        fc.record(
          {
            type: fc.constant("json-schema" as const),
            name: text,
            description: text,
            schema,
            strict: fc.boolean(),
          },
          { requiredKeys: ["type", "name", "schema"] },
        ),
      ),
    },
    { requiredKeys: ["kind", "model", "stream", "messages", "parameters"] },
  ),
  fc.record(
    {
      kind: fc.constant("completion" as const),
      model: text,
      stream: fc.boolean(),
      prompt: text,
      suffix: text,
      parameters,
    },
    { requiredKeys: ["kind", "model", "stream", "prompt", "parameters"] },
  ),
  fc.record(
    {
      kind: fc.constant("embedding" as const),
      model: text,
      stream: fc.constant(false as const),
      input: fc.array(text, { maxLength: 3 }),
      dimensions: fc.nat(),
      parameters,
    },
    { requiredKeys: ["kind", "model", "stream", "input", "parameters"] },
  ),
);

function aTurn(request: Turn["request"]): Turn {
  return { id: "turn_1", sessionId: "s1", deadlineMs: 5, scopes: ["inference", "tools"], request };
}

const ASKER = { provider: "p", label: "l" };

/** Texts side by side are one, as the vocabulary has it of results. */
function joinTexts(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    if (part.type === "text" && part.text === "") continue;
    const last = part.type === "text" ? joined.at(-1) : undefined;
    if (part.type === "text" && last?.type === "text") {
      joined.splice(-1, 1, { type: "text", text: last.text + part.text });
    } else joined.push(part);
  }
  return joined;
}

describe("requests", () => {
  test("every turn request arrives as it was asked", () => {
    fc.assert(
      fc.property(request, (request) => {
        const turn = aTurn(request);
        const sent = encodeFrame(askFrame(turn, ASKER));
        expect(turnOf(overTheWire(sent, "model_invoke", "provider", "hub"))).toStrictEqual(turn);
      }),
      { numRuns: 500 },
    );
  });

  test("whoever asks is told apart at the other end", () => {
    const asked = {
      kind: "completion",
      model: "m",
      stream: false,
      prompt: "",
      parameters: {},
    } as const;
    const turn = { ...aTurn(asked), owner: "key_1" };
    const sent = encodeFrame(askFrame(turn, ASKER));
    expect(turnOf(overTheWire(sent, "model_invoke", "hub", "agent"))).toStrictEqual(turn);
  });

  test("a resumed turn arrives with its results, images and all", () => {
    fc.assert(
      fc.property(resume, (resume) => {
        const turn = aTurn(resume);
        const sent = encodeFrame(askFrame(turn, ASKER));
        expect(turnOf(overTheWire(sent, "tool_results", "hub", "agent"))).toStrictEqual(turn);
      }),
      { numRuns: 300 },
    );
  });

  test("results in words alone are strings, as they always were", () => {
    const words = [{ type: "text", text: "ok" }] as const;
    const frame = askFrame(
      aTurn({
        kind: "resume",
        model: "m",
        stream: true,
        resumes: "turn_0",
        results: [
          { toolCallId: "c1", content: words },
          { toolCallId: "c2", content: [] },
        ],
        message: words,
      }),
      ASKER,
    );
    expect(frame).toMatchObject({ results: [{ content: "ok" }, { content: "" }], message: "ok" });
  });

  test("messages are what the OpenAI API would show", () => {
    const frame = askFrame(
      aTurn({
        kind: "chat",
        model: "m",
        stream: true,
        messages: [
          { role: "user", content: [{ type: "text", text: "hi" }] },
          {
            role: "user",
            content: [{ type: "image", mediaType: "image/png", data: "AAAA" }],
          },
        ],
        parameters: { maxTokens: 7 },
        toolChoice: { name: "t" },
      }),
      ASKER,
    );
    expect(frame).toMatchObject({
      payload: {
        messages: [
          { role: "user", content: "hi" },
          {
            role: "user",
            content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }],
          },
        ],
        parameters: { stream: true, max_tokens: 7 },
        tool_choice: { type: "function", function: { name: "t" } },
      },
    });
  });

  test("tools are needed by what is asked, not by what is claimed", () => {
    const chat = { kind: "chat", model: "m", stream: true, messages: [], parameters: {} } as const;
    expect(neededScopes(chat)).toEqual(["inference"]);
    expect(neededScopes({ ...chat, tools: [] })).toEqual(["inference"]);
    expect(neededScopes({ ...chat, tools: [{ name: "t" }] })).toEqual(["inference", "tools"]);
    const resume = { kind: "resume", model: "m", stream: true, resumes: "t", results: [] } as const;
    expect(neededScopes(resume)).toEqual(["inference", "tools"]);
  });
});

const usage: fc.Arbitrary<Usage> = fc.record(
  {
    promptTokens: fc.nat(),
    completionTokens: fc.nat(),
    reasoningTokens: fc.nat(),
    cachedTokens: fc.nat(),
    estimated: fc.boolean(),
  },
  { requiredKeys: ["promptTokens", "completionTokens"] },
);
const finish: fc.Arbitrary<FinishEvent> = fc.record(
  {
    type: fc.constant("finish" as const),
    reason: fc.constantFrom("stop", "length", "tool_calls", "content_filter"),
    usage,
    parked: fc.constant(true),
  },
  { requiredKeys: ["type", "reason"] },
);
const someText = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });
const calls = fc.array(fc.record({ name: text, pieces: fc.array(text, { maxLength: 3 }) }), {
  maxLength: 3,
});
const deltas: fc.Arbitrary<TurnEvent[]> = fc
  .tuple(
    fc.array(
      fc.record({
        type: fc.constantFrom("text-delta" as const, "reasoning-delta" as const),
        text: someText,
      }),
      { maxLength: 5 },
    ),
    calls,
  )
  .map(([texts, calls]): TurnEvent[] => [
    ...texts,
    ...calls.flatMap(({ name, pieces }, index): TurnEvent[] => {
      const id = `call_${index}`;
      const deltas = pieces.map((piece): TurnEvent => ({
        type: "tool-call-delta",
        id,
        arguments: piece,
      }));
      return [{ type: "tool-call-start", id, name }, ...deltas];
    }),
  ]);

function streamed(events: readonly TurnEvent[]): TurnEvent[] {
  const writer = createChunkWriter();
  const reader = createChunkReader();
  const out: TurnEvent[] = [];
  events.forEach((event, index) => {
    const sent = encodeChunk(chunkPrefix("t"), index, writer.body(event));
    reader.read(overTheWire(sent, "model_stream_chunk", "agent", "hub"), out);
  });
  return out;
}

/** What an answer says, however it was cut into events. */
function meaning(events: readonly TurnEvent[]) {
  const sum = { text: "", reasoning: "", calls: new Map<string, string>(), vectors: 0 };
  for (const event of events) {
    if (event.type === "text-delta") sum.text += event.text;
    if (event.type === "reasoning-delta") sum.reasoning += event.text;
    if (event.type === "tool-call-start") sum.calls.set(event.id, `${event.name}:`);
    if (event.type === "tool-call-delta") {
      sum.calls.set(event.id, (sum.calls.get(event.id) ?? "") + event.arguments);
    }
    if (event.type === "embeddings") sum.vectors += event.vectors.length;
  }
  return { ...sum, finish: events.at(-1) };
}

describe("streamed answers", () => {
  test("every event arrives as it was sent", () => {
    fc.assert(
      fc.property(deltas, finish, (deltas, finish) => {
        expect(streamed([...deltas, finish])).toStrictEqual([...deltas, finish]);
      }),
      { numRuns: 500 },
    );
  });

  test("a piece that is too long is split without tearing a character", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
        fc.integer({ min: 2, max: 20 }),
        (text, units) => {
          const pieces = splitEvent({ type: "text-delta", text }, units) ?? [
            { type: "text-delta" as const, text },
          ];
          const texts = pieces.map((piece) => (piece.type === "text-delta" ? piece.text : "?"));
          expect(texts.join("")).toBe(text);
          for (const piece of texts) {
            expect(piece.length).toBeLessThanOrEqual(units);
            expect(piece.length).toBeGreaterThan(0);
            expect(piece.isWellFormed()).toBe(true);
          }
        },
      ),
    );
  });

  test("embeddings cannot be streamed", () => {
    const writer = createChunkWriter();
    expect(() => writer.body({ type: "embeddings", vectors: [[1]] })).toThrow(AppError);
  });

  test.each([
    ["arguments before any call", [{ index: 0, function: { arguments: "x" } }]],
    ["a call that skips an index", [{ index: 1, id: "a", function: { name: "t" } }]],
    ["a call without a name", [{ index: 0, id: "a", function: {} }]],
    [
      "going back to an earlier call",
      [
        { index: 0, id: "a", function: { name: "t" } },
        { index: 1, id: "b", function: { name: "t" } },
        { index: 0, function: { arguments: "x" } },
      ],
    ],
  ])("%s is the agent's error", (_, calls) => {
    const reader = createChunkReader();
    const delta = { tool_calls: calls };
    expect(() =>
      reader.read({ type: "model_stream_chunk", id: "t", chunk_index: 0, delta }, []),
    ).toThrow(AppError);
  });
});

describe("whole answers", () => {
  test("say the same as the events they were made of", () => {
    fc.assert(
      fc.property(deltas, finish, (deltas, finish) => {
        const events = [...deltas, finish];
        const collector = createResultCollector("t", 1_000_000);
        const frames = events.flatMap((event) => collector.add(event) ?? []);
        expect(frames).toHaveLength(1);
        const sent = encodeFrame(frames[0]!);
        const back = resultEvents(overTheWire(sent, "model_result", "agent", "hub"));
        expect(meaning(back)).toStrictEqual(meaning(events));
      }),
      { numRuns: 300 },
    );
  });

  test("carry embeddings", () => {
    const collector = createResultCollector("t", 1_000);
    const vectors = [
      [0.5, -1],
      [3, 1e-9],
    ];
    collector.add({ type: "embeddings", vectors });
    const frame = collector.add({ type: "finish", reason: "stop" });
    const sent = encodeFrame(frame!);
    const back = resultEvents(overTheWire(sent, "model_result", "agent", "hub"));
    expect(back[0]).toEqual({ type: "embeddings", vectors });
  });

  test("are given up as soon as they are over the limit", () => {
    const collector = createResultCollector("t", 10);
    collector.add({ type: "text-delta", text: "12345" });
    expect(() => collector.add({ type: "text-delta", text: "123456" })).toThrow(AppError);
  });

  test("that hold nothing are the agent's error", () => {
    expect(() => resultEvents({ type: "model_result", id: "t", status: "ok" })).toThrow(AppError);
  });
});

describe("failures", () => {
  test("every code of ours comes back as itself, with its message", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const frame = failureFrame("t", new AppError(code, `about ${code}`));
      const back = failureOf(overTheWire(encodeFrame(frame), "model_result", "agent", "hub"));
      expect([back.code, back.message]).toEqual([code, `about ${code}`]);
      expect(frame.status).toBe(code === "agent_timeout" ? "timeout" : "error");
    }
  });

  test("an endless message is cut, not refused", () => {
    const frame = failureFrame("t", new AppError("agent_error", "m".repeat(100_000)));
    expect(() => overTheWire(encodeFrame(frame), "model_result", "agent", "hub")).not.toThrow();
  });
});

describe("sessions", () => {
  test("a provider rebuilds what the hub has on record", () => {
    const session = aSession({ expiresAt: 9, maxTokens: 5, inFlight: 2, requestCount: 4 });
    const sent = encodeFrame(sessionFrame(session));
    const back = sessionOf(overTheWire(sent, "session", "hub", "provider"), 0);
    expect(back).toStrictEqual(session);
    expect(sent).not.toContain("session_token");
  });

  test("a hub that tells only the required fields is understood", () => {
    const frame = {
      type: "session",
      session_id: "s",
      agent_id: "a",
      status: "active",
      scopes: ["inference", "from-the-future"],
      expires_at: null,
      models: [],
    } as const;
    const session = sessionOf({ ...frame, scopes: [...frame.scopes], models: [] }, 77);
    expect(session).toMatchObject({
      label: "a",
      scopes: ["inference"],
      createdAt: 77,
      connected: true,
      maxRequests: null,
    });
  });
});
