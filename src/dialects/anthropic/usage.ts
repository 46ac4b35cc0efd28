// Token counts as Anthropic's clients read them: all of them numbers, the cached part apart from the rest.

import type { Usage } from "../../core/event.ts";
import type { MessageUsage } from "./answer-schema.ts";

/** Clients add the input counts up, so what was read from a cache is not in `input_tokens`. */
export function encodeUsage(usage: Usage | undefined): MessageUsage {
  const {
    promptTokens,
    completionTokens,
    cachedTokens = 0,
    reasoningTokens,
    estimated,
  } = usage ?? UNKNOWN;
  return {
    input_tokens: Math.max(0, promptTokens - cachedTokens),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    ...(reasoningTokens !== undefined && {
      output_tokens_details: { thinking_tokens: reasoningTokens },
    }),
    ...(estimated === true && { estimated }),
  };
}

/** The protocol has no way of not saying. */
const UNKNOWN: Usage = { promptTokens: 0, completionTokens: 0, estimated: true };
