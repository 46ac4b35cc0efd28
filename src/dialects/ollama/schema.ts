// What editors send in Ollama's protocol (Ollama API, docs/api.md and api/types.go), as tolerant schemas: unknown
// fields pass, null stands for absent, a known field of the wrong type is refused. Knows nothing of turns.

import { Type } from "@sinclair/typebox";
import type { Static, TObject, TProperties, TSchema } from "@sinclair/typebox";
import type { JsonObject } from "../../core/json.ts";

/** An object that lets unknown fields through. */
export function open<T extends TProperties>(properties: T, description?: string): TObject<T> {
  return Type.Object(properties, {
    additionalProperties: true,
    ...(description !== undefined && { description }),
  });
}

/** A field that may be left out or be null: both say nothing. */
function nullable<T extends TSchema>(schema: T, description?: string) {
  return Type.Optional(
    Type.Union([schema, Type.Null()], description === undefined ? {} : { description }),
  );
}

/** Any JSON object, such as a JSON Schema or a tool's arguments. */
export const AnyObject = Type.Unsafe<JsonObject>(Type.Object({}, { additionalProperties: true }));

const ModelName = Type.String({ minLength: 1, description: "The model's name." });
const KeepAlive = nullable(
  Type.Union([Type.Number(), Type.String()]),
  "Accepted and ignored, since agents are not loaded; 0 with nothing to answer is the unload call.",
);
const Stream = nullable(Type.Boolean(), "Answer line by line (NDJSON). Default true.");
const Think = nullable(
  Type.Union([Type.Boolean(), Type.String()]),
  "false: do not think, and show no thinking; a level such as low, medium, high or max is passed on.",
);
const Format = nullable(
  Type.Union([Type.String(), AnyObject]),
  '"json", or a JSON Schema that the answer shall follow.',
);
const Images = nullable(Type.Array(Type.String()), "Images in base64.");

/** Every key that means something to an agent; the others (num_ctx, repeat_penalty…) pass unread. */
const Options = open(
  {
    num_predict: nullable(Type.Number(), "Most tokens to answer with; 0 and below: no limit."),
    max_tokens: nullable(Type.Number(), "The same, where num_predict is not given."),
    temperature: nullable(Type.Number({ minimum: 0 })),
    top_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    top_k: nullable(Type.Number()),
    min_p: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    stop: nullable(Type.Union([Type.String(), Type.Array(Type.String())])),
    seed: nullable(Type.Number(), "-1: none."),
    frequency_penalty: nullable(Type.Number()),
    presence_penalty: nullable(Type.Number()),
  },
  "Sampling options. Unknown ones are ignored.",
);

const ToolCall = open({
  id: nullable(Type.String()),
  function: open({
    name: Type.String(),
    arguments: nullable(AnyObject, "An object, not text."),
  }),
});

/** Beyond Ollama, which knows only text: what tools written for OpenAI's protocol put into `content`. */
const ContentPart = open({
  type: Type.String({ description: "text or image_url" }),
  text: nullable(Type.String()),
  image_url: nullable(Type.Union([Type.String(), open({ url: Type.String() })])),
});
export type ContentPart = Static<typeof ContentPart>;

export const ChatMessage = open({
  role: Type.String({ description: "system, user, assistant or tool." }),
  content: nullable(Type.Union([Type.String(), Type.Array(ContentPart)])),
  images: Images,
  thinking: nullable(Type.String(), "What the assistant thought before it answered."),
  tool_calls: nullable(Type.Array(ToolCall)),
  tool_name: nullable(Type.String(), "Which tool a tool message answers."),
  tool_call_id: nullable(Type.String(), "Which call a tool message answers."),
});
export type ChatMessage = Static<typeof ChatMessage>;

const Tool = open({
  type: nullable(Type.String()),
  function: open({
    name: Type.String(),
    description: nullable(Type.String()),
    parameters: nullable(AnyObject, "A JSON Schema."),
  }),
});
export type Tool = Static<typeof Tool>;

export const ChatRequest = open(
  {
    model: ModelName,
    messages: nullable(Type.Array(ChatMessage), "None: a load call, which runs nothing."),
    stream: Stream,
    format: Format,
    tools: nullable(Type.Array(Tool)),
    options: nullable(Options),
    think: Think,
    keep_alive: KeepAlive,
  },
  "The body of POST /api/chat.",
);
export type ChatRequest = Static<typeof ChatRequest>;

export const GenerateRequest = open(
  {
    model: ModelName,
    prompt: nullable(Type.String(), "Empty: a load call, which runs nothing."),
    suffix: nullable(Type.String(), "Text after the gap to fill in."),
    system: nullable(Type.String(), "Ignored with raw or suffix."),
    raw: nullable(Type.Boolean(), "Go on from the prompt as it stands."),
    images: Images,
    stream: Stream,
    format: Format,
    options: nullable(Options),
    think: Think,
    keep_alive: KeepAlive,
    template: nullable(Type.String(), "Ignored: agents have no templates."),
    context: nullable(Type.Array(Type.Number()), "Ignored: deprecated in Ollama."),
  },
  "The body of POST /api/generate.",
);
export type GenerateRequest = Static<typeof GenerateRequest>;

export const ShowRequest = open(
  {
    model: nullable(Type.String(), "The model's name."),
    name: nullable(Type.String(), "Its older spelling."),
    verbose: nullable(Type.Boolean(), "Ignored."),
  },
  "The body of POST /api/show, and of POST /api/pull.",
);
export type ShowRequest = Static<typeof ShowRequest>;

export const EmbedRequest = open(
  {
    model: ModelName,
    input: nullable(Type.Union([Type.String(), Type.Array(Type.String())])),
    dimensions: nullable(Type.Integer({ minimum: 0 }), "0: as many as the model has."),
    truncate: nullable(Type.Boolean(), "Ignored: input is never cut."),
    keep_alive: KeepAlive,
    options: nullable(AnyObject),
  },
  "The body of POST /api/embed.",
);
export type EmbedRequest = Static<typeof EmbedRequest>;

export const EmbeddingsRequest = open(
  {
    model: ModelName,
    prompt: nullable(Type.String()),
    keep_alive: KeepAlive,
    options: nullable(AnyObject),
  },
  "The body of POST /api/embeddings, the older form of /api/embed.",
);
export type EmbeddingsRequest = Static<typeof EmbeddingsRequest>;
