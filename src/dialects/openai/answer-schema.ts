// What we answer on the OpenAI routes, for the OpenAPI document and for the tests, which hold our answers to it.
// Source: OpenAI API reference; `reasoning`, `reasoning_content` and `estimated` are additions that clients know or skip.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { closed } from "../kit/schema-kit.ts";

const Created = Type.Integer({ description: "Unix time in seconds.", examples: [1767323045] });

export const ChatUsage = closed(
  {
    prompt_tokens: Type.Integer({ minimum: 0, examples: [12] }),
    completion_tokens: Type.Integer({ minimum: 0, examples: [34] }),
    total_tokens: Type.Integer({ minimum: 0, examples: [46] }),
    prompt_tokens_details: Type.Optional(closed({ cached_tokens: Type.Integer({ minimum: 0 }) })),
    completion_tokens_details: Type.Optional(
      closed({ reasoning_tokens: Type.Integer({ minimum: 0 }) }),
    ),
    estimated: Type.Optional(
      Type.Literal(true, { description: "The agent did not count; these are estimates." }),
    ),
  },
  { description: "Left out when nobody knows." },
);
export type ChatUsage = Static<typeof ChatUsage>;

const FinishReason = Type.Union(
  [
    Type.Literal("stop"),
    Type.Literal("length"),
    Type.Literal("tool_calls"),
    Type.Literal("content_filter"),
    Type.Literal("function_call"),
  ],
  { description: "Why the answer ended.", examples: ["stop"] },
);

export const ChatCompletion = closed(
  {
    id: Type.String({ examples: ["chatcmpl-7f3a"] }),
    object: Type.Literal("chat.completion"),
    created: Created,
    model: Type.String({ examples: ["cursor-agent"] }),
    choices: Type.Array(
      closed({
        index: Type.Literal(0),
        message: closed({
          role: Type.Literal("assistant"),
          content: Type.Union([Type.String(), Type.Null()], {
            description: "Null only where there are tool calls instead.",
            examples: ["It adds two numbers."],
          }),
          refusal: Type.Null(),
          reasoning_content: Type.Optional(Type.String({ description: "What the agent thought." })),
          reasoning: Type.Optional(
            Type.String({ description: "The same as `reasoning_content`." }),
          ),
          tool_calls: Type.Optional(
            Type.Array(
              closed({
                id: Type.String({ examples: ["call_1"] }),
                type: Type.Literal("function"),
                function: closed({
                  name: Type.String({ examples: ["read_file"] }),
                  arguments: Type.String({ examples: ['{"path":"README.md"}'] }),
                }),
              }),
              { minItems: 1 },
            ),
          ),
          function_call: Type.Optional(
            closed(
              { name: Type.String(), arguments: Type.String() },
              { description: "In place of `tool_calls` where `functions` were offered." },
            ),
          ),
        }),
        logprobs: Type.Null(),
        finish_reason: FinishReason,
      }),
      { minItems: 1, maxItems: 1 },
    ),
    usage: Type.Optional(ChatUsage),
  },
  { title: "ChatCompletion" },
);
export type ChatCompletion = Static<typeof ChatCompletion>;

const ToolCallDelta = closed({
  index: Type.Integer({ minimum: 0 }),
  id: Type.Optional(Type.String({ description: "Only in the first piece of a call." })),
  type: Type.Optional(Type.Literal("function")),
  function: closed({
    name: Type.Optional(Type.String({ description: "Only in the first piece of a call." })),
    arguments: Type.String({ description: "A piece of the JSON text." }),
  }),
});

export const ChatCompletionChunk = closed(
  {
    id: Type.String({ examples: ["chatcmpl-7f3a"] }),
    object: Type.Literal("chat.completion.chunk"),
    created: Created,
    model: Type.String({ examples: ["cursor-agent"] }),
    choices: Type.Array(
      closed({
        index: Type.Literal(0),
        delta: closed({
          role: Type.Optional(Type.Literal("assistant")),
          content: Type.Optional(Type.String({ examples: ["It adds"] })),
          reasoning_content: Type.Optional(Type.String()),
          reasoning: Type.Optional(Type.String()),
          tool_calls: Type.Optional(Type.Array(ToolCallDelta, { minItems: 1, maxItems: 1 })),
          function_call: Type.Optional(
            closed({ name: Type.Optional(Type.String()), arguments: Type.String() }),
          ),
        }),
        finish_reason: Type.Union([FinishReason, Type.Null()]),
      }),
      { maxItems: 1, description: "Empty in the chunk with the usage." },
    ),
    usage: Type.Optional(ChatUsage),
  },
  {
    title: "ChatCompletionChunk",
    description: "The data of one server-sent event. The last event's data is `[DONE]`.",
  },
);
export type ChatCompletionChunk = Static<typeof ChatCompletionChunk>;

export const Model = closed(
  {
    id: Type.String({ examples: ["cursor-agent"] }),
    object: Type.Literal("model"),
    created: Created,
    owned_by: Type.String({ examples: ["mcp-local-provider"] }),
    permission: Type.Array(Type.Never(), { maxItems: 0 }),
    root: Type.String({ examples: ["cursor-agent"] }),
    parent: Type.Null(),
  },
  { title: "Model" },
);
export type Model = Static<typeof Model>;

export const ModelList = closed(
  { object: Type.Literal("list"), data: Type.Array(Model) },
  { title: "ModelList" },
);
export type ModelList = Static<typeof ModelList>;

export const EmbeddingsResponse = closed(
  {
    object: Type.Literal("list"),
    model: Type.String({ examples: ["nomic-embed-text"] }),
    data: Type.Array(
      closed({
        object: Type.Literal("embedding"),
        index: Type.Integer({ minimum: 0 }),
        embedding: Type.Union([Type.Array(Type.Number()), Type.String()], {
          description: "Numbers, or base64 of little-endian 32-bit floats.",
          examples: [[0.1, -0.2]],
        }),
      }),
    ),
    usage: Type.Optional(
      closed({
        prompt_tokens: Type.Integer({ minimum: 0 }),
        total_tokens: Type.Integer({ minimum: 0 }),
        estimated: Type.Optional(Type.Literal(true)),
      }),
    ),
  },
  { title: "EmbeddingsResponse" },
);
export type EmbeddingsResponse = Static<typeof EmbeddingsResponse>;

export const ErrorResponse = closed(
  {
    error: closed({
      message: Type.String({ examples: ["The model is not known."] }),
      type: Type.String({ examples: ["invalid_request_error"] }),
      param: Type.Union([Type.String(), Type.Null()], { examples: ["messages"] }),
      code: Type.Union([Type.String(), Type.Null()], { examples: ["invalid_request"] }),
    }),
  },
  { title: "ErrorResponse" },
);
export type ErrorResponse = Static<typeof ErrorResponse>;
