import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppError, ERRORS } from "../../../src/core/error.ts";
import type { ErrorCode } from "../../../src/core/error.ts";
import type { FinishReason, TurnEvent, TurnResult } from "../../../src/core/event.ts";
import {
  ErrorAnswer,
  Message,
  MessageStreamEvent,
} from "../../../src/dialects/anthropic/answer-schema.ts";
import type { AnswerBlock } from "../../../src/dialects/anthropic/answer-schema.ts";
import type { ThinkingDisplay } from "../../../src/dialects/anthropic/decode.ts";
import { createMessageStream, encodeMessage } from "../../../src/dialects/anthropic/encode.ts";
import { encodeError } from "../../../src/dialects/anthropic/errors.ts";
import { createSseDecoder } from "../../../src/wire/sse.ts";
import { createShapeCheck } from "./support.ts";

const META = { id: "a", model: 'm "x"', created: 1_767_323_045_999 };

const reasons: FinishReason[] = ["stop", "tool_calls", "length", "content_filter"];
const displays: ThinkingDisplay[] = ["shown", "omitted", "hidden"];

function callOf(id: string, input: object): TurnEvent[] {
  const json = JSON.stringify(input);
  const half = Math.ceil(json.length / 2);
  const pieces = json === "{}" ? [] : [json.slice(0, half), json.slice(half)];
  return [
    { type: "tool-call-start", id, name: "f" },
    ...pieces.map((text): TurnEvent => ({ type: "tool-call-delta", id, arguments: text })),
  ];
}

/** A turn as agents may answer it: calls one after the other, each with its pieces, then the end. */
const turn: fc.Arbitrary<TurnEvent[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.string().map((text): TurnEvent[] => [{ type: "text-delta", text }]),
        fc.string().map((text): TurnEvent[] => [{ type: "reasoning-delta", text }]),
        fc
          .tuple(fc.nat(), fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 2 }))
          .map(([id, input]) => callOf(`call_${id}`, { ...input })),
      ),
    ),
    fc.constantFrom(...reasons),
  )
  .map(([deltas, reason]) => {
    const usage = { promptTokens: 1, completionTokens: 2 };
    return [...deltas.flat(), { type: "finish", reason, usage }];
  });

function resultOf(events: readonly TurnEvent[]): TurnResult {
  const result = { text: "", reasoning: "", toolCalls: [] as Mutable[], vectors: [] };
  for (const event of events) {
    if (event.type === "text-delta") result.text += event.text;
    if (event.type === "reasoning-delta") result.reasoning += event.text;
    if (event.type === "tool-call-start") {
      result.toolCalls.push({ id: event.id, name: event.name, arguments: "" });
    }
    if (event.type === "tool-call-delta") result.toolCalls.at(-1)!.arguments += event.arguments;
  }
  const finish = events.at(-1) as TurnResult["finish"];
  return { ...result, finish };
}

interface Mutable {
  id: string;
  name: string;
  arguments: string;
}

interface Sent {
  readonly type: string;
  readonly index?: number;
  readonly content_block?: AnswerBlock;
  readonly delta?: Readonly<Record<string, unknown>>;
}

function streamed(events: readonly TurnEvent[], thinking: ThinkingDisplay): readonly Sent[] {
  const stream = createMessageStream(META, { thinking, promptTokens: 3 });
  const decoder = createSseDecoder();
  const wire = stream.start() + events.map((event) => stream.event(event)).join("");
  return [...decoder.push(wire), ...decoder.end()].map(({ event, data }) => {
    const sent = JSON.parse(data) as Sent;
    expect(event).toBe(sent.type);
    return sent;
  });
}

