// Token counts, wherever an ACP agent puts them. Pure. `usage_update` is not read: it says how full the context is.
// Seen: `usage` of the prompt's answer (opencode, claude, copilot), its `_meta.quota.token_count` (gemini), and `_meta.usage`
// of a last, empty chunk (qwen).

import type { Usage } from "../../core/event.ts";
import { isJsonObject } from "../../core/json.ts";

/** Of the answer to `session/prompt`. */
export function usageOfAnswer(answer: unknown): Usage | undefined {
  if (!isJsonObject(answer)) return undefined;
  return decodeUsage(answer["usage"]) ?? usageOfMeta(answer["_meta"]);
}

/** Of the `_meta` of an answer or of a chunk. */
export function usageOfMeta(meta: unknown): Usage | undefined {
  if (!isJsonObject(meta)) return undefined;
  const quota = meta["quota"];
  return decodeUsage(meta["usage"]) ?? decodeUsage(isJsonObject(quota) && quota["token_count"]);
}

function decodeUsage(value: unknown): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const read = (...names: readonly string[]): number | undefined => {
    for (const name of names) {
      const count = value[name];
      if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
    }
    return undefined;
  };
  const input = read("inputTokens", "input_tokens", "promptTokens");
  const output = read("outputTokens", "output_tokens", "completionTokens");
  if (input === undefined || output === undefined || input + output === 0) return undefined;
  const thought = read("thoughtTokens", "thought_tokens");
  const cachedRead = read("cachedReadTokens", "cached_read_tokens");
  const cached = (cachedRead ?? 0) + (read("cachedWriteTokens", "cached_write_tokens") ?? 0);
  // Some count what came from a cache beside the input, some within it; the total tells.
  const total = read("totalTokens", "total_tokens") ?? 0;
  const isBeside = cached > 0 && total >= input + output + cached;
  return {
    promptTokens: isBeside ? input + cached : input,
    completionTokens: output,
    ...(thought !== undefined && { reasoningTokens: thought }),
    ...(cachedRead !== undefined && { cachedTokens: cachedRead }),
  };
}
