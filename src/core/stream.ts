// How a dialect turns a turn's events into the text of a streamed answer.

import type { AppError } from "./error.ts";
import type { TurnEvent } from "./event.ts";

/** What an encoder may not make up itself. `created` is in milliseconds since the epoch. */
export interface AnswerMeta {
  readonly id: string;
  readonly model: string;
  readonly created: number;
}

/** Each method returns framed text, ready to be written, or "" for nothing. One encoder serves one answer. */
export interface StreamEncoder {
  /** Sent at once, before the agent has said anything. */
  start(): string;
  /** After the `finish` event nothing follows. */
  event(event: TurnEvent): string;
  /** Keeps the socket alive while the agent thinks. */
  heartbeat(): string;
  /** The last frame of an answer that failed: nothing that looks like success follows it. */
  error(error: AppError): string;
}
