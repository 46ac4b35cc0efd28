// What clients post to the OpenAI routes (OpenAI API reference, chat and embeddings; and what real editors make of it).
// Tolerant: unknown fields and null are accepted everywhere, a known field of the wrong type is not. Only the
// fields that mean something to us are named. The unions are flat, so that a compiled check stays cheap.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { SAMPLING_FIELDS, STREAM_FIELDS } from "./schema-fields.ts";
import { anyObject, maybe, open } from "../kit/schema-kit.ts";

const PART_FIELDS = {
  type: maybe(Type.String(), {
    description: "`text` or `image_url`. Audio, files and video are refused.",
    examples: ["text", "image_url"],
  }),
  text: maybe(Type.String(), { examples: ["What does this function do?"] }),
  image_url: maybe(
    Type.Union([
      Type.String(),
      open({
        url: Type.String({ description: "A `data:` URL with base64, or an http(s) URL." }),
      }),
    ]),
    { examples: [{ url: "data:image/png;base64,iVBORw0KGgo=" }] },
  ),
  refusal: maybe(Type.String(), { description: "In `refusal` parts." }),
  source: maybe(
    open({
      type: maybe(Type.String()),
      media_type: maybe(Type.String()),
      data: maybe(Type.String()),
      url: maybe(Type.String()),
    }),
    { description: "In `image` parts, as Anthropic's clients send them." },
  ),
  data: maybe(Type.String(), { description: "In `image` parts, as MCP has them: base64." }),
  mimeType: maybe(Type.String(), { description: "Beside `data`." }),
};

const InnerPart = open(PART_FIELDS);

/** A piece of a message's content; also the Anthropic-shaped parts that some editors send to this route. */
export const ContentPart = open({
  ...PART_FIELDS,
  thinking: maybe(Type.String(), { description: "In `thinking` parts." }),
  id: maybe(Type.String(), { description: "In `tool_use` parts." }),
  name: maybe(Type.String(), { description: "In `tool_use` parts." }),
  input: maybe(anyObject(), { description: "In `tool_use` parts." }),
  tool_use_id: maybe(Type.String(), { description: "In `tool_result` parts." }),
  content: maybe(Type.Union([Type.String(), Type.Array(InnerPart)]), {
    description: "In `tool_result` parts.",
  }),
  is_error: maybe(Type.Boolean(), { description: "In `tool_result` parts." }),
});
export type ContentPart = Static<typeof ContentPart>;

/** A piece of a message as Gemini's clients write it: it has a kind by the field that it has (Gemini API, `Part`). */
const GeminiPart = open({
  ...PART_FIELDS,
  inlineData: maybe(open({ mimeType: maybe(Type.String()), data: maybe(Type.String()) }), {
    description: "An image, in base64.",
  }),
  functionCall: maybe(
    open({ id: maybe(Type.String()), name: maybe(Type.String()), args: maybe(anyObject()) }),
    { description: "A call that the assistant made." },
  ),
  functionResponse: maybe(
    open({ id: maybe(Type.String()), name: maybe(Type.String()), response: maybe(anyObject()) }),
    { description: "What came of a call: `output` or `error`, or an object of any kind." },
  ),
});
export type GeminiPart = Static<typeof GeminiPart>;

const FunctionCall = open({
  name: Type.String({ examples: ["read_file"] }),
  arguments: maybe(Type.Union([Type.String(), anyObject()]), {
    description: "The JSON text of an object.",
    examples: ['{"path":"README.md"}'],
  }),
});

export const ChatMessage = open({
  role: Type.String({
    description:
      "`system`, `developer`, `user`, `assistant` or `tool`; also `function` and `model`.",
    examples: ["user"],
  }),
  content: maybe(Type.Union([Type.String(), Type.Array(ContentPart)]), {
    examples: ["Explain this function."],
  }),
  parts: maybe(Type.Array(GeminiPart), { description: "Content as Gemini's clients send it." }),
  name: maybe(Type.String()),
  tool_calls: maybe(Type.Array(open({ id: maybe(Type.String()), function: FunctionCall })), {
    description: "The calls that an assistant made.",
  }),
  function_call: maybe(FunctionCall, { description: "Older form of `tool_calls`." }),
  tool_call_id: maybe(Type.String(), { description: "Which call a `tool` message answers." }),
  reasoning_content: maybe(Type.String(), { description: "What the assistant thought." }),
  reasoning: maybe(Type.String(), { description: "Other name of `reasoning_content`." }),
  refusal: maybe(Type.String()),
});
export type ChatMessage = Static<typeof ChatMessage>;

