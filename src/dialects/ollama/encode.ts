// An agent's events → Ollama's streamed answers, as NDJSON (Ollama API, "Streaming"; api/types.go). Written for the
// hot path: a delta costs one `JSON.stringify` of its text. Reads no clock but the one it is given.

import { assertNever } from "../../core/assert.ts";
import { AppError } from "../../core/error.ts";
import type { FinishEvent, TurnEvent } from "../../core/event.ts";
import type { Clock } from "../../core/ports.ts";
import type { AnswerMeta, StreamEncoder } from "../../core/stream.ts";
import type { ToolCall } from "../../core/turn.ts";
import { ndjsonLine } from "../../wire/ndjson.ts";
import { encodeDoneReason, encodeMetrics, parseArguments } from "./encode-whole.ts";
import { encodeError } from "./errors.ts";

export interface StreamOptions {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** When the request arrived, on the clock's `monotonic`, in milliseconds. */
  readonly startedAt: number;
  /** Leave out what the agent thinks. */
  readonly hideThinking?: boolean;
}

/**
 * POST /api/chat. Every line is a whole answer with a message in it, empty for a heartbeat. Starts with such a line,
 * so that the client has its headers and knows that we live. Thinking and tool calls come in lines of their own, each
 * tool call whole and alone (Zed reads only the first of a line). `event` throws `AppError` `agent_error` for a
 * tool call whose arguments are no object.
 */
export function createChatStream(meta: AnswerMeta, options: StreamOptions): StreamEncoder {
  return createStream(meta, options, {
    open: '"message":{"role":"assistant","content":',
    close: "}",
  });
}

/** POST /api/generate: as `createChatStream`, with the text in `response`. */
export function createGenerateStream(meta: AnswerMeta, options: StreamOptions): StreamEncoder {
  return createStream(meta, options, { open: '"response":', close: "" });
}

/** The JSON around a line's text: `open` before it, `close` after it and the fields that go with it. */
interface LineShape {
  readonly open: string;
  readonly close: string;
}

function createStream(meta: AnswerMeta, options: StreamOptions, shape: LineShape): StreamEncoder {
  const { clock, startedAt } = options;
  const opening = createOpening(meta.model, shape.open, clock);
  const closing = `${shape.close},"done":false}`;
  const toolCalls = createToolCalls();
  let firstEventAt: number | undefined;
  let ended = false;

  const emptyLine = (fields = "") => ndjsonLine(`${opening()}""${fields}${closing}`);

  function toolCallLine(): string {
    const call = toolCalls.take();
    return call === "" ? "" : emptyLine(`,"tool_calls":[${call}]`);
  }

  function lastLine(finish: FinishEvent): string {
    ended = true;
    const timing = { startedAt, finishedAt: clock.monotonic() };
    const metrics = encodeMetrics(
      { ...timing, firstEventAt: firstEventAt ?? timing.finishedAt },
      finish.usage,
    );
    const done = { done: true, done_reason: encodeDoneReason(finish.reason), ...metrics };
    // The fields of `done` go on in the line's own object: without the brace that opens theirs.
    return ndjsonLine(`${opening()}""${shape.close},${JSON.stringify(done).slice(1)}`);
  }

  function event(event: TurnEvent): string {
    if (ended) return "";
    if (event.type !== "finish") firstEventAt ??= clock.monotonic();
    switch (event.type) {
      case "text-delta":
        return toolCallLine() + ndjsonLine(opening() + jsonText(event.text) + closing);
      case "reasoning-delta":
        if (options.hideThinking === true) return toolCallLine();
        return toolCallLine() + emptyLine(`,"thinking":${jsonText(event.text)}`);
      case "tool-call-start": {
        const previous = toolCallLine();
        toolCalls.start(event.id, event.name);
        return previous;
      }
      case "tool-call-delta":
        toolCalls.append(event.arguments);
        return "";
      case "embeddings":
        return "";
      case "finish":
        return toolCallLine() + lastLine(event);
      default:
        return assertNever(event);
    }
  }

  function error(error: AppError): string {
    if (ended) return "";
    ended = true;
    return ndjsonLine(jsonText(encodeError(error).body));
  }

  return { start: () => emptyLine(), event, heartbeat: () => (ended ? "" : emptyLine()), error };
}

/** A line up to its text. Made anew only when the clock has moved on, since agents send many deltas a millisecond. */
function createOpening(model: string, open: string, clock: StreamOptions["clock"]): () => string {
  const head = `{"model":${jsonText(model)},"created_at":"`;
  let madeAt: number | undefined;
  let opening = "";
  return () => {
    const now = clock.now();
    if (now !== madeAt) {
      madeAt = now;
      opening = `${head}${new Date(now).toISOString()}",${open}`;
    }
    return opening;
  };
}

interface ToolCalls {
  start(id: string, name: string): void;
  append(text: string): void;
  /** The call begun last, complete, as JSON; "" if there is none. */
  take(): string;
}

/** A call is held until it is whole. In UTF-16 code units. */
const LONGEST_CALL = 8 * 1024 * 1024;

/** Puts tool calls together: Ollama has no partial ones. The arguments keep the agent's own text, digits and all. */
function createToolCalls(): ToolCalls {
  let index = 0;
  let current: ToolCall | undefined;
  let pieces: string[] = [];
  let length = 0;
  return {
    start(id, name) {
      current = { id, name, arguments: "" };
      pieces = [];
      length = 0;
    },
    append(text) {
      length += text.length;
      if (length > LONGEST_CALL) throw callTooLarge();
      pieces.push(text);
    },
    take() {
      if (current === undefined) return "";
      const { id, name } = current;
      current = undefined;
      const text = pieces.join("") || "{}";
      parseArguments(text);
      const head = `{"id":${jsonText(id)},"function":{"index":${index++},"name":${jsonText(name)}`;
      return `${head},"arguments":${withoutLineBreaks(text)}}}`;
    },
  };
}

function callTooLarge(): AppError {
  return new AppError(
    "agent_error",
    "The agent's tool call is larger than a call may be. Ask for something smaller.",
  );
}

const LINE_BREAKS = /[\u0085\u2028\u2029]/;
const EVERY_LINE_BREAK = /[\u0085\u2028\u2029]/g;

/**
 * JSON on one line for every reader: Python's HTTP client, which the official Python library reads lines with, also
 * breaks them at these three characters, and JSON lets them stand in strings.
 */
function jsonText(value: string | object): string {
  const json = JSON.stringify(value);
  return LINE_BREAKS.test(json) ? escapeLineBreaks(json) : json;
}

function escapeLineBreaks(json: string): string {
  return json.replaceAll(EVERY_LINE_BREAK, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Valid JSON has CR and LF only between its tokens, where a blank does as well. */
function withoutLineBreaks(json: string): string {
  return escapeLineBreaks(json.replaceAll(/[\r\n]/g, " "));
}
