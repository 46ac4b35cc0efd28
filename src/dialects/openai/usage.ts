// Token counts as OpenAI's clients read them. Nothing is invented: what is not known is left out.

import type { Usage } from "../../core/event.ts";
import type { ChatUsage } from "./answer-schema.ts";

/** `estimated: true` marks figures that nobody counted. */
export function encodeUsage(usage: Usage): ChatUsage {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens, estimated } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(cachedTokens !== undefined && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
    ...(reasoningTokens !== undefined && {
      completion_tokens_details: { reasoning_tokens: reasoningTokens },
    }),
    ...(estimated === true && { estimated }),
  };
}
