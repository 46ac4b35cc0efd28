// A turn's answer written to the client as it comes. Bun's direct streams are the cheapest way to do that;
// generator routes are not used: they frame twice, and their `finally` does not run when a client hangs up.

import type { TurnEvent } from "../core/event.ts";
import type { Clock } from "../core/ports.ts";
import type { StreamEncoder } from "../core/stream.ts";
import type { Buffers } from "../engine/buffers.ts";
import type { TurnEnd } from "../engine/run-turn.ts";

export interface StreamedAnswer {
  readonly encoder: StreamEncoder;
  /**
   * Starts the turn; what the sink returns holds the agent back while the client is not reading. `say` writes text that
   * is framed already.
   */
  readonly run: (
    sink: (event: TurnEvent) => Promise<void> | undefined,
    say: (text: string) => void,
  ) => Promise<TurnEnd>;
  /** When nothing more follows; `bytes` of the body have been written. */
  readonly onDone: (end: TurnEnd, bytes: number) => void;
  readonly headers: Record<string, string>;
  readonly clock: Clock;
  /** How long the client may hear nothing, in milliseconds. */
  readonly heartbeatMs: number;
  /** Counts what the client has not read. */
  readonly buffers: Pick<Buffers, "hold">;
}

/** The answer's headers and first frame go out at once, whatever the agent is doing. */
export function streamResponse(answer: StreamedAnswer): Response {
  const writer = createWriter(answer.buffers, answer.clock);
  let lastWriteAt = answer.clock.monotonic();
  let stopHeartbeat = beat();

  function beat(): () => void {
    const quietFor = answer.clock.monotonic() - lastWriteAt;
    if (quietFor >= answer.heartbeatMs) void write(answer.encoder.heartbeat());
    const next = answer.heartbeatMs - Math.max(0, answer.clock.monotonic() - lastWriteAt);
    return answer.clock.timer(Math.max(0, next), () => {
      stopHeartbeat = beat();
    });
  }

  function write(text: string): Promise<void> | undefined {
    if (text === "") return undefined;
    lastWriteAt = answer.clock.monotonic();
    return writer.write(text);
  }

  async function drive(): Promise<void> {
    void write(answer.encoder.start());
    const end = await answer.run(
      (event) => write(answer.encoder.event(event)),
      (text) => void write(text),
    );
    stopHeartbeat();
    if (end.outcome !== "done") void write(answer.encoder.error(end.error));
    writer.close();
    answer.onDone(end, writer.bytes());
  }

  const driven = drive();
  const source: Bun.DirectUnderlyingSource<string> = {
    type: "direct",
    pull: async (controller) => {
      writer.attach(controller);
      await driven;
    },
  };
  return new Response(new ReadableStream(source), { headers: answer.headers });
}

interface Writer {
  attach(controller: ReadableStreamDirectController): void;
  write(text: string): Promise<void> | undefined;
  close(): void;
  /** Of what has been written: to a client that has gone nothing is. */
  bytes(): number;
}

/** What is longer is not kept for the end of the moment. In UTF-16 code units. */
const GATHERED = 16_384;

/**
 * Holds what is written before the stream is pulled, and never touches a stream that has been closed. What is written in
 * one moment goes out in one piece: each write for itself would be a system call.
 */
function createWriter(buffers: StreamedAnswer["buffers"], clock: Pick<Clock, "soon">): Writer {
  let controller: ReadableStreamDirectController | undefined;
  let waiting = "";
  let scheduled = false;
  let closed = false;
  let attached: (() => void) | undefined;
  let whenAttached: Promise<void> | undefined;
  /** While the client does not read. */
  let unread: Promise<void> | undefined;
  let bytes = 0;

  function attach(given: ReadableStreamDirectController): void {
    controller = given;
    flush();
    if (closed) given.close();
    attached?.();
  }

  function write(text: string): Promise<void> | undefined {
    if (closed) return undefined;
    waiting += text;
    if (controller === undefined) {
      whenAttached ??= new Promise((resolve) => {
        attached = resolve;
      });
      return whenAttached;
    }
    if (waiting.length >= GATHERED) flush();
    else if (!scheduled) {
      scheduled = true;
      clock.soon(() => {
        scheduled = false;
        flush();
      });
    }
    return unread;
  }

  function flush(): void {
    if (controller === undefined || waiting === "") return;
    const text = waiting;
    waiting = "";
    const written = controller.write(text);
    // The number it gives is not that of the bytes; 0 means that the client has gone.
    const size = written === 0 ? 0 : Buffer.byteLength(text);
    bytes += size;
    if (typeof written !== "number") hold(written, size);
  }

  function hold(written: Promise<number>, size: number): void {
    const held = buffers.hold(size);
    const read = written.then(() => undefined).finally(() => held.release());
    unread = read;
    const over = (): void => {
      if (unread === read) unread = undefined;
    };
    // Whoever waits for it hears of a failure; where nobody does, nothing is left to be told.
    read.then(over, () => undefined);
  }

  function close(): void {
    if (closed) return;
    flush();
    closed = true;
    controller?.close();
  }

  return { attach, write, close, bytes: () => bytes };
}
