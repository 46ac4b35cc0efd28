// `TurnEvent`s → answers of the completions route (OpenAI API reference, legacy completions), whole and streamed. Plain
// text is all there is: what an agent thought has no place in it, and tools are never offered.

import { addUsage } from "../../core/event.ts";
import type { FinishEvent, FinishReason, TurnResult, Usage } from "../../core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import { SSE_DONE, sseComment, sseData } from "../../wire/sse.ts";
import type { Completion } from "./completions-schema.ts";
import { encodeError } from "./errors.ts";
import { encodeUsage } from "./usage.ts";

type CompletionReason = Exclude<FinishReason, "tool_calls">;

export interface CompletionStreamOptions {
  /** The client asked for the chunk of usage. It is sent if the usage is known. */
  readonly includeUsage: boolean;
  /** What the answer to each prompt begins with: the prompt, or "". */
  readonly echoes: readonly string[];
}

const HEARTBEAT = sseComment("keep-alive");

/**
 * A first chunk at once, with the echo or empty; then the text; one chunk with the reason of the end. The same of the
 * next prompt, whose events follow the `finish` of the one before. At the end the usage of all in a chunk without
 * choices; `[DONE]`. A failure is the last frame: no `choices`, and no `[DONE]` after it.
 */
export function createCompletionStream(
  meta: AnswerMeta,
  { includeUsage, echoes }: CompletionStreamOptions,
): StreamEncoder {
  let index = 0;
  const usages: (Usage | undefined)[] = [];
  const start = JSON.stringify(frameOf(meta)).slice(0, -1);
  /** `choices` is JSON text, and so is whatever follows it. */
  const chunk = (choices: string) => sseData(`${start},"choices":${choices}}`);
  const text = (text: string, reason: CompletionReason | null = null) =>
    chunk(
      `[{"text":${JSON.stringify(text)},"index":${index},"logprobs":null,"finish_reason":${JSON.stringify(reason)}}]`,
    );

  function finish({ reason, usage }: FinishEvent): string {
    const end = text("", reasonOf(reason));
    usages.push(usage);
    index += 1;
    const echo = echoes[index];
    if (echo !== undefined) return end + text(echo);
    const total = includeUsage ? totalOf(usages) : undefined;
    if (total === undefined) return end + SSE_DONE;
    return end + chunk(`[],"usage":${JSON.stringify(encodeUsage(total))}`) + SSE_DONE;
  }

  return {
    start: () => text(echoes[0] ?? ""),
    event: (event) => {
      if (event.type === "finish") return finish(event);
      return event.type === "text-delta" && event.text !== "" ? text(event.text) : "";
    },
    heartbeat: () => HEARTBEAT,
    error: (error) => sseData(JSON.stringify(encodeError(error).body)),
  } satisfies StreamEncoder;
}

/** `echoes`: what each text begins with, or "". `usage` is left out when it is not known of all. */
export function encodeCompletion(
  results: readonly TurnResult[],
  meta: AnswerMeta,
  echoes: readonly string[],
): Completion {
  const usage = totalOf(results.map(({ finish }) => finish.usage));
  return {
    ...frameOf(meta),
    choices: results.map(({ text, finish }, index) => ({
      text: (echoes[index] ?? "") + text,
      index,
      logprobs: null,
      finish_reason: reasonOf(finish.reason),
    })),
    ...(usage && { usage: encodeUsage(usage) }),
  };
}

/** Unknown where one of them is: half a count is worse than none. */
function totalOf(usages: readonly (Usage | undefined)[]): Usage | undefined {
  return usages.reduce((total, usage) => total && usage && addUsage(total, usage));
}

function frameOf({ id, created, model }: AnswerMeta) {
  const object = "text_completion" as const;
  return { id, object, created: Math.floor(created / 1000), model };
}

function reasonOf(reason: FinishReason): CompletionReason {
  return reason === "tool_calls" ? "stop" : reason;
}
