// Anthropic's Messages API as it is published: the message, its blocks, the order of its events, and its errors.

import { Type } from "@sinclair/typebox";
import type { Static, TSchema } from "@sinclair/typebox";
import { fits, must, same } from "../check.ts";
import { follow, readEvents } from "../order.ts";
import type { Machine } from "../order.ts";
import { parsed } from "../server.ts";

const Count = Type.Integer({ minimum: 0 });
const Text = Type.String();
const Id = Type.String({ minLength: 1 });
const Nullable = <T extends TSchema>(type: T) => Type.Union([type, Type.Null()]);

export const ErrorAnswer = Type.Object({
  type: Type.Literal("error"),
  error: Type.Object({
    type: Type.Union(
      [
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "conflict_error",
        "request_too_large",
        "rate_limit_error",
        "timeout_error",
        "api_error",
        "overloaded_error",
      ].map((each) => Type.Literal(each)),
    ),
    message: Id,
  }),
});

const TextBlock = Type.Object({ type: Type.Literal("text"), text: Text });
const ThinkingBlock = Type.Object({
  type: Type.Literal("thinking"),
  thinking: Text,
  signature: Text,
});
const ToolBlock = Type.Object({
  type: Type.Literal("tool_use"),
  id: Type.String({ pattern: "^[a-zA-Z0-9_-]+$" }),
  name: Id,
  input: Type.Record(Text, Type.Unknown()),
});
const Block = Type.Union([TextBlock, ThinkingBlock, ToolBlock]);
const StopReason = Type.Union(
  ["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"].map((each) =>
    Type.Literal(each),
  ),
);
const Usage = Type.Object({ input_tokens: Count, output_tokens: Count });

export const Message = Type.Object({
  id: Id,
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  model: Id,
  content: Type.Array(Block),
  stop_reason: StopReason,
  stop_sequence: Nullable(Text),
  usage: Usage,
});

export const Counted = Type.Object({ input_tokens: Count });

const event = <T extends Record<string, TSchema>>(type: string, fields: T) =>
  Type.Object({ type: Type.Literal(type), ...fields });

const EVENTS: Readonly<Record<string, TSchema>> = {
  message_start: event("message_start", {
    message: Type.Object({
      id: Id,
      type: Type.Literal("message"),
      role: Type.Literal("assistant"),
      model: Id,
      content: Type.Array(Type.Unknown(), { maxItems: 0 }),
      stop_reason: Type.Null(),
      stop_sequence: Type.Null(),
      usage: Usage,
    }),
  }),
  content_block_start: event("content_block_start", { index: Count, content_block: Block }),
  content_block_delta: event("content_block_delta", {
    index: Count,
    delta: Type.Union([
      event("text_delta", { text: Text }),
      event("thinking_delta", { thinking: Text }),
      event("signature_delta", { signature: Text }),
      event("input_json_delta", { partial_json: Text }),
    ]),
  }),
  content_block_stop: event("content_block_stop", { index: Count }),
  message_delta: event("message_delta", {
    delta: Type.Object({ stop_reason: StopReason, stop_sequence: Nullable(Text) }),
    usage: Type.Object({ output_tokens: Count }),
  }),
  message_stop: event("message_stop", {}),
  ping: event("ping", {}),
  error: ErrorAnswer,
};

const ORDER: Machine = {
  start: { message_start: "open" },
  open: {
    "content_block_start text": "text",
    "content_block_start thinking": "thinking",
    "content_block_start tool_use": "tool",
    message_delta: "ending",
  },
  text: { "content_block_delta text_delta": "text", content_block_stop: "open" },
  thinking: {
    "content_block_delta thinking_delta": "thinking",
    "content_block_delta signature_delta": "signed",
    content_block_stop: "open",
  },
  signed: { content_block_stop: "open" },
  tool: { "content_block_delta input_json_delta": "tool", content_block_stop: "open" },
  ending: { message_stop: "end" },
};

interface AnyEvent {
  readonly type: string;
  readonly index?: number;
  readonly content_block?: { readonly type: string; readonly id?: string; readonly name?: string };
  readonly delta?: {
    readonly type?: string;
    readonly text?: string;
    readonly thinking?: string;
    readonly partial_json?: string;
    readonly stop_reason?: string;
    readonly stop_sequence?: string | null;
  };
  readonly usage?: { readonly output_tokens: number };
}

function read(body: string): readonly AnyEvent[] {
  return readEvents(body).map(({ event, data }) => {
    const schema = EVENTS[event];
    must(schema !== undefined, `there is no event "${event}"`);
    const value = fits(schema, parsed(data)) as AnyEvent;
    return value;
  });
}

const nameOf = ({ type, content_block: block, delta }: AnyEvent): string =>
  [type, block?.type ?? delta?.type].filter((part) => part !== undefined).join(" ");

/** A stream in the published order, its blocks counted from 0. */
export function readMessage(body: string) {
  const events = read(body).filter(({ type }) => type !== "ping");
  follow(ORDER, events.map(nameOf));
  let place = -1;
  for (const { type, index } of events) {
    if (type === "content_block_start") place += 1;
    if (index !== undefined) same(`the place of ${type}`, index, place);
  }
  const deltas = events.flatMap(({ delta }) => delta ?? []);
  const tools = events.flatMap(({ content_block: block, index }) =>
    block?.type === "tool_use"
      ? [{ id: block.id ?? "", name: block.name ?? "", input: inputOf(events, index) }]
      : [],
  );
  const ending = events.find(({ type }) => type === "message_delta");
  return {
    text: deltas.map(({ text }) => text ?? "").join(""),
    thinking: deltas.map(({ thinking }) => thinking ?? "").join(""),
    tools,
    stopReason: ending?.delta?.stop_reason,
    stopSequence: ending?.delta?.stop_sequence ?? null,
    outputTokens: ending?.usage?.output_tokens,
  };
}

function inputOf(events: readonly AnyEvent[], place: number | undefined): unknown {
  const own = events.filter(({ index, type }) => index === place && type === "content_block_delta");
  const text = own.map(({ delta }) => delta?.partial_json ?? "").join("");
  return text === "" ? {} : parsed(text);
}

/** A stream that failed: the error is its last event. Answers with what was said before, and the error. */
export function readFailure(body: string) {
  const events = read(body);
  const last = fits(ErrorAnswer, events.at(-1));
  must(
    !events.some(({ type }) => type === "message_stop"),
    "a stream that failed says message_stop",
  );
  return { text: events.map(({ delta }) => delta?.text ?? "").join(""), error: last.error };
}

/** Anthropic API, "Models": what every version of its clients reads. */
export const ModelInfo = Type.Object({
  type: Type.Literal("model"),
  id: Id,
  display_name: Id,
  created_at: Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}" }),
});

export const ModelInfoList = Type.Object({
  data: Type.Array(ModelInfo),
  has_more: Type.Boolean(),
  first_id: Nullable(Text),
  last_id: Nullable(Text),
});

export type MessageObject = Static<typeof Message>;
