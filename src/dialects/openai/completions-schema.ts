// What clients post to the completions routes and what we answer (OpenAI API reference, legacy completions; Mistral
// API reference, fill-in-the-middle, for the route that Continue asks). Tolerant as schema.ts is.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { ChatUsage } from "./answer-schema.ts";
import { SAMPLING_FIELDS, STREAM_FIELDS } from "./schema-fields.ts";
import { closed, maybe, open } from "../kit/schema-kit.ts";

const COMMON_FIELDS = {
  model: Type.String({ minLength: 1, examples: ["cursor-agent"] }),
  ...STREAM_FIELDS,
  ...SAMPLING_FIELDS,
  n: maybe(Type.Integer({ minimum: 1 }), { description: "Only 1.", examples: [1] }),
};

const Suffix = Type.String({
  description:
    "What comes after the cursor, possibly nothing: fill in the middle. Only for models that can `insert`.",
  examples: ["\n}"],
});

/** `POST /v1/completions`. */
export const CompletionRequest = open(
  {
    ...COMMON_FIELDS,
    prompt: maybe(
      Type.Union([
        Type.String(),
        Type.Array(Type.String()),
        Type.Array(Type.Integer()),
        Type.Array(Type.Array(Type.Integer())),
      ]),
      {
        description:
          "One text, or up to 20, which are answered one after the other, each by a turn of its own. Tokens are refused.",
        examples: ["def add(a, b):", ["One, two,", "Red, green,"]],
      },
    ),
    suffix: maybe(Suffix),
    echo: maybe(Type.Boolean(), { description: "Whether the answer begins with the prompt." }),
    best_of: maybe(Type.Integer({ minimum: 1 }), { description: "Only 1.", examples: [1] }),
  },
  {
    title: "CompletionRequest",
    description: "Fields that are not named here are accepted and ignored.",
    examples: [{ model: "cursor-agent", prompt: "def add(a, b):", max_tokens: 64 }],
  },
);
export type CompletionRequest = Static<typeof CompletionRequest>;

/** `POST /v1/fim/completions`. */
export const FimRequest = open(
  {
    ...COMMON_FIELDS,
    prompt: Type.String({ description: "What comes before the cursor.", examples: ["return "] }),
    suffix: maybe(Suffix),
  },
  {
    title: "FimRequest",
    description: "Fields that are not named here are accepted and ignored.",
    examples: [{ model: "codestral", prompt: "return ", suffix: "\n}", max_tokens: 64 }],
  },
);
export type FimRequest = Static<typeof FimRequest>;

const FinishReason = Type.Union(
  [Type.Literal("stop"), Type.Literal("length"), Type.Literal("content_filter")],
  { description: "Why the answer ended.", examples: ["stop"] },
);

const Choice = {
  text: Type.String({ examples: ["\n    return a + b"] }),
  index: Type.Integer({ minimum: 0, description: "Of the prompt, from 0.", examples: [0] }),
  logprobs: Type.Null(),
};

const COMPLETION_FIELDS = {
  id: Type.String({ examples: ["cmpl-7f3a"] }),
  object: Type.Literal("text_completion"),
  created: Type.Integer({ description: "Unix time in seconds.", examples: [1767323045] }),
  model: Type.String({ examples: ["cursor-agent"] }),
};

export const Completion = closed(
  {
    ...COMPLETION_FIELDS,
    choices: Type.Array(closed({ ...Choice, finish_reason: FinishReason }), {
      minItems: 1,
      description: "One for each prompt, in their order.",
    }),
    usage: Type.Optional(ChatUsage),
  },
  { title: "Completion", description: "`usage` is that of all prompts together." },
);
export type Completion = Static<typeof Completion>;

export const CompletionChunk = closed(
  {
    ...COMPLETION_FIELDS,
    choices: Type.Array(
      closed({ ...Choice, finish_reason: Type.Union([FinishReason, Type.Null()]) }),
      { maxItems: 1, description: "Empty in the chunk with the usage." },
    ),
    usage: Type.Optional(ChatUsage),
  },
  {
    title: "CompletionChunk",
    description:
      "The data of one server-sent event. Of several prompts, all chunks of one come before those of the next. The last event's data is `[DONE]`.",
  },
);
export type CompletionChunk = Static<typeof CompletionChunk>;