/** What a client puts together: blocks in order, each begun, filled and ended before the next. */
function blocksOf(events: readonly Sent[]): AnswerBlock[] {
  const blocks: Record<string, unknown>[] = [];
  let open = false;
  for (const { type, index, content_block: block, delta } of events) {
    if (type === "content_block_start") {
      expect([open, index]).toEqual([false, blocks.length]);
      blocks.push({ ...block, ...(block?.type === "tool_use" && { input: "" }) });
      open = true;
    } else if (type === "content_block_delta") {
      expect([open, index]).toEqual([true, blocks.length - 1]);
      for (const [key, piece] of Object.entries(delta ?? {})) {
        const field = key === "partial_json" ? "input" : key;
        const last = blocks.at(-1)!;
        if (field !== "type") last[field] = `${String(last[field])}${String(piece)}`;
      }
    } else if (type === "content_block_stop") {
      expect([open, index]).toEqual([true, blocks.length - 1]);
      open = false;
    }
  }
  expect(open).toBe(false);
  for (const block of blocks) {
    if (block["type"] === "tool_use") block["input"] = JSON.parse(block["input"] as string);
  }
  return blocks as AnswerBlock[];
}

/** All of one kind, as the whole answer has it, which does not know the order of the parts. */
function joined(blocks: readonly AnswerBlock[]): object {
  const text = blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  const thinking = blocks
    .map((block) => (block.type === "thinking" ? block.thinking : ""))
    .join("");
  return { text, thinking, calls: blocks.filter(({ type }) => type === "tool_use") };
}

describe("a stream of events", () => {
  test("has, for any turn, the published order, and adds up to the whole answer", () => {
    const checkEvent = createShapeCheck(MessageStreamEvent);
    const checkMessage = createShapeCheck(Message);
    fc.assert(
      fc.property(turn, fc.constantFrom(...displays), (events, thinking) => {
        const sent = streamed(events, thinking);
        for (const event of sent) checkEvent(event);
        expect(sent[0]?.type).toBe("message_start");
        expect(sent.slice(-2).map(({ type }) => type)).toEqual(["message_delta", "message_stop"]);
        expect(sent.filter(({ type }) => type.startsWith("message"))).toHaveLength(3);

        const whole = encodeMessage(resultOf(events), META, { thinking });
        checkMessage(whole);
        const blocks = blocksOf(sent);
        expect(joined(blocks)).toEqual(joined(whole.content));
        expect(blocks.length === 0).toBe(whole.content.length === 0);
        const { stop_reason, stop_sequence } = whole;
        expect(sent.at(-2)?.delta).toEqual({ stop_reason, stop_sequence });
      }),
    );
  });

  test("signs every thinking block, and each ends in its signature", () => {
    const events: TurnEvent[] = [
      { type: "reasoning-delta", text: "One." },
      { type: "text-delta", text: "A" },
      { type: "reasoning-delta", text: "Two." },
      { type: "finish", reason: "stop" },
    ];
    const blocks = blocksOf(streamed(events, "shown"));
    const thoughts = blocks.filter((block) => block.type === "thinking");
    expect(thoughts.map(({ thinking }) => thinking)).toEqual(["One.", "Two."]);
    for (const { signature } of thoughts) expect(signature).not.toBe("");
    expect(new Set(thoughts.map(({ signature }) => signature)).size).toBe(1);
  });

  test("keeps the socket alive by pings, before and within a block", () => {
    const stream = createMessageStream(META, { thinking: "hidden", promptTokens: 1 });
    expect(stream.heartbeat()).toBe('event: ping\ndata: {"type":"ping"}\n\n');
  });

  test("that fails ends in the error: its type, its message, our code and the request's id", () => {
    const stream = createMessageStream(META, { thinking: "hidden", promptTokens: 1 });
    stream.event({ type: "text-delta", text: "Half" });
    const [error] = createSseDecoder().push(
      stream.error(new AppError("agent_error", "It fell over.")),
    );
    expect(error?.event).toBe("error");
    expect(JSON.parse(error!.data)).toEqual({
      type: "error",
      error: {
        type: "api_error",
        message: "It fell over.",
        details: { error_code: "agent_error" },
      },
      request_id: "a",
    });
  });
});

