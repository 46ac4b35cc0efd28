// What we answer on `/v1/responses`, whole and in events: for the OpenAPI document and for the tests, which hold our
// answers to it. Source: OpenAI API reference, "Responses" and its streaming events; `estimated` is an addition.

import { Type } from "@sinclair/typebox";
import type { Static, TProperties } from "@sinclair/typebox";
import { ErrorResponse } from "./answer-schema.ts";
import { anyObject, closed, open } from "../kit/schema-kit.ts";

const Id = Type.String({ examples: ["resp_7f3a"] });
const Text = Type.String({ examples: ["It adds two numbers."] });
const Nothing = Type.Array(Type.Never(), { maxItems: 0 });
const orNull = <Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const ItemStatus = Type.Union([
  Type.Literal("in_progress"),
  Type.Literal("completed"),
  Type.Literal("incomplete"),
]);
export type ItemStatus = Static<typeof ItemStatus>;

const OutputText = closed({
  type: Type.Literal("output_text"),
  text: Text,
  annotations: Nothing,
  logprobs: Nothing,
});

const OutputMessage = closed({
  id: Type.String({ examples: ["msg_7f3a_0"] }),
  type: Type.Literal("message"),
  status: ItemStatus,
  role: Type.Literal("assistant"),
  content: Type.Array(OutputText),
});

const SummaryText = closed({ type: Type.Literal("summary_text"), text: Text });

const Reasoning = closed({
  id: Type.String({ examples: ["rs_7f3a_0"] }),
  type: Type.Literal("reasoning"),
  status: ItemStatus,
  summary: Type.Array(SummaryText, { description: "What the agent thought." }),
});

const CALL_FIELDS = {
  id: Type.String({ examples: ["fc_7f3a_0"] }),
  status: ItemStatus,
  call_id: Type.String({ examples: ["call_1"] }),
  name: Type.String({ examples: ["read_file"] }),
  namespace: Type.Optional(Type.String({ description: "The one that the tool was offered in." })),
};

const FunctionCall = closed({
  ...CALL_FIELDS,
  type: Type.Literal("function_call"),
  arguments: Type.String({ examples: ['{"path":"README.md"}'] }),
});

const CustomToolCall = closed({
  ...CALL_FIELDS,
  type: Type.Literal("custom_tool_call"),
  input: Type.String(),
});

export const OutputItem = Type.Union([OutputMessage, Reasoning, FunctionCall, CustomToolCall]);
export type OutputItem = Static<typeof OutputItem>;

const count = () => Type.Integer({ minimum: 0, examples: [12] });

export const ResponseUsage = closed({
  input_tokens: count(),
  input_tokens_details: closed({ cached_tokens: count(), cache_write_tokens: count() }),
  output_tokens: count(),
  output_tokens_details: closed({ reasoning_tokens: count() }),
  total_tokens: count(),
  estimated: Type.Optional(
    Type.Literal(true, { description: "The agent did not count; these are estimates." }),
  ),
});
export type ResponseUsage = Static<typeof ResponseUsage>;

const ECHO_FIELDS = {
  background: Type.Literal(false),
  instructions: orNull(Type.String()),
  max_output_tokens: orNull(Type.Integer()),
  parallel_tool_calls: Type.Boolean(),
  previous_response_id: orNull(Type.String()),
  reasoning: closed({ effort: orNull(Type.String()), summary: orNull(Type.String()) }),
  store: Type.Boolean(),
  temperature: orNull(Type.Number()),
  text: open({ format: open({}) }),
  tool_choice: Type.Union([Type.String(), anyObject()]),
  tools: Type.Array(anyObject(), { description: "Those that were not skipped." }),
  top_p: orNull(Type.Number()),
  truncation: Type.String(),
  metadata: anyObject(),
};

/** The fields of a response that repeat its request. */
const Echo = closed(ECHO_FIELDS);
export type ResponseEcho = Static<typeof Echo>;

