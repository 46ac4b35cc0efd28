// `TurnEvent`s → answers of the completions route (OpenAI API reference, legacy completions), whole and streamed. Plain
// text is all there is: what an agent thought has no place in it, and tools are never offered.

import type { FinishEvent, FinishReason, TurnResult } from "../../core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import { SSE_DONE, sseComment, sseData } from "../../wire/sse.ts";
import type { Completion } from "./completions-schema.ts";
import { encodeError } from "./errors.ts";
import { encodeUsage } from "./usage.ts";

type CompletionReason = Exclude<FinishReason, "tool_calls">;

export interface CompletionStreamOptions {
  /** The client asked for the chunk of usage. It is sent if the usage is known. */
  readonly includeUsage: boolean;
  /** What the answer begins with: the prompt, or "". */
  readonly echo: string;
}

const HEARTBEAT = sseComment("keep-alive");

/**
 * A first chunk at once, with the echo or empty; then the text; one chunk with the reason of the end; the usage in a
 * chunk without choices; `[DONE]`. A failure is the last frame: no `choices`, and no `[DONE]` after it.
 */
export function createCompletionStream(
  meta: AnswerMeta,
  options: CompletionStreamOptions,
): StreamEncoder {
  const start = JSON.stringify(frameOf(meta)).slice(0, -1);
  /** `choices` is JSON text, and so is whatever follows it. */
  const chunk = (choices: string) => sseData(`${start},"choices":${choices}}`);
  const text = (text: string, reason: CompletionReason | null = null) =>
    chunk(
      `[{"text":${JSON.stringify(text)},"index":0,"logprobs":null,"finish_reason":${JSON.stringify(reason)}}]`,
    );

  function finish({ reason, usage }: FinishEvent): string {
    const end = text("", reasonOf(reason));
    if (!options.includeUsage || usage === undefined) return end + SSE_DONE;
    return end + chunk(`[],"usage":${JSON.stringify(encodeUsage(usage))}`) + SSE_DONE;
  }

  return {
    start: () => text(options.echo),
    event: (event) => {
      if (event.type === "finish") return finish(event);
      return event.type === "text-delta" && event.text !== "" ? text(event.text) : "";
    },
    heartbeat: () => HEARTBEAT,
    error: (error) => sseData(JSON.stringify(encodeError(error).body)),
  } satisfies StreamEncoder;
}

/** `echo`: what the text begins with, or "". `usage` is left out when it is not known. */
export function encodeCompletion(result: TurnResult, meta: AnswerMeta, echo: string): Completion {
  const { finish, text } = result;
  return {
    ...frameOf(meta),
    choices: [
      { text: echo + text, index: 0, logprobs: null, finish_reason: reasonOf(finish.reason) },
    ],
    ...(finish.usage && { usage: encodeUsage(finish.usage) }),
  };
}

function frameOf({ id, created, model }: AnswerMeta) {
  const object = "text_completion" as const;
  return { id, object, created: Math.floor(created / 1000), model };
}

function reasonOf(reason: FinishReason): CompletionReason {
  return reason === "tool_calls" ? "stop" : reason;
}
