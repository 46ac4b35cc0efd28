// The wishes about an answer that the OpenAI routes have in common → core `Parameters`. Only what the client said.

import { AppError } from "../../core/error.ts";
import type { Parameters } from "../../core/turn.ts";
import { said } from "../kit/said.ts";
import type { SAMPLING_FIELDS } from "./schema-fields.ts";
import type { ChatCompletionRequest } from "./schema.ts";

type Sampling = Pick<ChatCompletionRequest, keyof typeof SAMPLING_FIELDS>;

/** Throws `invalid_request` for no tokens at all. */
export function decodeParameters(body: Sampling): Parameters {
  return said({
    maxTokens: maxTokensOf(body),
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    stop: stopsOf(body.stop),
    seed: body.seed,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    reasoningEffort: body.reasoning_effort ?? body.reasoning?.effort,
    parallelToolCalls: body.parallel_tool_calls,
  });
}

/** `count` is the field `param`: how many answers are wanted. Throws `unsupported` for more than one. */
export function refuseSeveral(count: number | null | undefined, param: "n" | "best_of"): void {
  if ((count ?? 1) <= 1) return;
  const message = `Only one answer at a time is supported: leave ${param} out.`;
  throw new AppError("unsupported", message, { param });
}

/** -1 is how clients of llama.cpp and LM Studio say "no limit". */
function maxTokensOf(body: Sampling): number | undefined {
  const newer = typeof body.max_completion_tokens === "number";
  const param = newer ? "max_completion_tokens" : "max_tokens";
  const limit = body[param] ?? -1;
  if (limit === 0) {
    throw new AppError("invalid_request", "Ask for at least one token, or leave it out.", {
      param,
    });
  }
  return limit === -1 ? undefined : limit;
}

/** An empty stop text would stop every answer before it starts; clients mean none by it. */
function stopsOf(stop: Sampling["stop"]): string[] | undefined {
  const stops = (typeof stop === "string" ? [stop] : (stop ?? [])).filter((text) => text !== "");
  return stops.length === 0 ? undefined : stops;
}
