// One open socket to a foreign bridge: what is said on it, whether the other end is still there, and its one end.
// Knows no dialling, and turns only as those who hear of frames.

import type { Clock, Log } from "../core/ports.ts";
import type { Socket } from "./connection.ts";
import { frameBytes } from "./encode.ts";
import type { ForeignTurns } from "./foreign-turns.ts";
import { flatPing } from "./guide-flat.ts";
import type { GuideDecoder, GuideDialect } from "./guide-frames.ts";
import { createLiveness, type LinkTimes, type Verdict } from "./liveness.ts";

/** Over all links of a bridge. */
export interface LinkCounts {
  sent: number;
  received: number;
  errors: number;
  unknown: number;
}

export interface ForeignLinkOptions {
  readonly socket: Socket;
  readonly dialect: GuideDialect;
  readonly times: LinkTimes;
  readonly clock: Clock;
  /** For the log. */
  readonly bridge: string;
  readonly log: Log;
  readonly decoder: GuideDecoder;
  readonly turns: Pick<ForeignTurns, "receive" | "failed" | "broken">;
  readonly counts: LinkCounts;
  onHeard(): void;
  /** Once, whoever ended it. */
  onLost(reason: string): void;
}

export interface ForeignLink {
  readonly socket: Socket;
  /** A bridge that is there answers a ping at once: until then an open socket proves nothing. */
  start(): void;
  send(text: string): void;
  receive(data: unknown): void;
  /** Any sign of life. */
  heard(): void;
  lost(reason: string): void;
}

export function createForeignLink(options: ForeignLinkOptions): ForeignLink {
  const { socket, clock, log, bridge, turns, counts } = options;
  const liveness = createLiveness(options.times);
  let cancelTimer = (): void => undefined;
  let isOver = false;
  let hasComplained = false;

  function watch(verdict: Verdict): void {
    if (isOver) return undefined;
    if (verdict.verdict === "dead") {
      socket.terminate();
      return lost("the bridge does not answer");
    }
    cancelTimer = clock.timer(verdict.ms, () => watch(liveness.tick(clock.monotonic())));
    if (verdict.verdict === "wait") return undefined;
    socket.ping?.();
    return options.dialect === "flat" ? send(flatPing(clock.now())) : undefined;
  }

  function heard(): void {
    if (isOver) return;
    liveness.heard(clock.monotonic());
    options.onHeard();
  }

  function receive(data: unknown): void {
    if (isOver) return;
    heard();
    counts.received += 1;
    if (typeof data === "string") read(data);
    else complain("a message that is not text");
  }

  function read(text: string): void {
    const message = options.decoder.decode(text);
    if (message.kind === "unknown") counts.unknown += 1;
    if (message.kind === "broken") {
      complain("a message that cannot be read");
      if (message.id !== undefined) turns.broken(message.id);
    }
    if (message.kind !== "frame") return;
    const { frame } = message;
    if (frame.type !== "error") turns.receive(frame, frameBytes(text));
    else if (typeof frame.id === "string") turns.failed(frame.id, frame);
    else complain("an error that names no turn");
  }

  /** Loud once for each link: a bridge that sends nonsense must not fill the log with it. */
  function complain(what: string): void {
    counts.errors += 1;
    log[hasComplained ? "debug" : "warn"]({ bridge }, `the bridge sent ${what}`);
    hasComplained = true;
  }

  function send(text: string): void {
    if (isOver) return;
    counts.sent += 1;
    if (socket.send(text) !== 0) return;
    socket.terminate();
    lost("the socket dropped a message");
  }

  function lost(reason: string): void {
    if (isOver) return;
    isOver = true;
    cancelTimer();
    options.onLost(reason === "" ? "the link was lost" : reason);
  }

  return {
    socket,
    start: () => {
      liveness.watch(clock.monotonic());
      watch(liveness.tick(clock.monotonic()));
    },
    send,
    receive,
    heard,
    lost,
  };
}
