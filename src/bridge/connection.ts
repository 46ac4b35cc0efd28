// A thin shell around the link machine: owns one socket, the timer and the turns on them. Knows no hub, no sessions
// and no reconnecting; the machine (link.ts) decides everything that happens on the link.

import type { AppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Clock, Log } from "../core/ports.ts";
import type { Turn } from "../core/turn.ts";
import { createConsuming, FREE_IDS, type TurnIds } from "./consuming.ts";
import { type Decoder, isViolation, type Party } from "./decode.ts";
import {
  CLOSE,
  type ControlEffect,
  type LinkEffect,
  type LinkInput,
  type OverEffect,
} from "./effect.ts";
import { frameBytes } from "./encode.ts";
import type { HelloFrame, SessionFrame, WelcomeFrame, WireLimits } from "./frame.ts";
import type { Asker } from "./invoke.ts";
import { createLink, type LinkPhase } from "./link.ts";
import type { LinkTimes } from "./liveness.ts";
import { createServing, type Serve } from "./serving.ts";

/** What a connection needs of a WebSocket. `send` says 0 when the text was dropped, -1 when it waits in a buffer. */
export interface Socket {
  send(text: string): number;
  close(code: number, reason: string): void;
  /** Bytes that `send` took and the peer has not. */
  getBufferedAmount(): number;
  /** Without the closing handshake: for a peer that does not answer. */
  terminate(): void;
  /** A WebSocket ping, which any peer's WebSocket answers by itself. Our own links need none. */
  ping?(): void;
}

/** What the owner of a connection hears. `closed` comes once, last. */
export interface ConnectionEvents {
  hello?(frame: HelloFrame): void;
  welcome?(frame: WelcomeFrame): void;
  session?(frame: SessionFrame): void;
  complaint?(error: AppError): void;
  closed(end: LinkEnd): void;
}

interface LinkEnd {
  readonly code: number;
  readonly reason: string;
}

export interface ConnectionOptions {
  readonly self: Party;
  readonly peer: Party;
  readonly limits: WireLimits;
  readonly times: LinkTimes;
  readonly clock: Clock;
  readonly log: Log;
  readonly decoder: Decoder;
  readonly socket: Socket;
  /** How turns that arrive are answered, and how this end names itself in turns that it asks. */
  readonly serve: Serve;
  readonly asker: Asker;
  readonly ids?: TurnIds;
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
  readonly on: ConnectionEvents;
}

export interface ConnectionStats {
  readonly phase: LinkPhase;
  readonly sent: number;
  readonly received: number;
  /** Turns open, asked and served. */
  readonly turns: number;
  /** Asked turns that have not been answered a word. */
  readonly waiting: number;
  readonly late: number;
  readonly unknown: number;
  /** Monotonic. */
  readonly lastHeardAt: number | undefined;
}

export interface Connection {
  /** The socket is open. Whoever dialled says `hello`. */
  open(hello?: HelloFrame): void;
  receive(message: unknown): void;
  /** A WebSocket ping, which Bun has answered already. */
  pinged(): void;
  /** The socket's buffer is empty again. */
  drained(): void;
  lost(code: number, reason: string): void;
  /** The hub's answer to a hello. */
  accept(linkId: string, version: string, state: { session?: string; sessionCount?: number }): void;
  session(frame: SessionFrame): void;
  /** Says `hello` again, where the link is open. */
  announce(hello: HelloFrame): void;
  /** Runs a turn at the other end. Nothing is sent before the first read. */
  run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent>;
  /** Ends every turn on it as lost, and says `error` first if there is one. */
  close(code: number, reason: string, error?: AppError): void;
  /** Ends every turn with `error`, and says so to the peer. */
  shutdown(error: AppError): void;
  stats(): ConnectionStats;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { self, peer, clock, log, decoder, socket, on } = options;
  const ids = options.ids ?? FREE_IDS;
  const link = createLink({ ...options, livesElsewhere: (id) => ids.livesElsewhere(id) });
  const consuming = createConsuming({
    step,
    ids,
    asker: options.asker,
    isClogged: () => socket.getBufferedAmount() > MAX_WAITING,
    buffered: options.buffered,
  });
  const serving = createServing({
    serve: options.serve,
    step,
    limits: () => link.limits,
    congestion: () => congestion?.promise,
  });
  let congestion: PromiseWithResolvers<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let ended = false;
  let sent = 0;
  let received = 0;

