// Server-sent events (WHATWG HTML, "Server-sent events"): framing and incremental parsing of text.
// Knows no protocol that rides on them.

import { createLineSplitter } from "./lines.ts";
import type { DecoderLimits } from "./lines.ts";

/** How OpenAI's streams say that they are complete. */
export const SSE_DONE = "data: [DONE]\n\n";

/** One message. `json` as `JSON.stringify` writes it: on one line, so that it can never start a field or a message. */
export function sseData(json: string): string {
  return `data: ${json}\n\n`;
}

/** One named message. The name is a word of ours. */
export function sseEvent(event: string, json: string): string {
  return `event: ${event}\ndata: ${json}\n\n`;
}

/** A comment, which readers skip: it only keeps the socket alive. Line breaks become spaces. */
export function sseComment(text: string): string {
  return `: ${oneLine(text)}\n\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ");
}

export interface SseMessage {
  readonly event?: string;
  readonly data: string;
}

export interface SseDecoder {
  /** The messages that `text` completed. Throws `AppError` `agent_error` over the limit. */
  push(text: string): SseMessage[];
  /**
   * The stream is over: the message that was still open, if it has data. The specification drops it, but
   * real servers forget the last blank line, and a payload cut short is no JSON and shows itself as such.
   */
  end(): SseMessage[];
}

/** Lines end with LF, CRLF or CR, cut anywhere. `id` and `retry` are for reconnecting, which we never do. */
export function createSseDecoder(limits: DecoderLimits = {}): SseDecoder {
  const splitter = createLineSplitter({ ...limits, carriageReturnEnds: true });
  let event = "";
  let data: string[] = [];
  let length = 0;

  function dispatch(messages: SseMessage[]): void {
    if (data.length > 0) {
      const text = data.join("\n");
      messages.push(event === "" ? { data: text } : { event, data: text });
    }
    event = "";
    data = [];
    length = 0;
  }

  function line(text: string, messages: SseMessage[]): void {
    if (text === "") return dispatch(messages);
    const colon = text.indexOf(":");
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") event = value;
    if (field !== "data") return;
    length += value.length + 1;
    splitter.check(length);
    data.push(value);
  }

  function messagesOf(lines: readonly string[]): SseMessage[] {
    const messages: SseMessage[] = [];
    for (const text of lines) line(text, messages);
    return messages;
  }

  return {
    push: (text) => messagesOf(splitter.push(text)),
    end: () => messagesOf([...splitter.end(), ""]),
  };
}
