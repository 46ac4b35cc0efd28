// The answer of one turn on its way from a chat, which gives it in pieces when it likes, to whoever reads the turn.
// Bounded: a chat that writes faster than the editor reads is made to wait. Knows no MCP.

import type { AppError } from "../../core/error.ts";
import type { FinishEvent, TurnEvent } from "../../core/event.ts";
import { abortError, orAbort, throwIfAborted } from "../abort.ts";

export interface Answer {
  push(event: Exclude<TurnEvent, FinishEvent>): void;
  /** Nothing follows either of the two; what follows all the same is dropped. */
  finish(event: FinishEvent): void;
  fail(error: AppError): void;
  /** Resolves when the reader has caught up, or the answer is over. */
  readonly room: () => Promise<void>;
  readonly isOver: boolean;
  /** To be read once. Throws what it was failed with, or why the turn was cancelled. */
  events(signal: AbortSignal): AsyncGenerator<TurnEvent>;
}

/** Beyond this many UTF-16 code units a chat waits for the reader. */
const MOST_HELD = 256 * 1024;
/** Pieces of text are cut to this: a frame of the bridge has a bound. */
const PIECE = 32 * 1024;

export function createAnswer(): Answer {
  const held: TurnEvent[] = [];
  let size = 0;
  let failure: AppError | undefined;
  let isOver = false;
  let news = Promise.withResolvers<void>();
  let room = Promise.withResolvers<void>();

  function tell(): void {
    news.resolve();
    news = Promise.withResolvers();
  }

  function makeRoom(): void {
    room.resolve();
    room = Promise.withResolvers();
  }

  function put(event: TurnEvent): void {
    if (isOver) return;
    held.push(event);
    size += sizeOf(event);
    tell();
  }

  function end(): void {
    isOver = true;
    makeRoom();
    tell();
  }

  async function* events(signal: AbortSignal): AsyncGenerator<TurnEvent> {
    try {
      for (;;) {
        const heard = news.promise;
        for (let event = held.shift(); event !== undefined; event = held.shift()) {
          size -= sizeOf(event);
          if (size < MOST_HELD) makeRoom();
          yield event;
          throwIfAborted(signal);
          if (event.type === "finish") return;
        }
        if (failure !== undefined) throw failure;
        if (signal.aborted) throw abortError(signal);
        await orAbort(heard, signal);
      }
    } finally {
      end();
    }
  }

  return {
    push: put,
    finish: (event) => {
      put(event);
      end();
    },
    fail: (error) => {
      if (isOver) return;
      failure = error;
      end();
    },
    room: async () => {
      if (!isOver && size >= MOST_HELD) await room.promise;
    },
    get isOver() {
      return isOver;
    },
    events,
  };
}

function sizeOf(event: TurnEvent): number {
  if (event.type === "text-delta" || event.type === "reasoning-delta") return event.text.length;
  return event.type === "tool-call-delta" ? event.arguments.length : 0;
}

/** `text` in pieces that no frame is too small for, none cut inside a surrogate pair. */
export function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  let at = 0;
  while (at < text.length) {
    const end = at + PIECE;
    const last = text.charCodeAt(end - 1);
    const isCut = end < text.length && last >= 0xd800 && last <= 0xdbff;
    const next = isCut ? end - 1 : end;
    pieces.push(text.slice(at, next));
    at = next;
  }
  return pieces;
}