export const ResponseObject = closed(
  {
    id: Id,
    object: Type.Literal("response"),
    created_at: Type.Integer({ description: "Unix time in seconds.", examples: [1767323045] }),
    status: Type.Union([
      Type.Literal("in_progress"),
      Type.Literal("completed"),
      Type.Literal("incomplete"),
      Type.Literal("failed"),
    ]),
    error: orNull(closed({ code: Type.String({ examples: ["server_error"] }), message: Text })),
    incomplete_details: orNull(
      closed({
        reason: Type.Union([Type.Literal("max_output_tokens"), Type.Literal("content_filter")]),
      }),
    ),
    model: Type.String({ examples: ["cursor-agent"] }),
    output: Type.Array(OutputItem),
    usage: orNull(ResponseUsage),
    ...ECHO_FIELDS,
  },
  { title: "Response" },
);
export type ResponseObject = Static<typeof ResponseObject>;

function event<Type_ extends string, Fields extends TProperties>(type: Type_, fields: Fields) {
  const number = Type.Integer({ minimum: 0, description: "Counts the events of this answer." });
  return closed({ type: Type.Literal(type), sequence_number: number, ...fields });
}

const index = () => Type.Integer({ minimum: 0 });
const OF_ITEM = { item_id: Type.String(), output_index: index() };
const OF_PART = { ...OF_ITEM, content_index: index() };
const OF_SUMMARY = { ...OF_ITEM, summary_index: index() };
const whole = { response: ResponseObject };

export const ResponseStreamEvent = Type.Union(
  [
    event("response.created", whole),
    event("response.in_progress", whole),
    event("response.completed", whole),
    event("response.incomplete", whole),
    event("response.failed", whole),
    event("response.output_item.added", { output_index: index(), item: OutputItem }),
    event("response.output_item.done", { output_index: index(), item: OutputItem }),
    event("response.content_part.added", { ...OF_PART, part: OutputText }),
    event("response.content_part.done", { ...OF_PART, part: OutputText }),
    event("response.output_text.delta", { ...OF_PART, delta: Type.String(), logprobs: Nothing }),
    event("response.output_text.done", { ...OF_PART, text: Text, logprobs: Nothing }),
    event("response.reasoning_summary_part.added", { ...OF_SUMMARY, part: SummaryText }),
    event("response.reasoning_summary_part.done", { ...OF_SUMMARY, part: SummaryText }),
    event("response.reasoning_summary_text.delta", { ...OF_SUMMARY, delta: Type.String() }),
    event("response.reasoning_summary_text.done", { ...OF_SUMMARY, text: Text }),
    event("response.function_call_arguments.delta", { ...OF_ITEM, delta: Type.String() }),
    event("response.function_call_arguments.done", {
      ...OF_ITEM,
      name: Type.String(),
      arguments: Type.String(),
    }),
    event("response.custom_tool_call_input.delta", { ...OF_ITEM, delta: Type.String() }),
    event("response.custom_tool_call_input.done", { ...OF_ITEM, input: Type.String() }),
    event("error", {
      code: orNull(Type.String()),
      message: Text,
      param: orNull(Type.String()),
      error: closed(ErrorResponse.properties.error.properties, {
        description: "The same again, where OpenAI really puts it.",
      }),
    }),
  ],
  {
    title: "ResponseStreamEvent",
    description: "The data of one server-sent event, whose name is its `type`.",
  },
);
export type ResponseStreamEvent = Static<typeof ResponseStreamEvent>;

export const DeletedResponse = closed(
  { id: Id, object: Type.Literal("response"), deleted: Type.Literal(true) },
  { title: "DeletedResponse" },
);
export type DeletedResponse = Static<typeof DeletedResponse>;

export const ResponseInputItems = closed(
  {
    object: Type.Literal("list"),
    data: Type.Array(open({ id: Type.String(), type: Type.String() })),
    first_id: orNull(Type.String()),
    last_id: orNull(Type.String()),
    has_more: Type.Boolean(),
  },
  { title: "ResponseInputItems" },
);
export type ResponseInputItems = Static<typeof ResponseInputItems>;
