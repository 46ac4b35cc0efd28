// Schemas of what is inside a turn's frames: an OpenAI-shaped request (snake_case, chat completions API) and the pieces
// of its answer. Every object is closed but the JSON Schemas that tools and response formats carry through.

import { type Static, Type } from "@sinclair/typebox";
import type { JsonObject } from "../core/json.ts";
import { closed, Count, described, oneOf } from "./shape.ts";

/** JSON that is not ours to read: bounded in depth when decoded, never merged into anything. */
const OpenJson = Type.Unsafe<JsonObject>(Type.Object({}, { additionalProperties: true }));

const WirePart = Type.Union([
  closed({ type: Type.Literal("text"), text: Type.String() }),
  closed({ type: Type.Literal("image_url"), image_url: closed({ url: Type.String() }) }),
]);
export type WirePart = Static<typeof WirePart>;

/** A string is one text part. */
export const Content = Type.Union([Type.String(), Type.Array(WirePart, { maxItems: 4096 })]);
export type WireContent = Static<typeof Content>;

const WireToolCall = closed({
  id: Type.String({ maxLength: 256 }),
  type: Type.Literal("function"),
  function: closed({ name: Type.String({ maxLength: 256 }), arguments: Type.String() }),
});
export type WireToolCall = Static<typeof WireToolCall>;
const ToolCalls = Type.Array(WireToolCall, { maxItems: 1024 });

const WireMessage = Type.Union([
  closed({ role: Type.Literal("system"), content: Content }),
  closed({ role: Type.Literal("user"), content: Content, name: Type.Optional(Type.String()) }),
  closed({
    role: Type.Literal("assistant"),
    content: Content,
    reasoning: Type.Optional(Type.String()),
    tool_calls: Type.Optional(ToolCalls),
  }),
  closed({
    role: Type.Literal("tool"),
    tool_call_id: Type.String(),
    name: Type.Optional(Type.String()),
    content: Content,
    is_error: Type.Optional(Type.Boolean()),
  }),
]);
export type WireMessage = Static<typeof WireMessage>;

const WireParameters = closed({
  stream: Type.Optional(Type.Boolean()),
  max_tokens: Type.Optional(Type.Number()),
  temperature: Type.Optional(Type.Number()),
  top_p: Type.Optional(Type.Number()),
  top_k: Type.Optional(Type.Number()),
  min_p: Type.Optional(Type.Number()),
  stop: Type.Optional(Type.Array(Type.String(), { maxItems: 256 })),
  seed: Type.Optional(Type.Number()),
  frequency_penalty: Type.Optional(Type.Number()),
  presence_penalty: Type.Optional(Type.Number()),
  reasoning_effort: Type.Optional(Type.String({ maxLength: 64 })),
  parallel_tool_calls: Type.Optional(Type.Boolean()),
});
export type WireParameters = Static<typeof WireParameters>;

const WireTool = closed({
  type: Type.Literal("function"),
  function: closed({
    name: Type.String({ maxLength: 256 }),
    description: Type.Optional(Type.String()),
    parameters: Type.Optional(OpenJson),
    strict: Type.Optional(Type.Boolean()),
  }),
});
export type WireTool = Static<typeof WireTool>;

const WireToolChoice = Type.Union([
  oneOf("auto", "none", "required"),
  closed({ type: Type.Literal("function"), function: closed({ name: Type.String() }) }),
]);
export type WireToolChoice = Static<typeof WireToolChoice>;

const WireResponseFormat = Type.Union([
  closed({ type: Type.Literal("json_object") }),
  closed({
    type: Type.Literal("json_schema"),
    json_schema: closed({
      name: Type.String({ maxLength: 256 }),
      description: Type.Optional(Type.String()),
      schema: OpenJson,
      strict: Type.Optional(Type.Boolean()),
    }),
  }),
]);
export type WireResponseFormat = Static<typeof WireResponseFormat>;

const Model = Type.String({ maxLength: 256 });
/** A hint that several turns belong together; nothing depends on it. */
const Conversation = Type.Optional(Type.String({ maxLength: 256 }));

export const Payload = Type.Union([
  closed({
    kind: Type.Literal("chat"),
    model: Model,
    messages: Type.Array(WireMessage, { maxItems: 100_000 }),
    parameters: WireParameters,
    tools: Type.Optional(Type.Array(WireTool, { maxItems: 4096 })),
    tool_choice: Type.Optional(WireToolChoice),
    response_format: Type.Optional(WireResponseFormat),
    conversation: Conversation,
  }),
  closed({
    kind: Type.Literal("completion"),
    model: Model,
    prompt: Type.String(),
    suffix: Type.Optional(Type.String()),
    parameters: WireParameters,
    conversation: Conversation,
  }),
  closed({
    kind: Type.Literal("embedding"),
    model: Model,
    input: Type.Array(Type.String(), { maxItems: 100_000 }),
    dimensions: Type.Optional(Count),
    parameters: WireParameters,
  }),
]);
export type Payload = Static<typeof Payload>;

/** The capability by which a peer says that it reads `tool_results` whose content is in parts. */
export const TOOL_RESULT_PARTS = "tool_result_parts";
/** In `hello` and `welcome`: once a session's token is kept, the agent says `hello` again with it. */
export const SESSION_TOKEN_KEPT = "session_token_kept";
const PARTS_NOTE = `Text alone is a string. Parts, for images, only towards a peer whose greeting has the capability \`${TOOL_RESULT_PARTS}\`.`;

/** What the user sent beside the results. */
export const ResultsMessage = described(
  Content,
  `What the user sent beside the results. ${PARTS_NOTE}`,
);

export const ToolResults = Type.Array(
  closed({
    tool_call_id: Type.String({ maxLength: 256 }),
    content: described(Content, PARTS_NOTE),
    is_error: Type.Optional(Type.Boolean()),
  }),
  { maxItems: 4096 },
);

/** `id` and `name` open call number `index`; without them the arguments go on. Calls come one after the other. */
export const ToolCallDelta = closed({
  index: Count,
  id: Type.Optional(Type.String({ maxLength: 256 })),
  type: Type.Optional(Type.Literal("function")),
  function: closed({
    name: Type.Optional(Type.String({ maxLength: 256 })),
    arguments: Type.Optional(Type.String()),
  }),
});
export type ToolCallDelta = Static<typeof ToolCallDelta>;

export const WholeChoice = closed({
  index: Type.Literal(0),
  message: closed({
    role: Type.Literal("assistant"),
    content: Type.String(),
    reasoning: Type.Optional(Type.String()),
    tool_calls: Type.Optional(ToolCalls),
  }),
  finish_reason: oneOf("stop", "length", "tool_calls", "content_filter"),
});