  function step(input: LinkInput): void {
    const effects = link.step(input);
    for (const effect of effects) apply(effect);
  }

  function apply(effect: LinkEffect): void {
    switch (effect.type) {
      case "received":
        return consuming.received(effect.frame, effect.bytes);
      case "send":
        return send(effect.text);
      case "over":
        return over(effect);
      case "unparked":
        if (!consuming.unparked(effect.id)) serving.unparked(effect.id, effect.error);
        return undefined;
      case "start":
        return serving.start(effect.frame);
      case "held":
        return serving.held(effect.id);
      case "resumed":
        return serving.resumed(effect.id);
      default:
        return control(effect);
    }
  }

  function over({ id, error, parked }: OverEffect): void {
    const isParked = parked === true;
    if (!consuming.over(id, error, isParked)) serving.over(id, error, isParked);
  }

  function control(effect: ControlEffect): void {
    switch (effect.type) {
      case "timer":
        cancelTimer?.();
        cancelTimer = clock.timer(effect.ms, () => step({ type: "tick", at: clock.monotonic() }));
        return undefined;
      case "hello":
        return on.hello?.(effect.frame);
      case "welcome":
        return on.welcome?.(effect.frame);
      case "session":
        return on.session?.(effect.frame);
      case "complaint":
        return on.complaint?.(effect.error);
      case "close":
        return hangUp(effect.code, effect.reason);
    }
  }

  function send(text: string): void {
    sent += 1;
    const result = socket.send(text);
    if (result > 0 || ended) return;
    if (result < 0) congestion ??= Promise.withResolvers<void>();
    else lost(CLOSE.policy, "the socket dropped a frame");
  }

  function hangUp(code: number, reason: string): void {
    if (code === CLOSE.timeout && link.lastHeardAt !== undefined) socket.terminate();
    else socket.close(code, reason.slice(0, MAX_REASON));
    finish(code, reason);
  }

  function finish(code: number, reason: string): void {
    if (ended) return;
    ended = true;
    cancelTimer?.();
    drained();
    log.debug({ peer, code, reason }, "link closed");
    on.closed({ code, reason });
  }

  function receive(message: unknown): void {
    received += 1;
    if (typeof message !== "string") return close(CLOSE.binary, "only text frames");
    const bytes = frameBytes(message);
    if (peer === "agent" && bytes > link.limits.answer_bytes) {
      return close(CLOSE.tooLarge, "frame too large");
    }
    const frame = decoder.decode(message, peer, self);
    if (!isViolation(frame)) return step({ type: "frame", at: clock.monotonic(), frame, bytes });
    log.warn({ peer, violation: frame.violation }, "a frame against the protocol");
    return step({ type: "violation", violation: frame });
  }

  function drained(): void {
    const waiting = congestion;
    congestion = undefined;
    waiting?.resolve();
  }

  function lost(code: number, reason: string): void {
    step({ type: "closed" });
    finish(code, reason);
  }

  function close(code: number, reason: string, error?: AppError): void {
    step(
      error === undefined
        ? { type: "close", code, reason }
        : { type: "close", code, reason, error },
    );
  }

  return {
    open: (hello) => step({ type: "opened", at: clock.monotonic(), hello }),
    receive,
    pinged: () => step({ type: "control-ping", at: clock.monotonic() }),
    drained,
    lost,
    accept: (linkId, version, state) =>
      step({ type: "accept", at: clock.monotonic(), linkId, version, ...state }),
    session: (frame) => step({ type: "session", frame }),
    announce: (frame) => {
      if (link.phase === "open") step({ type: "announce", frame });
    },
    run: (turn, signal) => consuming.run(turn, signal),
    close,
    shutdown: (error) => step({ type: "shutdown", error }),
    stats: () => ({
      phase: link.phase,
      sent,
      received,
      turns: link.turns,
      waiting: consuming.waiting,
      ...link.counters,
      lastHeardAt: link.lastHeardAt,
    }),
  };
}

/** Requests are not sent into a buffer this full: far enough below the hub's limit, where the link would be cut. */
const MAX_WAITING = 32 * 1024 * 1024;
/** A close frame has room for 123 bytes of UTF-8; our reasons are ASCII but may quote a number. */
const MAX_REASON = 100;
