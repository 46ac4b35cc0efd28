// Fields that more than one route of the dialect takes (OpenAI API reference). Tolerant as schema.ts is.

import { Type } from "@sinclair/typebox";
import { maybe, open } from "../kit/schema-kit.ts";

const TokenLimit = Type.Integer({
  minimum: -1,
  description: "Most tokens to answer with; -1 is no limit.",
  examples: [1024],
});

/** What the routes that answer with text have in common. */
export const SAMPLING_FIELDS = {
  max_tokens: maybe(TokenLimit),
  max_completion_tokens: maybe(TokenLimit, { description: "Wins over `max_tokens`." }),
  temperature: maybe(Type.Number(), { examples: [0.7] }),
  top_p: maybe(Type.Number(), { examples: [0.95] }),
  top_k: maybe(Type.Integer()),
  min_p: maybe(Type.Number()),
  stop: maybe(Type.Union([Type.String(), Type.Array(Type.String())]), { examples: [["\n\n"]] }),
  seed: maybe(Type.Integer()),
  frequency_penalty: maybe(Type.Number()),
  presence_penalty: maybe(Type.Number()),
  reasoning_effort: maybe(Type.String(), { examples: ["low", "medium", "high"] }),
  reasoning: maybe(open({ effort: maybe(Type.String()) }), {
    description: "Other place of `reasoning_effort`.",
  }),
  parallel_tool_calls: maybe(Type.Boolean()),
};

/** How an answer is to come. */
export const STREAM_FIELDS = {
  stream: maybe(Type.Boolean(), { description: "Whether to answer in server-sent events." }),
  stream_options: maybe(
    open({
      include_usage: maybe(Type.Boolean(), {
        description: "Whether a last chunk says how many tokens were used.",
      }),
    }),
  ),
};
