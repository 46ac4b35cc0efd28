// Both guides' frames, to the field: what we say in each form, and what we make of what is said to us.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import type { ChatRequest, Turn, TurnRequest } from "../../src/core/turn.ts";
import { createGuideReader } from "../../src/bridge/guide-answer.ts";
import { createGuideDecoder } from "../../src/bridge/guide-frames.ts";
import { encodeFlat, flatPing } from "../../src/bridge/guide-flat.ts";
import { encodeNested } from "../../src/bridge/guide-nested.ts";

function turnOf(request: TurnRequest): Turn {
  return { id: "t1", sessionId: "s1", deadlineMs: 1, scopes: ["inference", "tools"], request };
}

const PLAIN: ChatRequest = {
  kind: "chat",
  model: "cursor-agent",
  stream: true,
  messages: [
    { role: "system", content: [{ type: "text", text: "Be brief." }] },
    { role: "user", content: [{ type: "text", text: "Hi" }] },
  ],
  parameters: { maxTokens: 100, temperature: 0.5, topP: 0.9 },
};

const RICH: ChatRequest = {
  kind: "chat",
  model: "m",
  stream: false,
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "one" },
        { type: "text", text: "two" },
      ],
    },
    {
      role: "user",
      content: [
        { type: "text", text: "look" },
        { type: "image", mediaType: "image/png", data: "AAAA" },
      ],
    },
    {
      role: "assistant",
      content: [],
      toolCalls: [{ id: "c1", name: "read_file", arguments: '{"path":"a"}' }],
    },
    { role: "tool", toolCallId: "c1", content: [{ type: "text", text: "it is" }] },
  ],
  parameters: { stop: ["END"], seed: 7 },
  tools: [{ name: "read_file", parameters: { type: "object" } }],
  toolChoice: "auto",
};

const RICH_MESSAGES = [
  { role: "user", content: "one\ntwo" },
  {
    role: "user",
    content: [
      { type: "text", text: "look" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
    ],
  },
  {
    role: "assistant",
    content: "",
    tool_calls: [
      { id: "c1", type: "function", function: { name: "read_file", arguments: '{"path":"a"}' } },
    ],
  },
  { role: "tool", tool_call_id: "c1", content: "it is" },
];
const RICH_TOOLS = [
  { type: "function", function: { name: "read_file", parameters: { type: "object" } } },
];

const parsed = (text: string): unknown => JSON.parse(text);

describe("the nested form", () => {
  test("has the guide's fields, and sends no parameter that nobody said", () => {
    expect(parsed(encodeNested(turnOf(PLAIN), "mlp test"))).toEqual({
      type: "model_invoke",
      id: "t1",
      session_id: "s1",
      model_meta: {
        provider: "mcp-proxy",
        label: "mlp test",
        requested_scopes: ["inference", "tools"],
      },
      payload: {
        kind: "chat",
        model: "cursor-agent",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hi" },
        ],
        parameters: { stream: true, max_tokens: 100, temperature: 0.5, top_p: 0.9 },
      },
    });
  });

  test("has tools and images in OpenAI's form beside them, and plain text as text", () => {
    expect(parsed(encodeNested(turnOf(RICH), "x"))).toMatchObject({
      payload: {
        messages: RICH_MESSAGES,
        parameters: { stream: false, stop: ["END"], seed: 7 },
        tools: RICH_TOOLS,
        tool_choice: "auto",
      },
    });
  });

  test("says a completion as a message too, for agents that read nothing else", () => {
    const request = { kind: "completion", prompt: "fn main", suffix: "}" } as const;
    const rest = { model: "m", stream: true, parameters: {} };
    expect(parsed(encodeNested(turnOf({ ...request, ...rest }), "x"))).toMatchObject({
      payload: {
        kind: "completion",
        prompt: "fn main",
        suffix: "}",
        messages: [{ role: "user", content: "fn main" }],
      },
    });
  });
});

