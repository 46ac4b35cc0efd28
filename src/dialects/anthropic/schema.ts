// What clients post to the Anthropic routes (Anthropic API, "Messages", "Count tokens"). Tolerant: unknown fields and
// null are accepted everywhere, a known field of the wrong type is not. Only the fields that mean something to us are
// named. The unions are flat, so that a compiled check stays cheap.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { anyObject, maybe, open } from "../kit/schema-kit.ts";

const SOURCE_FIELDS = {
  type: maybe(Type.String(), { examples: ["base64", "url", "text", "content"] }),
  media_type: maybe(Type.String(), { examples: ["image/png"] }),
  data: maybe(Type.String(), { description: "Base64; of a `text` source, the text." }),
  url: maybe(Type.String()),
};

const PLAIN_FIELDS = {
  type: Type.String({ examples: ["text", "image"] }),
  text: maybe(Type.String(), { examples: ["What does this function do?"] }),
  title: maybe(Type.String(), { description: "In `document` and `search_result` blocks." }),
  context: maybe(Type.String(), { description: "In `document` blocks." }),
  tool_name: maybe(Type.String(), { description: "In `tool_reference` blocks." }),
};

/** A block that holds no others. */
const LeafBlock = open({
  ...PLAIN_FIELDS,
  source: maybe(Type.Union([Type.String(), open(SOURCE_FIELDS)])),
});
export type LeafBlock = Static<typeof LeafBlock>;

const NESTING_FIELDS = {
  ...PLAIN_FIELDS,
  source: maybe(
    Type.Union([
      Type.String(),
      open({
        ...SOURCE_FIELDS,
        content: maybe(Type.Union([Type.String(), Type.Array(LeafBlock)]), {
          description: "Of a `content` source.",
        }),
      }),
    ]),
    {
      description: "In `image` and `document` blocks; in `search_result` blocks, where it is from.",
    },
  ),
};

/** A block in a tool's result. */
const InnerBlock = open({
  ...NESTING_FIELDS,
  content: maybe(Type.Union([Type.String(), Type.Array(LeafBlock), anyObject()]), {
    description: "In `search_result` blocks.",
  }),
});
export type InnerBlock = Static<typeof InnerBlock>;

export const ContentBlock = open({
  ...NESTING_FIELDS,
  thinking: maybe(Type.String(), { description: "In `thinking` blocks." }),
  id: maybe(Type.String(), { description: "In `tool_use` blocks." }),
  name: maybe(Type.String(), { description: "In `tool_use` blocks." }),
  input: maybe(anyObject(), { description: "In `tool_use` blocks." }),
  tool_use_id: maybe(Type.String(), { description: "In `tool_result` blocks." }),
  is_error: maybe(Type.Boolean(), { description: "In `tool_result` blocks." }),
  content: maybe(Type.Union([Type.String(), Type.Array(InnerBlock), anyObject()]), {
    description: "In `tool_result` and `search_result` blocks.",
  }),
});
export type ContentBlock = Static<typeof ContentBlock>;

export const InputMessage = open({
  role: Type.String({
    description: "`user` or `assistant`; also `system`, as some clients send it.",
    examples: ["user"],
  }),
  content: maybe(Type.Union([Type.String(), Type.Array(ContentBlock)]), {
    examples: ["Explain this function."],
  }),
});
export type InputMessage = Static<typeof InputMessage>;

export const ToolDefinition = open({
  type: maybe(Type.String(), {
    description:
      "`custom`, or nothing. Tools of other types run on Anthropic's servers, and are left out.",
  }),
  name: maybe(Type.String(), { examples: ["read_file"] }),
  description: maybe(Type.String(), { examples: ["Reads a file of the workspace."] }),
  input_schema: maybe(anyObject(), {
    description: "A JSON Schema.",
    examples: [{ type: "object", properties: { path: { type: "string" } } }],
  }),
  strict: maybe(Type.Boolean()),
});
export type ToolDefinition = Static<typeof ToolDefinition>;

const ToolChoice = open({
  type: Type.String({ description: "`auto`, `any`, `tool` or `none`.", examples: ["auto"] }),
  name: maybe(Type.String(), { description: "With `tool`." }),
  disable_parallel_tool_use: maybe(Type.Boolean()),
});

const OutputFormat = open({
  type: maybe(Type.String(), { examples: ["json_schema"] }),
  schema: maybe(anyObject(), { description: "A JSON Schema." }),
});

/** What is to be answered, and with what: the fields that both routes have. */
const PROMPT_FIELDS = {
  model: Type.String({ minLength: 1, examples: ["cursor-agent"] }),
  messages: Type.Array(InputMessage, {
    description: "The conversation so far.",
    examples: [[{ role: "user", content: "Explain this function." }]],
  }),
  system: maybe(Type.Union([Type.String(), Type.Array(ContentBlock)]), {
    examples: ["Be brief."],
  }),
  tools: maybe(Type.Array(ToolDefinition)),
  tool_choice: maybe(ToolChoice, { examples: [{ type: "auto" }] }),
  thinking: maybe(
    open({
      type: maybe(Type.String(), { examples: ["enabled", "adaptive", "disabled"] }),
      display: maybe(Type.String(), { examples: ["summarized", "omitted"] }),
    }),
    {
      description:
        "Whether the answer shows what the agent thought. How long it thinks is its own affair: `budget_tokens` is ignored.",
    },
  ),
  output_config: maybe(
    open({
      effort: maybe(Type.String(), { examples: ["low", "medium", "high"] }),
      format: maybe(OutputFormat),
    }),
  ),
  output_format: maybe(OutputFormat, { description: "Other place of `output_config.format`." }),
};

const Options = { description: "Fields that are not named here are accepted and ignored." };

/** `POST /v1/messages`. */
export const MessagesRequest = open(
  {
    ...PROMPT_FIELDS,
    max_tokens: maybe(Type.Integer({ minimum: 1 }), {
      description: "Most tokens to answer with; without it the agent decides.",
      examples: [1024],
    }),
    stream: maybe(Type.Boolean(), { description: "Whether to answer in server-sent events." }),
    stop_sequences: maybe(Type.Array(Type.String()), { examples: [["\n\n"]] }),
    temperature: maybe(Type.Number(), { examples: [0.7] }),
    top_p: maybe(Type.Number(), { examples: [0.95] }),
    top_k: maybe(Type.Integer()),
  },
  {
    title: "MessagesRequest",
    ...Options,
    examples: [
      {
        model: "cursor-agent",
        max_tokens: 1024,
        messages: [{ role: "user", content: "Explain this function." }],
      },
    ],
  },
);
export type MessagesRequest = Static<typeof MessagesRequest>;

/** `POST /v1/messages/count_tokens`. */
export const CountTokensRequest = open(PROMPT_FIELDS, {
  title: "CountTokensRequest",
  ...Options,
  examples: [
    { model: "cursor-agent", messages: [{ role: "user", content: "Explain this function." }] },
  ],
});
export type CountTokensRequest = Static<typeof CountTokensRequest>;
