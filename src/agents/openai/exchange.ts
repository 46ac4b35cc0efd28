// One HTTP exchange with an upstream: its socket, its bytes and its end. Only aborting the controller closes a
// socket for certain, so whatever is left unread is aborted. Knows nothing of what the bytes say.

import type { Clock } from "../../core/ports.ts";
import { type SseMessage, createSseDecoder } from "../../wire/sse.ts";
import { createUtf8Decoder } from "../../wire/utf8.ts";
import { throwIfAborted } from "../abort.ts";

/** `fetch` as Bun has it: `timeout: false` turns off its own five minutes, since a turn has its own deadlines. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

export interface ExchangeOptions {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Exchange {
  /** Rejects with whatever `fetch` does, or with the signal's reason once it has aborted. */
  send(url: string, init: BunFetchRequestInit): Promise<Response>;
  /** The messages of a stream, those of one read together. Throws `AppError` `agent_error` for bytes that make none. */
  messages(response: Response): AsyncGenerator<readonly SseMessage[]>;
  /** The body as text, cut off at `maxBytes`. */
  text(response: Response, maxBytes: number): Promise<{ text: string; complete: boolean }>;
  /** Gives up after `ms` more: what is being read then fails. `onExpired` hears of it first. */
  expire(ms: number, onExpired?: () => void): void;
  /** `complete`: all that matters was read, so that the connection may be kept for the next turn. Idempotent. */
  close(complete: boolean): void;
}

const MAX_MESSAGE_LENGTH = 4 * 1024 * 1024;
/** How long, and for how many bytes, the end of a body that has said everything is waited for. */
const DRAIN_MS = 1000;
const DRAIN_BYTES = 64 * 1024;

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read">;

export function createExchange({ fetch, clock, signal }: ExchangeOptions): Exchange {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let reader: Reader | undefined;
  let closed = false;
  let cancelTimer = (): void => {};
  signal.addEventListener("abort", abort, { once: true });

  function open(response: Response): Reader | undefined {
    reader = response.body?.getReader();
    return reader;
  }

  async function read(from: Reader): Promise<Uint8Array | undefined> {
    const { done, value } = await from.read();
    // A body that had arrived whole is not touched by an abort any more.
    throwIfAborted(signal);
    return done ? undefined : value;
  }

  async function send(url: string, init: BunFetchRequestInit): Promise<Response> {
    throwIfAborted(signal);
    return await fetch(url, {
      ...init,
      redirect: "manual",
      signal: controller.signal,
      timeout: false,
    });
  }

  async function* messages(response: Response): AsyncGenerator<readonly SseMessage[]> {
    const from = open(response);
    const utf8 = createUtf8Decoder();
    const sse = createSseDecoder({ maxLength: MAX_MESSAGE_LENGTH });
    if (from === undefined) return;
    for (let bytes = await read(from); bytes !== undefined; bytes = await read(from)) {
      const complete = sse.push(utf8.push(bytes));
      if (complete.length > 0) yield complete;
    }
    yield [...sse.push(utf8.end()), ...sse.end()];
  }

  async function text(
    response: Response,
    maxBytes: number,
  ): Promise<{ text: string; complete: boolean }> {
    const from = open(response);
    const decoder = new TextDecoder();
    let text = "";
    let left = maxBytes;
    if (from === undefined) return { text, complete: true };
    for (let bytes = await read(from); bytes !== undefined; bytes = await read(from)) {
      text += decoder.decode(bytes.subarray(0, left), { stream: true });
      left -= bytes.length;
      if (left < 0) return { text, complete: false };
    }
    return { text: text + decoder.decode(), complete: true };
  }

  function expire(ms: number, onExpired?: () => void): void {
    cancelTimer();
    if (closed) return;
    cancelTimer = clock.timer(ms, () => {
      onExpired?.();
      abort();
    });
  }

  function close(complete: boolean): void {
    if (closed) return;
    if (complete && reader !== undefined) expire(DRAIN_MS);
    closed = true;
    signal.removeEventListener("abort", abort);
    if (complete && reader !== undefined) void drain(reader).then(abort).finally(cancelTimer);
    else {
      cancelTimer();
      abort();
    }
  }

  return { send, messages, text, expire, close };
}

/** Reads to the end, or to more than an end can be. Settles well in any case. */
async function drain(reader: Reader): Promise<void> {
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
      if (bytes > DRAIN_BYTES) return;
    }
  } catch {
    // Nobody waits for this answer any more.
  }
}
