// An agent's answer, put together → Ollama's whole answers, and the figures that end every answer.

import { AppError } from "../../core/error.ts";
import type { FinishReason, TurnResult, Usage } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AnswerMeta } from "../../core/stream.ts";
import type {
  AnsweredToolCall,
  ChatAnswer,
  DoneReason,
  EmbedAnswer,
  EmbeddingsAnswer,
  GenerateAnswer,
  Metrics,
} from "./answer-schema.ts";

/** When things happened, in milliseconds of a monotonic clock. */
export interface AnswerTiming {
  /** The request arrived. */
  readonly startedAt: number;
  /** The agent said something for the first time; the finish, if it never did. Absent where nobody looked. */
  readonly firstEventAt?: number;
  readonly finishedAt: number;
}

export interface WholeOptions {
  readonly timing: AnswerTiming;
  /** Leave out what the agent thought. */
  readonly hideThinking?: boolean;
}

/** POST /api/chat with `stream: false`. Throws `AppError` `agent_error` for a tool call whose arguments are no object. */
export function encodeChat(
  result: TurnResult,
  meta: AnswerMeta,
  options: WholeOptions,
): ChatAnswer {
  const message = { role: "assistant" as const, content: result.text, ...extras(result, options) };
  return { ...head(meta), message, ...tail(result, options) };
}

/** POST /api/generate with `stream: false`. Throws as `encodeChat` does. */
export function encodeGenerate(
  result: TurnResult,
  meta: AnswerMeta,
  options: WholeOptions,
): GenerateAnswer {
  return {
    ...head(meta),
    response: result.text,
    ...extras(result, options),
    ...tail(result, options),
  };
}

export interface EmbedOptions {
  readonly timing: AnswerTiming;
  /** As long as the client wants its vectors at most. */
  readonly dimensions?: number | undefined;
}

/** POST /api/embed. */
export function encodeEmbed(
  result: TurnResult,
  meta: AnswerMeta,
  { timing, dimensions }: EmbedOptions,
): EmbedAnswer {
  const usage = result.finish.usage;
  return {
    model: meta.model,
    embeddings: result.vectors.map((vector) => cut(vector, dimensions ?? vector.length)),
    total_duration: nanoseconds(timing.finishedAt - timing.startedAt),
    load_duration: 0,
    ...(usage && { prompt_eval_count: usage.promptTokens }),
    ...(usage?.estimated === true && { estimated: true as const }),
  };
}

/** What Ollama does for models that know no `dimensions`: the beginning of the vector, made as long as 1 again. */
function cut(vector: readonly number[], length: number): number[] {
  if (vector.length <= length) return [...vector];
  const beginning = vector.slice(0, length);
  const size = Math.hypot(...beginning);
  return size === 0 ? beginning : beginning.map((value) => value / size);
}

/** POST /api/embeddings, which takes one text. */
export function encodeEmbeddings(result: TurnResult): EmbeddingsAnswer {
  return { embedding: [...(result.vectors[0] ?? [])] };
}

/** The answer to a call with nothing to answer. Ollama sends it as one JSON object, streaming or not. */
export function encodeChatLifecycle(meta: AnswerMeta, action: "load" | "unload"): ChatAnswer {
  return {
    ...head(meta),
    message: { role: "assistant", content: "" },
    done: true,
    done_reason: action,
  };
}

/** As `encodeChatLifecycle`, for POST /api/generate. */
export function encodeGenerateLifecycle(
  meta: AnswerMeta,
  action: "load" | "unload",
): GenerateAnswer {
  return { ...head(meta), response: "", done: true, done_reason: action };
}

/** As `encodeChatLifecycle`, for POST /api/embed. */
export function encodeEmbedLifecycle(meta: AnswerMeta): EmbedAnswer {
  return { model: meta.model, embeddings: [] };
}

/** Ollama knows only these two ends: tool calls and filters are a `stop` there. */
export function encodeDoneReason(reason: FinishReason): DoneReason {
  return reason === "length" ? "length" : "stop";
}

/**
 * Until the agent's first word is what Ollama calls evaluating the prompt, from there on is the answer; nothing is
 * ever loaded. Counts are the agent's, left out when there are none and marked when they are our estimate.
 */
export function encodeMetrics(timing: AnswerTiming, usage: Usage | undefined): Metrics {
  const total = nanoseconds(timing.finishedAt - timing.startedAt);
  const prompt =
    timing.firstEventAt === undefined
      ? undefined
      : nanoseconds(timing.firstEventAt - timing.startedAt);
  return {
    total_duration: total,
    load_duration: 0,
    ...(usage && { prompt_eval_count: usage.promptTokens }),
    ...(prompt !== undefined && { prompt_eval_duration: prompt }),
    ...(usage && { eval_count: usage.completionTokens }),
    ...(prompt !== undefined && { eval_duration: total - prompt }),
    ...(usage?.estimated === true && { estimated: true as const }),
  };
}

/** The object that a call's arguments are. Throws `AppError` `agent_error` when they are something else. */
export function parseArguments(text: string): JsonObject {
  const value = parseJson(text === "" ? "{}" : text);
  if (isJsonObject(value)) return value;
  throw new AppError(
    "agent_error",
    "The agent called a tool with arguments that are not a JSON object. Ask again, or try another model.",
  );
}

function head(meta: AnswerMeta): { model: string; created_at: string } {
  return { model: meta.model, created_at: new Date(meta.created).toISOString() };
}

function extras(
  result: TurnResult,
  options: WholeOptions,
): { thinking?: string; tool_calls?: AnsweredToolCall[] } {
  const thinking = options.hideThinking === true ? "" : result.reasoning;
  const calls = result.toolCalls.map(encodeToolCall);
  return { ...(thinking && { thinking }), ...(calls.length > 0 && { tool_calls: calls }) };
}

function encodeToolCall(call: TurnResult["toolCalls"][number], index: number): AnsweredToolCall {
  return {
    id: call.id,
    function: { index, name: call.name, arguments: parseArguments(call.arguments) },
  };
}

function tail(result: TurnResult, options: WholeOptions) {
  return {
    done: true,
    done_reason: encodeDoneReason(result.finish.reason),
    ...encodeMetrics(options.timing, result.finish.usage),
  };
}

/** Whole nanoseconds; a clock that jumped back counts as no time. */
function nanoseconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 1e6));
}
