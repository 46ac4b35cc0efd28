// What we answer on the Anthropic routes, for the OpenAPI document and for the tests, which hold our answers to it.
// Source: Anthropic API, "Messages", "Streaming messages", "Count tokens", "Errors". `estimated` is an
// addition. Fields that the published answers have as null are left out: some clients take them for absent only.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { anyObject, closed } from "../kit/schema-kit.ts";

const Count = Type.Integer({ minimum: 0 });
const Estimated = Type.Optional(
  Type.Literal(true, { description: "Nobody counted; these are estimates." }),
);

export const MessageUsage = closed(
  {
    input_tokens: Type.Integer({
      minimum: 0,
      description: "Of the prompt, without those read from a cache.",
      examples: [12],
    }),
    cache_creation_input_tokens: Count,
    cache_read_input_tokens: Count,
    output_tokens: Type.Integer({ minimum: 0, examples: [34] }),
    output_tokens_details: Type.Optional(closed({ thinking_tokens: Count })),
    estimated: Estimated,
  },
  {
    description:
      "At the start of a stream an estimate of the prompt; `message_delta` has the whole answer's.",
  },
);
export type MessageUsage = Static<typeof MessageUsage>;

const TextBlock = closed({ type: Type.Literal("text"), text: Type.String() });
const ThinkingBlock = closed(
  {
    type: Type.Literal("thinking"),
    thinking: Type.String({ description: "What the agent thought." }),
    signature: Type.String({ description: "Says who answered; it proves nothing to anybody." }),
  },
  { description: "Only for requests with `thinking`, or where there is no other answer." },
);
const ToolUseBlock = closed({
  type: Type.Literal("tool_use"),
  id: Type.String({ examples: ["call_1"] }),
  name: Type.String({ examples: ["read_file"] }),
  input: anyObject({ examples: [{ path: "README.md" }] }),
});
const AnswerBlock = Type.Union([TextBlock, ThinkingBlock, ToolUseBlock]);
export type AnswerBlock = Static<typeof AnswerBlock>;

const StopReason = Type.Union(
  [
    Type.Literal("end_turn"),
    Type.Literal("max_tokens"),
    Type.Literal("stop_sequence"),
    Type.Literal("tool_use"),
    Type.Literal("refusal"),
  ],
  { description: "Why the answer ended.", examples: ["end_turn"] },
);
export type StopReason = Static<typeof StopReason>;

const StopSequence = Type.Union([Type.String(), Type.Null()], {
  description: "The stop sequence that ended the answer.",
});

const MESSAGE_FIELDS = {
  id: Type.String({ examples: ["req_7f3a"] }),
  type: Type.Literal("message"),
  role: Type.Literal("assistant"),
  model: Type.String({ examples: ["cursor-agent"] }),
};

export const Message = closed(
  {
    ...MESSAGE_FIELDS,
    content: Type.Array(AnswerBlock),
    stop_reason: StopReason,
    stop_sequence: StopSequence,
    usage: MessageUsage,
  },
  { title: "Message" },
);
export type Message = Static<typeof Message>;

const Index = Type.Integer({ minimum: 0, description: "Of the block in the message." });

const Delta = Type.Union([
  closed({ type: Type.Literal("text_delta"), text: Type.String() }),
  closed({ type: Type.Literal("thinking_delta"), thinking: Type.String() }),
  closed({ type: Type.Literal("signature_delta"), signature: Type.String() }),
  closed({
    type: Type.Literal("input_json_delta"),
    partial_json: Type.String({ description: "A piece of the JSON text." }),
  }),
]);

export const MessageStreamEvent = Type.Union(
  [
    closed({
      type: Type.Literal("message_start"),
      message: closed({
        ...MESSAGE_FIELDS,
        content: Type.Array(Type.Never(), { maxItems: 0 }),
        stop_reason: Type.Null(),
        stop_sequence: Type.Null(),
        usage: MessageUsage,
      }),
    }),
    closed({
      type: Type.Literal("content_block_start"),
      index: Index,
      content_block: AnswerBlock,
    }),
    closed({ type: Type.Literal("content_block_delta"), index: Index, delta: Delta }),
    closed({ type: Type.Literal("content_block_stop"), index: Index }),
    closed({
      type: Type.Literal("message_delta"),
      delta: closed({ stop_reason: StopReason, stop_sequence: StopSequence }),
      usage: MessageUsage,
    }),
    closed({ type: Type.Literal("message_stop") }),
    closed({ type: Type.Literal("ping") }),
  ],
  {
    title: "MessageStreamEvent",
    description: "The data of one server-sent event, whose name is its `type`.",
  },
);

export const TokenCount = closed(
  { input_tokens: Type.Integer({ minimum: 0, examples: [12] }), estimated: Type.Literal(true) },
  { title: "TokenCount", description: "Always an estimate: about four characters to a token." },
);
export type TokenCount = Static<typeof TokenCount>;

export const ErrorAnswer = closed(
  {
    type: Type.Literal("error"),
    error: closed({
      type: Type.String({ examples: ["invalid_request_error"] }),
      message: Type.String({ examples: ["The model is not known."] }),
      details: closed({
        error_code: Type.String({
          description: "Our own code, the same in every dialect.",
          examples: ["invalid_request"],
        }),
      }),
    }),
    request_id: Type.Optional(Type.String({ description: "In streams; a header has it too." })),
  },
  { title: "ErrorAnswer" },
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;