describe("the flat form", () => {
  test("has everything at the top, as the guide has it", () => {
    expect(parsed(encodeFlat(turnOf(PLAIN), undefined))).toEqual({
      type: "model_invoke",
      id: "t1",
      model: "cursor-agent",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      stream: true,
      max_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
    });
  });

  test("names the configured agent, and has tools and images beside the rest", () => {
    expect(parsed(encodeFlat(turnOf(RICH), "build-box"))).toMatchObject({
      agent_id: "build-box",
      messages: RICH_MESSAGES,
      stream: false,
      tools: RICH_TOOLS,
      stop: ["END"],
    });
  });

  test("cannot ask for embeddings, and says so", () => {
    const request = { kind: "embedding", model: "m", stream: false, input: ["a"] } as const;
    const turn = turnOf({ ...request, parameters: {} });
    expect(() => encodeFlat(turn, undefined)).toThrow("cannot make embeddings");
  });

  test("pings with the time", () => {
    expect(parsed(flatPing(0))).toEqual({ type: "ping", timestamp: "1970-01-01T00:00:00.000Z" });
  });
});

/** What the frames make of a turn: its text, and how it ended. */
function play(...frames: readonly object[]): { text: string; end: string; events: TurnEvent[] } {
  const decoder = createGuideDecoder();
  const reader = createGuideReader(() => "call_made_up");
  const events: TurnEvent[] = [];
  const text = (): string =>
    events.map((event) => (event.type === "text-delta" ? event.text : "")).join("");
  for (const frame of frames) {
    const message = decoder.decode(JSON.stringify(frame));
    if (message.kind !== "frame" || message.frame.type === "error") {
      return { text: text(), end: message.kind, events };
    }
    try {
      if (reader.read(message.frame, events) === "over") {
        const last = events.at(-1);
        return { text: text(), end: last?.type === "finish" ? last.reason : "no finish", events };
      }
    } catch (error) {
      return { text: text(), end: error instanceof AppError ? error.code : "other", events };
    }
  }
  return { text: text(), end: "open", events };
}

const nested = (index: number, content: string, finish: string | null = null) => ({
  type: "model_stream_chunk",
  id: "t1",
  chunk_index: index,
  delta: content === "" ? {} : { content },
  finish_reason: finish,
});
const flat = (content: string, finished = false, finish: string | null = null) => ({
  type: "model_stream_chunk",
  id: "t1",
  chunk: { delta: { content }, finish_reason: finish },
  finished,
});

