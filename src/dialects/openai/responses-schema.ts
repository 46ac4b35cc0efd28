// What clients post to `/v1/responses` (OpenAI API reference, "Responses"; and what Codex and the AI SDK make of it).
// Tolerant as `schema.ts` is. Items of a kind that we do not know are let through and skipped, so no field of theirs
// is held to more than what the kinds that we do know have in common.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { anyObject, maybe, open } from "../kit/schema-kit.ts";

const Part = open({
  type: maybe(Type.String(), {
    description:
      "`input_text`, `output_text`, `refusal` or `input_image`. Files and audio are refused.",
    examples: ["input_text"],
  }),
  text: maybe(Type.String(), { examples: ["What does this function do?"] }),
  refusal: maybe(Type.String(), { description: "In `refusal` parts." }),
  image_url: maybe(Type.Union([Type.String(), open({ url: Type.String() })]), {
    description: "In `input_image` parts: a `data:` URL with base64, or an http(s) URL.",
  }),
});
export type InputPart = Static<typeof Part>;

export const InputItem = open({
  type: maybe(Type.String(), {
    description:
      "`message`, `reasoning`, `function_call`, `function_call_output`, `custom_tool_call`, " +
      "`custom_tool_call_output` or `item_reference`. Others are skipped.",
    examples: ["message"],
  }),
  id: maybe(Type.String()),
  role: maybe(Type.String(), {
    description: "Of a message: `user`, `assistant`, `system` or `developer`.",
    examples: ["user"],
  }),
  content: maybe(Type.Union([Type.String(), Type.Array(Part)]), {
    examples: ["Explain this function."],
  }),
  call_id: maybe(Type.String(), { description: "Of a tool's call, and of its output." }),
  name: maybe(Type.String(), { description: "Of the tool that is called." }),
  namespace: maybe(Type.String(), { description: "Of the tool that is called." }),
  arguments: maybe(Type.Union([Type.String(), anyObject()]), {
    description: "The JSON text of an object.",
  }),
  input: maybe(Type.String(), { description: "Of a call of a `custom` tool." }),
  output: maybe(Type.Union([Type.String(), Type.Array(Part), anyObject()]), {
    description: "What a tool gave back.",
  }),
  summary: maybe(Type.Array(open({ text: maybe(Type.String()) })), {
    description: "What a reasoning item says.",
  }),
});
export type InputItem = Static<typeof InputItem>;

const TOOL_FIELDS = {
  name: maybe(Type.String(), { examples: ["read_file"] }),
  description: maybe(Type.String(), { examples: ["Reads a file of the workspace."] }),
  parameters: maybe(anyObject(), {
    description: "A JSON Schema.",
    examples: [{ type: "object", properties: { path: { type: "string" } } }],
  }),
  strict: maybe(Type.Boolean()),
};

const InnerTool = open({
  type: maybe(Type.String(), {
    description: "`function`, `custom` or `namespace`. The tools that OpenAI hosts are skipped.",
    examples: ["function"],
  }),
  ...TOOL_FIELDS,
  format: maybe(anyObject(), { description: "What a `custom` tool's input looks like." }),
  function: maybe(open(TOOL_FIELDS), { description: "The fields, where they are not flat." }),
});
export type InnerTool = Static<typeof InnerTool>;

export const ResponseTool = open({
  ...InnerTool.properties,
  tools: maybe(Type.Array(InnerTool), { description: "Those of a `namespace`." }),
});
export type ResponseTool = Static<typeof ResponseTool>;

export const ResponseToolChoice = Type.Union([
  Type.String(),
  open({
    type: maybe(Type.String(), { examples: ["function"] }),
    name: maybe(Type.String()),
    mode: maybe(Type.String(), { description: "In `allowed_tools`." }),
    tools: maybe(Type.Array(open({ name: maybe(Type.String()) })), {
      description: "In `allowed_tools`.",
    }),
  }),
]);
export type ResponseToolChoice = Static<typeof ResponseToolChoice>;

const TextFormat = open({
  type: maybe(Type.String(), { examples: ["text", "json_object", "json_schema"] }),
  name: maybe(Type.String()),
  description: maybe(Type.String()),
  schema: maybe(anyObject(), { description: "A JSON Schema." }),
  strict: maybe(Type.Boolean()),
});

/** `POST /v1/responses`. */
export const ResponseRequest = open(
  {
    model: Type.String({ minLength: 1, examples: ["cursor-agent"] }),
    input: maybe(Type.Union([Type.String(), Type.Array(InputItem)]), {
      description: "A text, or the items of a conversation.",
      examples: ["Explain this function."],
    }),
    instructions: maybe(Type.String(), { examples: ["Be brief."] }),
    stream: maybe(Type.Boolean(), { description: "Whether to answer in server-sent events." }),
    store: maybe(Type.Boolean(), {
      description:
        "Whether the answer is kept for an hour, to go on from. It is unless this is false.",
    }),
    previous_response_id: maybe(Type.String(), {
      description: "A kept answer of the same key, to go on from.",
    }),
    tools: maybe(Type.Array(ResponseTool)),
    tool_choice: maybe(ResponseToolChoice, { examples: ["auto", "none", "required"] }),
    parallel_tool_calls: maybe(Type.Boolean()),
    text: maybe(open({ format: maybe(TextFormat) }), {
      examples: [{ format: { type: "json_object" } }],
    }),
    reasoning: maybe(open({ effort: maybe(Type.String()), summary: maybe(Type.String()) }), {
      examples: [{ effort: "medium" }],
    }),
    max_output_tokens: maybe(
      Type.Integer({
        minimum: -1,
        description: "Most tokens to answer with; -1 is no limit.",
        examples: [1024],
      }),
    ),
    temperature: maybe(Type.Number(), { examples: [0.7] }),
    top_p: maybe(Type.Number(), { examples: [0.95] }),
    metadata: maybe(anyObject(), { description: "Comes back with the answer." }),
    truncation: maybe(Type.String(), { examples: ["disabled"] }),
    background: maybe(Type.Boolean(), { description: "Only false.", examples: [false] }),
    conversation: maybe(Type.Union([Type.String(), anyObject()]), {
      description: "Refused: use `previous_response_id`.",
    }),
    prompt: maybe(anyObject(), { description: "Refused: send `instructions` and `input`." }),
  },
  {
    title: "ResponseRequest",
    description: "Fields that are not named here are accepted and ignored.",
    examples: [{ model: "cursor-agent", input: "Explain this function.", stream: true }],
  },
);
export type ResponseRequest = Static<typeof ResponseRequest>;
