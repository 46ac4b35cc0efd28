// What editors send in Ollama's protocol (Ollama API, docs/api.md and api/types.go), as tolerant schemas: unknown
// fields pass, null stands for absent, a known field of the wrong type is refused. Knows nothing of turns.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { anyObject, maybe, open } from "../kit/schema-kit.ts";

/** Any JSON object, such as a JSON Schema or a tool's arguments. */
export const AnyObject = anyObject();

const ModelName = Type.String({ minLength: 1, description: "The model's name." });
const KeepAlive = maybe(
  Type.Union([Type.Number(), Type.String()]),
  "Accepted and ignored, since agents are not loaded; 0 with nothing to answer is the unload call.",
);
const Stream = maybe(Type.Boolean(), "Answer line by line (NDJSON). Default true.");
const Think = maybe(
  Type.Union([Type.Boolean(), Type.String()]),
  "false: do not think, and show no thinking; a level such as low, medium, high or max is passed on.",
);
const Format = maybe(
  Type.Union([Type.String(), AnyObject]),
  '"json", or a JSON Schema that the answer shall follow.',
);
const Images = maybe(
  Type.Array(Type.Union([Type.String(), Type.Null()])),
  "Images in base64, with or without the beginning of a data URL.",
);

/**
 * Every key that means something to an agent; the others (num_ctx, repeat_penalty…) pass unread. No ranges: Ollama
 * takes any number, and what is out of its range is brought back into it.
 */
const Options = open(
  {
    num_predict: maybe(Type.Number(), "Most tokens to answer with; 0 and below: no limit."),
    max_tokens: maybe(Type.Number(), "The same, where num_predict is not given."),
    temperature: maybe(Type.Number(), "0 or more."),
    top_p: maybe(Type.Number(), "0 to 1."),
    top_k: maybe(Type.Number()),
    min_p: maybe(Type.Number(), "0 to 1."),
    stop: maybe(Type.Union([Type.String(), Type.Array(Type.Union([Type.String(), Type.Null()]))])),
    seed: maybe(Type.Number(), "-1: none."),
    frequency_penalty: maybe(Type.Number()),
    presence_penalty: maybe(Type.Number()),
  },
  "Sampling options. Unknown ones are ignored.",
);

const ToolCall = open({
  id: maybe(Type.String()),
  function: open({
    name: Type.String(),
    arguments: maybe(
      Type.Union([AnyObject, Type.String()]),
      "An object; also its JSON text, as OpenAI's protocol has it.",
    ),
  }),
});

/** Beyond Ollama, which knows only text: what tools written for OpenAI's protocol put into `content`. */
const ContentPart = open({
  type: Type.String({ description: "text or image_url" }),
  text: maybe(Type.String()),
  image_url: maybe(Type.Union([Type.String(), open({ url: Type.String() })])),
});
export type ContentPart = Static<typeof ContentPart>;

export const ChatMessage = open({
  role: Type.String({
    description:
      "system, user, assistant or tool, in any case; also the names that others have for them.",
  }),
  content: maybe(Type.Union([Type.String(), Type.Array(ContentPart)])),
  images: Images,
  thinking: maybe(Type.String(), "What the assistant thought before it answered."),
  tool_calls: maybe(Type.Array(ToolCall)),
  tool_name: maybe(Type.String(), "Which tool a tool message answers."),
  name: maybe(Type.String(), "The same, as OpenAI's protocol has it."),
  tool_call_id: maybe(Type.String(), "Which call a tool message answers."),
});
export type ChatMessage = Static<typeof ChatMessage>;

const Tool = open({
  type: maybe(Type.String()),
  function: open({
    name: Type.String(),
    description: maybe(Type.String()),
    parameters: maybe(AnyObject, "A JSON Schema."),
  }),
});
export type Tool = Static<typeof Tool>;

export const ChatRequest = open(
  {
    model: ModelName,
    messages: maybe(Type.Array(ChatMessage), "None: a load call, which runs nothing."),
    stream: Stream,
    format: Format,
    tools: maybe(Type.Array(Tool)),
    options: maybe(Options),
    think: Think,
    keep_alive: KeepAlive,
  },
  "The body of POST /api/chat.",
);
export type ChatRequest = Static<typeof ChatRequest>;

export const GenerateRequest = open(
  {
    model: ModelName,
    prompt: maybe(Type.String(), "Empty: a load call, which runs nothing."),
    suffix: maybe(
      Type.String(),
      "Text after the gap to fill in, with `raw` possibly none. For models with the capability insert only.",
    ),
    system: maybe(Type.String(), "Ignored with suffix, and where a text is gone on from."),
    raw: maybe(
      Type.Boolean(),
      "Go on from the prompt as it stands. A prompt with a code model's own marks around a gap fills the gap in.",
    ),
    images: Images,
    tools: maybe(Type.Array(Tool), "Beyond Ollama: as in /api/chat."),
    stream: Stream,
    format: Format,
    options: maybe(Options),
    think: Think,
    keep_alive: KeepAlive,
    template: maybe(Type.String(), "Ignored: agents have no templates."),
    context: maybe(
      Type.Array(Type.Number()),
      "Ignored, and none is answered: agents do not show their tokens. Deprecated in Ollama.",
    ),
  },
  "The body of POST /api/generate.",
);
export type GenerateRequest = Static<typeof GenerateRequest>;

export const ShowRequest = open(
  {
    model: maybe(Type.String(), "The model's name."),
    name: maybe(Type.String(), "Its older spelling."),
    verbose: maybe(Type.Boolean(), "Ignored."),
  },
  "The body of POST /api/show.",
);
export type ShowRequest = Static<typeof ShowRequest>;

export const PullRequest = open(
  {
    model: maybe(Type.String(), "The model's name."),
    name: maybe(Type.String(), "Its older spelling."),
    stream: Stream,
    insecure: maybe(Type.Boolean(), "Ignored."),
  },
  "The body of POST /api/pull.",
);
export type PullRequest = Static<typeof PullRequest>;

export const EmbedRequest = open(
  {
    model: ModelName,
    input: maybe(Type.Union([Type.String(), Type.Array(Type.String())])),
    dimensions: maybe(
      Type.Integer(),
      "How long a vector may be; longer ones are cut. 0 and below: as long as the model makes it.",
    ),
    truncate: maybe(
      Type.Boolean(),
      "Ignored: input is never cut here. What is too long, the agent cuts or refuses.",
    ),
    keep_alive: KeepAlive,
    options: maybe(AnyObject),
  },
  "The body of POST /api/embed.",
);
export type EmbedRequest = Static<typeof EmbedRequest>;

export const EmbeddingsRequest = open(
  {
    model: ModelName,
    prompt: maybe(Type.String()),
    keep_alive: KeepAlive,
    options: maybe(AnyObject),
  },
  "The body of POST /api/embeddings, the older form of /api/embed.",
);
export type EmbeddingsRequest = Static<typeof EmbeddingsRequest>;
