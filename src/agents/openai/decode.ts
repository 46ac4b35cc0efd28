// An OpenAI-compatible server's answer as a turn's events (openai spec: chat completion, chunk, completion, embeddings).
// Tolerant of what real servers do; never takes an answer that broke off for one that ended. Pure.

import type { FinishReason, TurnEvent, Usage } from "../../core/event.ts";
import { type JsonObject, type JsonValue, isJsonObject, parseJson } from "../../core/json.ts";
import type { SseMessage } from "../../wire/sse.ts";
import { createCallSequencer } from "./calls.ts";
import { type Delta, type ReasoningName, deltaOf } from "./delta.ts";
import type { UpstreamErrors } from "./errors.ts";

export interface AnswerDecoder {
  /** One message of a stream, `[DONE]` excepted. Throws `AppError` `agent_error`. */
  message(message: SseMessage): readonly TurnEvent[];
  /** A whole answer, from a server that does not stream. */
  whole(answer: JsonValue | undefined): readonly TurnEvent[];
  /** The last events, finish included. `done`: the server said that it was done. Throws when the answer broke off. */
  end(done: boolean): readonly TurnEvent[];
  /** Whether the server has given its finish reason: what may still come are the counts. */
  readonly finished: boolean;
  /** The field in which reasoning came. */
  readonly reasoningName: ReasoningName | undefined;
}

export interface DecoderOptions {
  readonly errors: UpstreamErrors;
  readonly callId: () => string;
  /** What may be held back to order tool calls, in UTF-16 code units. */
  readonly maxHeld: number;
}

export function createAnswerDecoder({ errors, callId, maxHeld }: DecoderOptions): AnswerDecoder {
  const calls = createCallSequencer({ callId, maxLength: maxHeld });
  let reason: FinishReason | undefined;
  let usage: Usage | undefined;
  let spoke = false;
  let reasoningName: ReasoningName | undefined;

  /** llama.cpp's own form, which its `/infill` answers in (tools/server/README.md, "POST /completion"). */
  function native(value: JsonObject): readonly TurnEvent[] {
    if (value["stop"] === true) {
      reason = value["stop_type"] === "limit" ? "length" : "stop";
      usage = nativeUsageOf(value) ?? usage;
    }
    const { content } = value;
    if (typeof content !== "string" || content === "") return [];
    spoke = true;
    return calls.text({ type: "text-delta", text: content });
  }

  function answer(value: JsonObject): readonly TurnEvent[] {
    if (isFailure(value["error"])) throw errors.inBand(value["error"]);
    if (value["choices"] === undefined && typeof value["stop"] === "boolean") return native(value);
    usage = usageOf(value["usage"]) ?? usage;
    const choice = firstChoice(value["choices"]);
    if (choice === undefined) return [];
    if (isFailure(choice["error"])) throw errors.inBand(choice["error"]);
    const events = emit(deltaOf(choice));
    const finish = choice["finish_reason"];
    if (typeof finish === "string" && finish !== "") reason = reasonOf(finish, errors);
    return events;
  }

  function emit(delta: Delta): readonly TurnEvent[] {
    const events: TurnEvent[] = [];
    if (delta.reasoning !== "") {
      reasoningName = delta.reasoningName ?? reasoningName;
      events.push(...calls.text({ type: "reasoning-delta", text: delta.reasoning }));
    }
    if (delta.text !== "") events.push(...calls.text({ type: "text-delta", text: delta.text }));
    for (const fragment of delta.calls) events.push(...calls.fragment(fragment));
    if (delta.text !== "" || delta.reasoning !== "" || delta.calls.length > 0) spoke = true;
    return events;
  }

  function message({ event, data }: SseMessage): readonly TurnEvent[] {
    const value = parseJson(data);
    if (event === "error") throw errors.inBand(value);
    if (!isJsonObject(value)) throw errors.senseless("sent a message that is not JSON");
    return answer(value);
  }

  function whole(value: JsonValue | undefined): readonly TurnEvent[] {
    if (!isJsonObject(value)) {
      throw errors.senseless("does not answer like an OpenAI server: check its base address");
    }
    return answer(value);
  }

  function end(done: boolean): readonly TurnEvent[] {
    // Some gateways say [DONE] without a reason; a stream that just stops is never taken for an answer.
    if (reason === undefined && !(done && spoke)) {
      throw errors.senseless("ended its answer early, without a finish reason");
    }
    const last = calls.end();
    // Servers are careless with "stop" after tool calls, and with "tool_calls" when there are none.
    const plain = reason === undefined || reason === "stop" || reason === "tool_calls";
    const given = plain ? (calls.called ? "tool_calls" : "stop") : reason;
    const counts = usage === undefined ? {} : { usage };
    return [...last, { type: "finish", reason: given ?? "stop", ...counts }];
  }

  return {
    message,
    whole,
    end,
    get finished() {
      return reason !== undefined;
    },
    get reasoningName() {
      return reasoningName;
    },
  };
}