describe("a stream", () => {
  test("of the nested form ends with its reason", () => {
    expect(play(nested(0, "a"), nested(1, "b"), nested(2, "", "length"))).toMatchObject({
      text: "ab",
      end: "length",
    });
  });

  test("of the flat form that is finished without a reason has stopped", () => {
    expect(play(flat("a"), flat("b", true))).toMatchObject({ text: "ab", end: "stop" });
  });

  test("of the flat form with a reason ends with it, finished or not", () => {
    expect(play(flat("a", false, "length"))).toMatchObject({ text: "a", end: "length" });
  });

  test("may be counted from one, and a chunk that comes twice is heard once", () => {
    expect(play(nested(1, "a"), nested(1, "a"), nested(2, "b", "stop"))).toMatchObject({
      text: "ab",
      end: "stop",
    });
  });

  test.each([
    ["a gap", [0, 2]],
    ["a step back", [0, 1, 0]],
    ["a start in the middle", [5]],
  ])("with %s in its count fails", (_, indices) => {
    expect(play(...indices.map((index) => nested(index, "x"))).end).toBe("agent_error");
  });

  test("that breaks off with the reason `error` fails, after what was said", () => {
    expect(play(nested(0, "half"), nested(1, "", "error"))).toMatchObject({
      text: "half",
      end: "agent_error",
    });
  });

  test("may end by a result: then its text is not said twice", () => {
    const result = {
      type: "model_result",
      id: "t1",
      status: "ok",
      result: { choices: [{ message: { content: "ab" }, finish_reason: "stop" }] },
    };
    expect(play(nested(0, "a"), nested(1, "b"), result)).toMatchObject({ text: "ab", end: "stop" });
    expect(play(result)).toMatchObject({ text: "ab", end: "stop" });
  });

  test("that ends in tool calls says so, whatever its reason says", () => {
    const call = { id: "c1", function: { name: "f", arguments: "{}" } };
    const chunk = { ...nested(0, "", "stop"), delta: { tool_calls: [call] } };
    expect(play(chunk)).toMatchObject({ end: "tool_calls" });
  });

  test("never tears a character, wherever the bridge cut it", () => {
    const texts = fc.string({ unit: "binary", minLength: 1 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(texts, (text) => {
        const units = Array.from({ length: text.length }, (_, at) => text.charAt(at));
        const { events, text: heard } = play(...units.map((unit) => flat(unit)));
        expect(heard).toBe(text);
        for (const event of events) expect("text" in event && event.text.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("a whole answer", () => {
  const message = { role: "assistant", content: "yes" };
  const choices = [{ index: 0, message, finish_reason: "stop" }];

  test("is read in either form", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
    const finish = {
      type: "finish",
      reason: "stop",
      usage: { promptTokens: 3, completionTokens: 4 },
    };
    for (const answer of [
      { status: "ok", result: { choices, usage } },
      { choices, usage },
    ]) {
      const { events } = play({ type: "model_result", id: "t1", ...answer });
      expect(events).toEqual([{ type: "text-delta", text: "yes" }, finish] as TurnEvent[]);
    }
  });

  test("whose counts are the guides' zeros has none", () => {
    const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    const { events } = play({ type: "model_result", id: "t1", choices, usage });
    expect(events.at(-1)).toEqual({ type: "finish", reason: "stop" });
  });

  test.each<[string, object, string]>([
    ["status error", { status: "error", error: { message: "no" } }, "agent_error"],
    ["status timeout", { status: "timeout" }, "agent_timeout"],
    ["an error and no status", { error: "no" }, "agent_error"],
    ["nothing in it", {}, "agent_error"],
    ["no choice", { choices: [] }, "agent_error"],
  ])("with %s fails", (_, answer, code) => {
    expect(play({ type: "model_result", id: "t1", ...answer }).end).toBe(code);
  });
});

describe("tool calls", () => {
  const calls = (...tool_calls: object[]) => ({
    type: "model_stream_chunk",
    id: "t1",
    delta: { tool_calls },
  });

  test("are told apart by index, by id, or by their names alone", () => {
    for (const pair of [
      [
        { index: 0, id: "a", function: { name: "f" } },
        { index: 1, id: "b", function: { name: "g" } },
      ],
      [
        { index: 0, id: "a", function: { name: "f" } },
        { index: 0, id: "b", function: { name: "g" } },
      ],
      [{ id: "a", function: { name: "f" } }, { function: { name: "g" } }],
    ]) {
      const started = play(calls(...pair)).events.filter(({ type }) => type === "tool-call-start");
      expect(started).toHaveLength(2);
    }
  });

  test.each([
    ["go on with a call that is over", [{ index: 1, function: { arguments: "1" } }]],
    ["begin without a name", [{ index: 2, id: "z", function: { arguments: "{}" } }]],
    ["use an id again", [{ index: 3, id: "a", function: { name: "h" } }]],
  ])("that %s fail the turn", (_, more) => {
    const first = [
      { index: 1, id: "a", function: { name: "f" } },
      { index: 2, id: "b", function: { name: "g" } },
    ];
    expect(play(calls(...first), calls(...more)).end).toBe("agent_error");
  });
});

describe("what is said to us", () => {
  const decoder = createGuideDecoder();

  test("may be of a type that is not known, or a sign of life", () => {
    expect(decoder.decode('{"type":"weather"}')).toEqual({ kind: "unknown" });
    expect(decoder.decode('{"type":"ping"}')).toEqual({ kind: "sign" });
  });

  test("names the turn that pays when it cannot be read", () => {
    expect(decoder.decode("nonsense")).toEqual({ kind: "broken", id: undefined });
    const text = '{"type":"model_result","id":"t9","choices":"all of them"}';
    expect(decoder.decode(text)).toEqual({ kind: "broken", id: "t9" });
  });

  test("is never more than the decoder can take", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(["frame", "sign", "unknown", "broken"]).toContain(decoder.decode(text).kind);
      }),
    );
  });
});
