// `TurnEvent`s → a stream of chat completion chunks (OpenAI API reference). The hot path: of each chunk only the
// text is serialised, the rest is made once. What clients need beyond the reference is said beside the code.

import { assertNever } from "../../core/assert.ts";
import type { FinishEvent, FinishReason, TurnEvent } from "../../core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import { SSE_DONE, sseComment, sseData } from "../../wire/sse.ts";
import { encodeError } from "./errors.ts";
import { encodeUsage } from "./usage.ts";

export interface ChatStreamOptions {
  /** The client asked for the chunk of usage. It is sent if the usage is known. */
  readonly includeUsage: boolean;
  /** The client reads a call from `function_call`: the form before tools, which has room for one. */
  readonly asFunctions?: true;
}

const HEARTBEAT = sseComment("keep-alive");

/**
 * The role first; then text, reasoning and calls, each in chunks of their own (some clients read only one of
 * them from a chunk); one chunk with the reason of the end; the usage in a chunk without choices (clients drop
 * content that comes with usage); `[DONE]`. A failure is the last frame: no `choices`, and no `[DONE]` after it.
 */
export function createChatStream(meta: AnswerMeta, options: ChatStreamOptions): StreamEncoder {
  const chunk = createChunks(meta);
  const calls = options.asFunctions ? createFunctionEncoder() : createCallEncoder();

  /** `delta` is JSON text. */
  const delta = (delta: string) => chunk(`[{"index":0,"delta":${delta},"finish_reason":null}]`);

  const deltaOf = (text: string) => (text === "" ? "" : delta(text));

  function content(event: Exclude<TurnEvent, FinishEvent>): string {
    switch (event.type) {
      case "text-delta":
        return event.text === "" ? "" : delta(`{"content":${JSON.stringify(event.text)}}`);
      case "reasoning-delta":
        return event.text === "" ? "" : delta(reasoningOf(JSON.stringify(event.text)));
      case "tool-call-start":
        return deltaOf(calls.start(event.id, event.name));
      case "tool-call-delta":
        return event.arguments === "" ? "" : deltaOf(calls.piece(event.arguments));
      case "embeddings":
        return "";
      default:
        return assertNever(event);
    }
  }

  function finish(event: FinishEvent): string {
    const called = finishReasonOf(event.reason, calls.made());
    const reason = JSON.stringify(
      called === "tool_calls" && options.asFunctions ? "function_call" : called,
    );
    const end = chunk(`[{"index":0,"delta":{},"finish_reason":${reason}}]`);
    if (!options.includeUsage || event.usage === undefined) return end + SSE_DONE;
    return end + chunk(`[],"usage":${JSON.stringify(encodeUsage(event.usage))}`) + SSE_DONE;
  }

  return {
    start: () => delta('{"role":"assistant","content":""}'),
    event: (event) => {
      const before = event.type === "tool-call-delta" ? "" : deltaOf(calls.complete());
      return before + (event.type === "finish" ? finish(event) : content(event));
    },
    heartbeat: () => HEARTBEAT,
    error: (error) => sseData(JSON.stringify(encodeError(error).body)),
  } satisfies StreamEncoder;
}

/** `choices` is JSON text, and so is whatever follows it. No chunk ever has a key `error`: some clients test for it. */
function createChunks(meta: AnswerMeta): (choices: string) => string {
  const start = JSON.stringify({
    id: meta.id,
    object: "chat.completion.chunk",
    created: Math.floor(meta.created / 1000),
    model: meta.model,
  }).slice(0, -1);
  return (choices) => sseData(`${start},"choices":${choices}}`);
}

/** Under both names that clients look for: `reasoning_content`, and Ollama's `reasoning`. */
function reasoningOf(text: string): string {
  return `{"reasoning_content":${text},"reasoning":${text}}`;
}

/** Deltas as JSON text, or "" for what has no place in an answer. */
interface CallEncoder {
  made(): number;
  start(id: string, name: string): string;
  piece(text: string): string;
  /** What the last call still lacks. */
  complete(): string;
}

/** The form before tools: one call without an id. A second one is left to the agent to make again. */
function createFunctionEncoder(): CallEncoder {
  let made = 0;
  let empty = false;

  function piece(text: string): string {
    if (made > 1) return "";
    empty = false;
    return JSON.stringify({ function_call: { arguments: text } });
  }

  return {
    made: () => made,
    start(_id, name) {
      made += 1;
      if (made > 1) return "";
      empty = true;
      return JSON.stringify({ function_call: { name, arguments: "" } });
    },
    piece,
    complete: () => (empty ? piece("{}") : ""),
  };
}

/**
 * Id and name go out once, in a call's first delta: some clients join those of every delta. Arguments must add up
 * to the text of an object, so a call that got none gets `{}` before anything else is sent.
 */
function createCallEncoder(): CallEncoder {
  let index = -1;
  let empty = false;

  function piece(text: string): string {
    empty = false;
    return `{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(text)}}}]}`;
  }

  return {
    made: () => index + 1,
    start(id: string, name: string): string {
      index += 1;
      empty = true;
      const call = { index, id, type: "function", function: { name, arguments: "" } };
      return JSON.stringify({ tool_calls: [call] });
    },
    piece,
    complete: () => (empty ? piece("{}") : ""),
  };
}

/** Clients loop or stall unless `tool_calls` is said exactly when there are some. */
export function finishReasonOf(reason: FinishReason, calls: number): FinishReason {
  if (reason === "stop" && calls > 0) return "tool_calls";
  return reason === "tool_calls" && calls === 0 ? "stop" : reason;
}