/** Throws `AppError` `agent_error` unless there is one vector for each of `count` inputs. */
export function decodeEmbeddings(
  answer: JsonValue | undefined,
  count: number,
  errors: UpstreamErrors,
): readonly TurnEvent[] {
  if (isJsonObject(answer) && isFailure(answer["error"])) throw errors.inBand(answer["error"]);
  const data = isJsonObject(answer) ? answer["data"] : undefined;
  const entries = Array.isArray(data) ? data.filter(isJsonObject) : [];
  const vectors = entries
    .map((entry, position) => ({ at: wholeNumber(entry["index"]) ?? position, entry }))
    .sort((a, b) => a.at - b.at)
    .map(({ entry }) => vectorOf(entry["embedding"]));
  if (vectors.length !== count || vectors.some((vector) => vector === undefined)) {
    throw errors.senseless("did not answer with one vector for each input");
  }
  const usage = isJsonObject(answer) ? usageOf(answer["usage"]) : undefined;
  return [
    { type: "embeddings", vectors: vectors.filter((vector) => vector !== undefined) },
    { type: "finish", reason: "stop", ...(usage === undefined ? {} : { usage }) },
  ];
}

function vectorOf(value: JsonValue | undefined): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const numbers = value.filter((each): each is number => typeof each === "number");
  return numbers.length === value.length ? numbers : undefined;
}

/** We ask for one choice; a server that sends more is heard on its first. */
function firstChoice(choices: JsonValue | undefined): JsonObject | undefined {
  if (!Array.isArray(choices)) return undefined;
  return choices.filter(isJsonObject).find((choice) => (choice["index"] ?? 0) === 0);
}

function isFailure(error: JsonValue | undefined): boolean {
  return error !== undefined && error !== null && error !== false && error !== "";
}

function reasonOf(reason: string, errors: UpstreamErrors): FinishReason {
  switch (reason.toLowerCase()) {
    case "length":
    case "max_tokens":
    case "model_length":
      return "length";
    case "tool_calls":
    case "tool_call":
    case "tool_use":
    case "function_call":
      return "tool_calls";
    case "content_filter":
    case "safety":
    case "refusal":
      return "content_filter";
    case "error":
    case "abort":
    case "insufficient_system_resource":
      throw errors.senseless("gave up in mid-answer");
    default:
      return "stop";
  }
}

function usageOf(value: JsonValue | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const promptTokens = wholeNumber(value["prompt_tokens"]);
  if (promptTokens === undefined) return undefined;
  const reasoning = detailOf(value["completion_tokens_details"], "reasoning_tokens");
  const cached = detailOf(value["prompt_tokens_details"], "cached_tokens");
  return {
    promptTokens,
    completionTokens: wholeNumber(value["completion_tokens"]) ?? 0,
    ...(reasoning === undefined ? {} : { reasoningTokens: reasoning }),
    ...(cached === undefined ? {} : { cachedTokens: cached }),
  };
}

function nativeUsageOf(value: JsonObject): Usage | undefined {
  const promptTokens = wholeNumber(value["tokens_evaluated"]);
  if (promptTokens === undefined) return undefined;
  return { promptTokens, completionTokens: wholeNumber(value["tokens_predicted"]) ?? 0 };
}

function detailOf(details: JsonValue | undefined, field: string): number | undefined {
  return isJsonObject(details) ? wholeNumber(details[field]) : undefined;
}

function wholeNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