describe("a whole answer", () => {
  const finish = { type: "finish", reason: "stop" } as const;
  const EMPTY: TurnResult = { text: "", reasoning: "", toolCalls: [], vectors: [], finish };

  test("with a call whose arguments are no object is the agent's failure", () => {
    for (const json of ["[1]", '"x"', "{", "null"]) {
      const toolCalls = [{ id: "a", name: "f", arguments: json }];
      const encode = () => encodeMessage({ ...EMPTY, toolCalls }, META, { thinking: "hidden" });
      expect(encode).toThrow(expect.objectContaining({ code: "agent_error" }));
    }
  });

  test("says which stop sequence ended it only where nothing else did", () => {
    const stop = (fields: Partial<TurnResult["finish"]>, calls = 0) => {
      const toolCalls = Array.from({ length: calls }, () => ({
        id: "a",
        name: "f",
        arguments: "{}",
      }));
      const result = { ...EMPTY, text: "x", toolCalls, finish: { ...finish, ...fields } };
      const answer = encodeMessage(result, META, { thinking: "hidden" });
      return [answer.stop_reason, answer.stop_sequence];
    };
    expect(stop({ stopSequence: "END" })).toEqual(["stop_sequence", "END"]);
    expect(stop({ stopSequence: "END" }, 1)).toEqual(["tool_use", null]);
    expect(stop({ reason: "length", stopSequence: "END" })).toEqual(["max_tokens", null]);
    expect(stop({ reason: "tool_calls" })).toEqual(["end_turn", null]);
  });

  test("never counts a cached token twice, nor below nothing", () => {
    const usage = { promptTokens: 5, completionTokens: 1, cachedTokens: 9 };
    const result = { ...EMPTY, text: "x", finish: { ...finish, usage } };
    const answer = encodeMessage(result, META, { thinking: "hidden" });
    expect(answer.usage).toMatchObject({ input_tokens: 0, cache_read_input_tokens: 9 });
  });
});

describe("an error", () => {
  const types: readonly (readonly [ErrorCode, string])[] = [
    ["invalid_request", "invalid_request_error"],
    ["method_not_allowed", "invalid_request_error"],
    ["misdirected", "invalid_request_error"],
    ["invalid_api_key", "authentication_error"],
    ["consent_required", "permission_error"],
    ["model_not_found", "not_found_error"],
    ["already_ran", "conflict_error"],
    ["payload_too_large", "request_too_large"],
    ["rate_limited", "rate_limit_error"],
    ["agent_timeout", "timeout_error"],
    ["agent_error", "api_error"],
    ["internal", "api_error"],
    ["no_active_session", "api_error"],
    ["client_cancelled", "api_error"],
    ["too_busy", "overloaded_error"],
  ];

  test.each(types)("%s is a %s", (code, type) => {
    const { status, body } = encodeError(new AppError(code, "M"));
    expect(status).toBe(ERRORS[code].status);
    expect(body.error).toEqual({ type, message: "M", details: { error_code: code } });
  });

  test("names the field at fault once", () => {
    const messageOf = (text: string, param?: string) => {
      const details = param === undefined ? {} : { param };
      return encodeError(new AppError("invalid_request", text, details)).body.error.message;
    };
    expect(messageOf("It is empty.", "messages")).toBe("messages: It is empty.");
    expect(messageOf("messages: expected array.", "messages")).toBe("messages: expected array.");
    expect(messageOf("It is empty.")).toBe("It is empty.");
  });

  test("is of one shape whatever failed, and calls nothing overloaded that an agent may have begun", () => {
    const check = createShapeCheck(ErrorAnswer);
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { body } = encodeError(new AppError(code, "M"));
      check(body);
      expect([code, body.error.type === "overloaded_error"]).toEqual([code, code === "too_busy"]);
    }
  });
});

test("thoughts that nobody asked for are kept for an answer of nothing else, and not without end", () => {
  const stream = createMessageStream(META, { thinking: "hidden", promptTokens: 1 });
  const thought = "t".repeat(1024 * 1024);
  for (let count = 0; count < 3; count += 1) {
    expect(stream.event({ type: "reasoning-delta", text: thought })).toBe("");
  }
  const end = stream.event({ type: "finish", reason: "stop" });
  expect(end).toContain("thinking_delta");
  expect(end.length).toBeLessThan(thought.length * 2);
});
