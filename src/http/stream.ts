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
  const writer = createWriter(answer.buffers);
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

/** Holds what is written before the stream is pulled, and never touches a stream that has been closed. */
function createWriter(buffers: StreamedAnswer["buffers"]): Writer {
  let controller: ReadableStreamDirectController | undefined;
  let early = "";
  let closed = false;
  let attached: (() => void) | undefined;
  let whenAttached: Promise<void> | undefined;
  let bytes = 0;

  function attach(given: ReadableStreamDirectController): void {
    controller = given;
    if (early !== "") void send(given, early);
    early = "";
    if (closed) given.close();
    attached?.();
  }

  function write(text: string): Promise<void> | undefined {
    if (closed) return undefined;
    if (controller === undefined) {
      early += text;
      whenAttached ??= new Promise((resolve) => {
        attached = resolve;
      });
      return whenAttached;
    }
    return send(controller, text);
  }

  function send(to: ReadableStreamDirectController, text: string): Promise<void> | undefined {
    const written = to.write(text);
    // The number it gives is not that of the bytes; 0 means that the client has gone.
    const size = written === 0 ? 0 : Buffer.byteLength(text);
    bytes += size;
    if (typeof written === "number") return undefined;
    const held = buffers.hold(size);
    return written.then(
      () => held.release(),
      (error: unknown) => {
        held.release();
        throw error;
      },
    );
  }

  function close(): void {
    if (closed) return;
    closed = true;
    controller?.close();
  }

  return { attach, write, close, bytes: () => bytes };
}
