// Whole answers of the OpenAI routes. Streams are in encode-stream.

import type { TurnResult } from "../../core/event.ts";
import type { AnswerMeta } from "../../core/stream.ts";
import type { ChatCompletion, EmbeddingsResponse } from "./answer-schema.ts";
import { finishReasonOf } from "./encode-stream.ts";
import { encodeUsage } from "./usage.ts";

export { createChatStream } from "./encode-stream.ts";

type AssistantMessage = ChatCompletion["choices"][number]["message"];

/** `usage` is left out when it is not known. `asFunctions`: a call goes into `function_call`, and one only. */
export function encodeChat(
  result: TurnResult,
  meta: AnswerMeta,
  { asFunctions = false }: { readonly asFunctions?: boolean } = {},
): ChatCompletion {
  const { finish, toolCalls } = result;
  const reason = finishReasonOf(finish.reason, toolCalls.length);
  return {
    id: meta.id,
    object: "chat.completion",
    created: Math.floor(meta.created / 1000),
    model: meta.model,
    choices: [
      {
        index: 0,
        message: asFunctions ? withFunction(encodeMessage(result)) : encodeMessage(result),
        logprobs: null,
        finish_reason: reason === "tool_calls" && asFunctions ? "function_call" : reason,
      },
    ],
    ...(finish.usage && { usage: encodeUsage(finish.usage) }),
  };
}

/** `content` is null only where calls take its place; an empty list of calls is never sent. */
function encodeMessage({ text, reasoning, toolCalls }: TurnResult): AssistantMessage {
  const calls = toolCalls.map(({ id, name, arguments: text }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: text === "" ? "{}" : text },
  }));
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning !== "" && { reasoning_content: reasoning, reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** The form before tools, which has room for one call. */
function withFunction({ tool_calls: calls, ...message }: AssistantMessage): AssistantMessage {
  const call = calls?.[0]?.function;
  return call === undefined ? message : { ...message, function_call: call };
}

/** `base64` is of little-endian 32-bit floats: what OpenAI's own clients ask for unless told otherwise. */
export function encodeEmbeddings(
  result: TurnResult,
  meta: AnswerMeta,
  encoding: "float" | "base64",
): EmbeddingsResponse {
  const { usage } = result.finish;
  return {
    object: "list",
    model: meta.model,
    data: result.vectors.map((vector, index) => ({
      object: "embedding" as const,
      index,
      embedding: encoding === "base64" ? base64Of(vector) : [...vector],
    })),
    ...(usage && {
      usage: {
        prompt_tokens: usage.promptTokens,
        total_tokens: usage.promptTokens,
        ...(usage.estimated === true && { estimated: true as const }),
      },
    }),
  };
}

function base64Of(vector: readonly number[]): string {
  const floats = new DataView(new ArrayBuffer(vector.length * 4));
  for (const [index, value] of vector.entries()) floats.setFloat32(index * 4, value, true);
  return new Uint8Array(floats.buffer).toBase64();
}
