// What we answer in Ollama's protocol (Ollama API, api/types.go): the source of the types that the encoders return
// and of the OpenAPI document. Every field that some client cannot do without is required here.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { open } from "../kit/schema-kit.ts";
import { AnyObject } from "./schema.ts";

const Count = Type.Integer({ minimum: 0 });
const Nanoseconds = Type.Integer({ minimum: 0, description: "Nanoseconds, measured." });
const Timestamp = Type.String({ description: "RFC 3339, UTC." });
const Text = Type.String();

const Estimated = Type.Literal(true, {
  description:
    "The counts are our estimate: the agent did not report any. Not a field of Ollama's.",
});

const Metrics = {
  total_duration: Type.Optional(Nanoseconds),
  load_duration: Type.Optional(Nanoseconds),
  prompt_eval_count: Type.Optional(Count),
  prompt_eval_duration: Type.Optional(Nanoseconds),
  eval_count: Type.Optional(Count),
  eval_duration: Type.Optional(Nanoseconds),
  estimated: Type.Optional(Estimated),
};

/** Counts as the agent reported them, or marked as estimated; durations in whole nanoseconds. */
const MetricsObject = open(Metrics);
export type Metrics = Static<typeof MetricsObject>;

const DoneReason = Type.Union(
  [Type.Literal("stop"), Type.Literal("length"), Type.Literal("load"), Type.Literal("unload")],
  { description: "On the last line only." },
);
export type DoneReason = Static<typeof DoneReason>;

const AnsweredToolCall = open({
  id: Text,
  function: open({ index: Count, name: Text, arguments: AnyObject }),
});
export type AnsweredToolCall = Static<typeof AnsweredToolCall>;

export const ChatAnswer = open(
  {
    model: Text,
    created_at: Timestamp,
    message: open({
      role: Type.Literal("assistant"),
      content: Text,
      thinking: Type.Optional(Text),
      tool_calls: Type.Optional(Type.Array(AnsweredToolCall, { minItems: 1 })),
    }),
    done: Type.Boolean(),
    done_reason: Type.Optional(DoneReason),
    ...Metrics,
  },
  "A line of POST /api/chat, or its whole answer.",
);
export type ChatAnswer = Static<typeof ChatAnswer>;

export const GenerateAnswer = open(
  {
    model: Text,
    created_at: Timestamp,
    response: Text,
    thinking: Type.Optional(Text),
    tool_calls: Type.Optional(Type.Array(AnsweredToolCall, { minItems: 1 })),
    done: Type.Boolean(),
    done_reason: Type.Optional(DoneReason),
    ...Metrics,
  },
  "A line of POST /api/generate, or its whole answer.",
);
export type GenerateAnswer = Static<typeof GenerateAnswer>;

export const EmbedAnswer = open(
  {
    model: Text,
    embeddings: Type.Array(Type.Array(Type.Number())),
    total_duration: Type.Optional(Nanoseconds),
    load_duration: Type.Optional(Nanoseconds),
    prompt_eval_count: Type.Optional(Count),
    estimated: Type.Optional(Estimated),
  },
  "The answer of POST /api/embed.",
);
export type EmbedAnswer = Static<typeof EmbedAnswer>;

export const EmbeddingsAnswer = open(
  { embedding: Type.Array(Type.Number()) },
  "The answer of POST /api/embeddings.",
);
export type EmbeddingsAnswer = Static<typeof EmbeddingsAnswer>;

const Details = open({
  parent_model: Text,
  format: Text,
  family: Type.String({ description: "The connector that answers." }),
  families: Type.Array(Text),
  parameter_size: Text,
  quantization_level: Text,
  context_length: Type.Optional(Count),
});
export type Details = Static<typeof Details>;

const ListedModelFields = {
  name: Text,
  model: Text,
  size: Type.Integer({ minimum: 0, description: "Bytes on disk: none." }),
  digest: Type.String({ description: "Hexadecimal; says which name it is, not which weights." }),
  details: Details,
};

export const TagsAnswer = open(
  {
    models: Type.Array(
      open({ ...ListedModelFields, modified_at: Timestamp, capabilities: Type.Array(Text) }),
    ),
  },
  "The answer of GET /api/tags.",
);
export type TagsAnswer = Static<typeof TagsAnswer>;

export const PsAnswer = open(
  {
    models: Type.Array(
      open({
        ...ListedModelFields,
        expires_at: Timestamp,
        size_vram: Count,
        context_length: Count,
      }),
    ),
  },
  "The answer of GET /api/ps: the models whose agents are connected.",
);
export type PsAnswer = Static<typeof PsAnswer>;

export const ShowAnswer = open(
  {
    license: Text,
    modelfile: Text,
    parameters: Type.String({ description: "A name and its value a line." }),
    template: Type.String({
      description: "Has .Suffix if the model fills in, and tools if it takes them.",
    }),
    details: Details,
    model_info: AnyObject,
    capabilities: Type.Array(Text),
    modified_at: Timestamp,
  },
  "The answer of POST /api/show.",
);
export type ShowAnswer = Static<typeof ShowAnswer>;

export const VersionAnswer = open({ version: Text }, "The answer of GET /api/version.");
export type VersionAnswer = Static<typeof VersionAnswer>;

export const StatusAnswer = open(
  { cloud: open({ disabled: Type.Boolean(), source: Text }) },
  "The answer of GET /api/status.",
);
export type StatusAnswer = Static<typeof StatusAnswer>;

export const PullAnswer = open(
  { status: Type.Union([Type.Literal("pulling manifest"), Type.Literal("success")]) },
  "A line of POST /api/pull for a model that is listed; the last one, or the whole answer, says success.",
);
export type PullAnswer = Static<typeof PullAnswer>;

export const ErrorAnswer = open(
  { error: Type.String({ description: "What went wrong and what to do, for people." }) },
  "A refusal, or the last line of an answer that failed.",
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;
