// One keep-alive connection of the load generator: a raw socket that sends the same request again and again.
// Knows nothing of what a right answer is.

import type { Socket } from "bun";
import { createAnswerReader, type HttpAnswer } from "./http-answer.ts";

/** What to post to `/v1/chat/completions`. */
export interface Post {
  /** Where to, as in `http://127.0.0.1:11434`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string;
}

/** An answer, and the milliseconds from the request to its last byte and to the first byte of its body. */
export interface Exchange {
  readonly answer: HttpAnswer;
  readonly milliseconds: number;
  readonly firstByte: number;
}

export interface Connection {
  /** Calls back once: with an error when the answer is no HTTP or the connection ends under it; the next call connects anew. */
  exchange(done: (result: Exchange | Error) => void): void;
  close(): void;
}

function requestBytes(post: Post): Buffer {
  const { host } = new URL(post.url);
  const length = Buffer.byteLength(post.body);
  const headers = {
    host,
    "content-type": "application/json",
    "content-length": String(length),
    ...post.headers,
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\n${head.join("")}\r\n${post.body}`);
}

export function createConnection(post: Post): Connection {
  const { hostname, port } = new URL(post.url);
  const request = requestBytes(post);
  let socket: Socket | undefined;
  let reader = createAnswerReader();
  let unsent: Buffer | undefined;
  let waiting: ((result: Exchange | Error) => void) | undefined;
  let sentAt = 0;
  let firstByteAt = 0;

  function settle(result: Exchange | Error): void {
    const done = waiting;
    waiting = undefined;
    done?.(result);
  }

  function drop(error: Error): void {
    const old = socket;
    socket = undefined;
    reader = createAnswerReader();
    old?.terminate();
    settle(error);
  }

  function send(bytes: Buffer): void {
    const written = socket?.write(bytes) ?? 0;
    unsent = written < bytes.length ? bytes.subarray(Math.max(0, written)) : undefined;
  }

  function receive(bytes: Buffer): void {
    const answer = reader.push(bytes);
    if (firstByteAt === 0 && (answer !== undefined || reader.received() > 0))
      firstByteAt = performance.now();
    if (answer === undefined) return;
    if (answer.close) {
      const old = socket;
      socket = undefined;
      old?.end();
    }
    settle({ answer, milliseconds: performance.now() - sentAt, firstByte: firstByteAt - sentAt });
  }

  function begin(): void {
    sentAt = performance.now();
    firstByteAt = 0;
    send(request);
  }

  async function connect(): Promise<void> {
    try {
      socket = await Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          data(from, bytes) {
            if (from !== socket) return;
            try {
              receive(bytes);
            } catch (error) {
              drop(error instanceof Error ? error : new Error("unreadable answer"));
            }
          },
          drain(from) {
            if (from === socket && unsent !== undefined) send(unsent);
          },
          close(from) {
            if (from === socket)
              drop(new Error("the connection was closed before the answer was complete"));
          },
          error(from, error) {
            if (from === socket) drop(error);
          },
        },
      });
      begin();
    } catch (error) {
      drop(error instanceof Error ? error : new Error("cannot connect"));
    }
  }

  return {
    exchange(done) {
      waiting = done;
      if (socket === undefined) void connect();
      else begin();
    },
    close() {
      drop(new Error("no answer in time"));
    },
  };
}
