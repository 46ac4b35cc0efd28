// Ollama's options and `think` → our parameters. Knows no model, and nothing of the rest of a request.

import type { Parameters } from "../../core/turn.ts";
import { compact } from "./compact.ts";
import type * as Body from "./schema.ts";

type OptionsBody = Pick<Body.ChatRequest, "options" | "think">;

/** Only what the client said. */
export function decodeParameters(body: OptionsBody): Parameters {
  const options = body.options ?? {};
  const limit = Math.trunc(options.num_predict ?? options.max_tokens ?? 0);
  const stop = [options.stop].flat().filter((each) => isText(each));
  return compact<Parameters>({
    maxTokens: limit > 0 ? limit : undefined,
    temperature: within(options.temperature, 0, Infinity),
    topP: within(options.top_p, 0, 1),
    topK: whole(options.top_k),
    minP: within(options.min_p, 0, 1),
    stop: stop.length > 0 ? stop : undefined,
    seed: options.seed === -1 ? undefined : whole(options.seed),
    frequencyPenalty: options.frequency_penalty,
    presencePenalty: options.presence_penalty,
    reasoningEffort: decodeThink(body.think),
  });
}

/** An empty stop would end every answer at once. */
function isText(stop: string | null | undefined): stop is string {
  return typeof stop === "string" && stop !== "";
}

/** The value, or the end of the range that it is beyond. */
function within(value: number | null | undefined, least: number, most: number): number | undefined {
  return value === null || value === undefined ? undefined : Math.min(most, Math.max(least, value));
}

/** Ollama cuts fractions off where it wants whole numbers, and so do we. */
function whole(value: number | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Math.trunc(value);
}

export type ThinkBody = boolean | string | null | undefined;

/**
 * The effort asked for, "none" for no thinking. `true` asks for what an agent that thinks does anyway, so it says
 * nothing. Some settings pages send words for both.
 */
export function decodeThink(think: ThinkBody): string | undefined {
  if (think === false || think === "false") return "none";
  return typeof think === "string" && think !== "" && think !== "true" ? think : undefined;
}
