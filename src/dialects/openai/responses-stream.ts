// `TurnEvent`s → the events of a streamed response (OpenAI API reference, "Streaming events"). Each says its name
// twice, as `event:` and as `type`, and carries a number without gaps. There is no `[DONE]`: the response's own end is it.

import { assertNever } from "../../core/assert.ts";
import { AppError } from "../../core/error.ts";
import type { FinishEvent, TurnEvent } from "../../core/event.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import { sseComment, sseEvent } from "../../wire/sse.ts";
import { encodeError } from "./errors.ts";
import type { OutputItem, ResponseObject, ResponseStreamEvent } from "./responses-answer-schema.ts";
import { finished, lastItemStatus, openResponse } from "./responses-encode.ts";
import type { ResponseOptions } from "./responses-encode.ts";
import { createItemWriter } from "./responses-stream-items.ts";
import type { ItemWriter } from "./responses-stream-items.ts";

export interface ResponseStreamOptions extends ResponseOptions {
  /** Told of the whole response before its last event is sent, so that it can be gone on from as soon as it is read. */
  readonly onFinish?: (response: ResponseObject) => void;
}

/** An event of the stream without its number. */
type Unnumbered<Event> = Event extends unknown ? Omit<Event, "sequence_number"> : never;
export type EventFields = Unnumbered<ResponseStreamEvent>;

const HEARTBEAT = sseComment("keep-alive");
/** The last event repeats the whole answer, which has to be held until then. In UTF-16 code units. */
const LONGEST_ANSWER = 8 * 1024 * 1024;

/**
 * `created` and `in_progress` at once; then each item from its `added` to its `done`, one after the other; then the
 * whole response as `completed` or `incomplete`. A failure is `error`, which SDKs throw, and then `failed`, which
 * Codex reads; nothing follows.
 */
export function createResponseStream(
  meta: AnswerMeta,
  options: ResponseStreamOptions,
): StreamEncoder {
  const base = openResponse(meta, options.echo);
  const output: OutputItem[] = [];
  let number = 0;
  let length = 0;
  let item: ItemWriter | undefined;

  const send = ({ type, ...fields }: EventFields): string => {
    const payload = JSON.stringify({ type, sequence_number: number, ...fields });
    number += 1;
    return sseEvent(type, payload);
  };

  /** What is needed before a piece of this kind can be written: the end of another item, and the start of its own. */
  function turnTo(kind: "text" | "reasoning"): string {
    return item?.piece.kind === kind ? "" : close() + begin({ kind, text: "" });
  }

  function begin(piece: ItemWriter["piece"]): string {
    item = createItemWriter(piece, { meta, index: output.length, forms: options.forms }, send);
    return item.begin();
  }

  function close(status: "completed" | "incomplete" = "completed"): string {
    if (item === undefined) return "";
    const text = item.end(status);
    output.push(item.item(status));
    item = undefined;
    return text;
  }

  function add(text: string): string {
    length += text.length;
    if (length > LONGEST_ANSWER) throw tooLarge();
    return text === "" ? "" : (item?.add(text) ?? "");
  }

  function content(event: Exclude<TurnEvent, FinishEvent>): string {
    switch (event.type) {
      case "text-delta":
        return event.text === "" ? "" : turnTo("text") + add(event.text);
      case "reasoning-delta":
        return event.text === "" ? "" : turnTo("reasoning") + add(event.text);
      case "tool-call-start":
        return close() + begin({ kind: "call", id: event.id, name: event.name, text: "" });
      case "tool-call-delta":
        return add(event.arguments);
      case "embeddings":
        return "";
      default:
        return assertNever(event);
    }
  }

  function finish(event: FinishEvent): string {
    const closing = close(
      lastItemStatus(event.reason) === "incomplete" ? "incomplete" : "completed",
    );
    const response = finished(base, [...output], event);
    options.onFinish?.(response);
    const type = response.status === "incomplete" ? "response.incomplete" : "response.completed";
    return closing + send({ type, response });
  }

  function fail(error: AppError): string {
    const { error: shown } = encodeError(error).body;
    const { message, param, code } = shown;
    const open = item === undefined ? [] : [item.item("incomplete")];
    const response = {
      ...base,
      status: "failed" as const,
      error: { code: failureCode(error), message },
      output: [...output, ...open],
    };
    return (
      send({ type: "error", code, message, param, error: shown }) +
      send({ type: "response.failed", response })
    );
  }

  return {
    start: () =>
      send({ type: "response.created", response: base }) +
      send({ type: "response.in_progress", response: base }),
    event: (event) => (event.type === "finish" ? finish(event) : content(event)),
    heartbeat: () => HEARTBEAT,
    error: fail,
  } satisfies StreamEncoder;
}

/** Of OpenAI's closed list. After `invalid_prompt` Codex gives up; after `server_error` it asks again. */
function failureCode(error: AppError): string {
  return error.kind.fault === "client" ? "invalid_prompt" : "server_error";
}

function tooLarge(): AppError {
  return new AppError(
    "agent_error",
    "The agent's answer is larger than a response may be. Ask on /v1/chat/completions, which does not repeat it at its end.",
  );
}