const FUNCTION_FIELDS = {
  description: maybe(Type.String(), { examples: ["Reads a file of the workspace."] }),
  parameters: maybe(anyObject(), {
    description: "A JSON Schema.",
    examples: [{ type: "object", properties: { path: { type: "string" } } }],
  }),
  strict: maybe(Type.Boolean()),
};

const FunctionDefinition = open({
  name: Type.String({ minLength: 1, examples: ["read_file"] }),
  ...FUNCTION_FIELDS,
});
export type FunctionDefinition = Static<typeof FunctionDefinition>;

export const ToolDefinition = open({
  type: maybe(Type.String(), {
    description: "`function`. Tools that a vendor hosts are left out; `custom` is refused.",
    examples: ["function"],
  }),
  function: maybe(FunctionDefinition),
  name: maybe(Type.String(), { description: "Where `function` is left out: its fields, flat." }),
  ...FUNCTION_FIELDS,
});
export type ToolDefinition = Static<typeof ToolDefinition>;

const NAME_FIELDS = {
  type: maybe(Type.String(), { examples: ["function"] }),
  function: maybe(open({ name: Type.String() })),
  name: maybe(Type.String()),
};

const NamedChoice = open({
  ...NAME_FIELDS,
  allowed_tools: maybe(
    open({ mode: maybe(Type.String()), tools: maybe(Type.Array(open(NAME_FIELDS))) }),
    { description: "With type `allowed_tools`: a choice among these only." },
  ),
});

export const ToolChoice = Type.Union([Type.String(), NamedChoice]);
export type ToolChoice = Static<typeof ToolChoice>;

const SCHEMA_FIELDS = {
  name: maybe(Type.String()),
  description: maybe(Type.String()),
  schema: maybe(anyObject(), { description: "A JSON Schema." }),
  strict: maybe(Type.Boolean()),
};

const ResponseFormat = open({
  type: Type.String({ examples: ["json_object", "json_schema", "text"] }),
  json_schema: maybe(open(SCHEMA_FIELDS)),
  ...SCHEMA_FIELDS,
});

/** `POST /v1/chat/completions`. */
export const ChatCompletionRequest = open(
  {
    model: Type.String({ minLength: 1, examples: ["cursor-agent"] }),
    messages: Type.Array(ChatMessage, {
      description: "The conversation so far.",
      examples: [[{ role: "user", content: "Explain this function." }]],
    }),
    ...STREAM_FIELDS,
    n: maybe(Type.Integer({ minimum: 1 }), { description: "Only 1.", examples: [1] }),
    ...SAMPLING_FIELDS,
    tools: maybe(Type.Array(ToolDefinition)),
    tool_choice: maybe(ToolChoice, { examples: ["auto", "none", "required"] }),
    functions: maybe(Type.Array(FunctionDefinition), { description: "Older form of `tools`." }),
    function_call: maybe(ToolChoice, { description: "Older form of `tool_choice`." }),
    response_format: maybe(ResponseFormat, { examples: [{ type: "json_object" }] }),
  },
  {
    title: "ChatCompletionRequest",
    description: "Fields that are not named here are accepted and ignored.",
    examples: [
      {
        model: "cursor-agent",
        messages: [{ role: "user", content: "Explain this function." }],
        stream: true,
      },
    ],
  },
);
export type ChatCompletionRequest = Static<typeof ChatCompletionRequest>;

/** `POST /v1/embeddings`. */
export const EmbeddingsRequest = open(
  {
    model: Type.String({ minLength: 1, examples: ["nomic-embed-text"] }),
    input: Type.Union(
      [
        Type.String(),
        Type.Array(Type.String()),
        Type.Array(Type.Integer()),
        Type.Array(Type.Array(Type.Integer())),
      ],
      { description: "A text or several. Tokens are refused.", examples: ["The quick brown fox"] },
    ),
    encoding_format: maybe(Type.Union([Type.Literal("float"), Type.Literal("base64")]), {
      description: "`float` (default), or `base64` of little-endian 32-bit floats.",
      examples: ["float"],
    }),
    dimensions: maybe(Type.Integer({ minimum: 1 })),
  },
  {
    title: "EmbeddingsRequest",
    description: "Fields that are not named here are accepted and ignored.",
    examples: [{ model: "nomic-embed-text", input: ["The quick brown fox", "The lazy dog"] }],
  },
);
export type EmbeddingsRequest = Static<typeof EmbeddingsRequest>;

export {
  ChatCompletion,
  ChatCompletionChunk,
  EmbeddingsResponse,
  ErrorResponse,
  Model,
  ModelList,
} from "./answer-schema.ts";
