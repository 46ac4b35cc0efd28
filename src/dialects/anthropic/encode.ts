// Whole answers of the Anthropic routes. Streams are in encode-stream.

import { AppError } from "../../core/error.ts";
import type { TurnResult } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AnswerMeta } from "../../core/stream.ts";
import type { AnswerBlock, Message, TokenCount } from "./answer-schema.ts";
import type { ThinkingDisplay } from "./decode.ts";
import { SIGNATURE, stopOf } from "./stop.ts";
import { encodeUsage } from "./usage.ts";

export { createMessageStream } from "./encode-stream.ts";

export interface MessageOptions {
  readonly thinking: ThinkingDisplay;
}

/** @throws AppError agent_error for a tool call whose arguments are no JSON object */
export function encodeMessage(
  result: TurnResult,
  meta: AnswerMeta,
  options: MessageOptions,
): Message {
  return {
    id: meta.id,
    type: "message",
    role: "assistant",
    model: meta.model,
    content: encodeBlocks(result, options),
    ...stopOf(result.finish, result.toolCalls.length),
    usage: encodeUsage(result.finish.usage),
  };
}

function encodeBlocks(
  { text, reasoning, toolCalls }: TurnResult,
  { thinking }: MessageOptions,
): AnswerBlock[] {
  // An answer of nothing but thoughts shows them: an empty one is asked for again.
  const isThought = reasoning !== "" && text === "" && toolCalls.length === 0;
  const isShown = reasoning !== "" && (thinking !== "hidden" || isThought);
  const shown = thinking === "omitted" ? "" : reasoning;
  return [
    ...(isShown ? [{ type: "thinking", thinking: shown, signature: SIGNATURE } as const] : []),
    ...(text === "" ? [] : [{ type: "text", text } as const]),
    ...toolCalls.map(({ id, name, arguments: json }) => ({
      type: "tool_use" as const,
      id,
      name,
      input: inputOf(json),
    })),
  ];
}

function inputOf(json: string): JsonObject {
  const input = parseJson(json === "" ? "{}" : json);
  if (isJsonObject(input)) return input;
  throw new AppError(
    "agent_error",
    "The agent called a tool with arguments that are not a JSON object. Ask again, or try another model.",
  );
}

/** `tokens` are an estimate: an agent cannot be asked to count without being asked to answer. */
export function encodeTokenCount(tokens: number): TokenCount {
  return { input_tokens: tokens, estimated: true };
}
