// What a request may cost before it runs: its tokens by estimate, and the operator's cap on its answer. Pure.

import type { TurnRequest } from "../core/turn.ts";
import { estimateTokens, promptCharacters } from "./estimate.ts";

/**
 * Tokens to reserve: the prompt by estimate, and the longest answer. `unsaid` is what an answer may take where the
 * client set no limit to it. Of a request that went through `clampMaxTokens`.
 */
export function reservationFor(request: TurnRequest, unsaid: number): number {
  const prompt = estimateTokens(promptCharacters(request));
  if (request.kind === "embedding") return prompt;
  return prompt + (request.parameters.maxTokens ?? unsaid);
}

/** `notice`: what to tell the client of a change that it did not ask for. */
export interface ClampedRequest {
  readonly request: TurnRequest;
  readonly notice?: string;
}

/** No answer longer than `cap` tokens, said or unsaid; `null`: no cap, and then the request stays as it is. */
export function clampMaxTokens(request: TurnRequest, cap: number | null): ClampedRequest {
  if (cap === null || request.kind === "embedding") return { request };
  const { maxTokens } = request.parameters;
  if (maxTokens !== undefined && maxTokens <= cap) return { request };
  const clamped = { ...request, parameters: { ...request.parameters, maxTokens: cap } };
  if (maxTokens === undefined) return { request: clamped };
  return { request: clamped, notice: `max_tokens was lowered to ${cap}, the most allowed here` };
}
