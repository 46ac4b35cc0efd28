// A WebSocket that is dialled again for ever: runners and providers reach their hub through it. It knows sockets, delays
// and refusals; frames and turns belong to the connection that its owner makes for each socket.

import { AppError } from "../core/error.ts";
import type { Clock, Random } from "../core/ports.ts";
import { backoff, type BackoffDelays, spread } from "./backoff.ts";
import type { Socket } from "./connection.ts";

/** What a socket being dialled reports. `failed` comes instead of `open`; `closed` only after `open`. */
export interface DialledEvents {
  open(): void;
  message(data: unknown): void;
  closed(code: number, reason: string): void;
  /** `status`: the HTTP status that refused the upgrade, where there was one. */
  failed(status: number | undefined): void;
  /** A WebSocket ping or pong of the peer's. */
  alive?(): void;
}

/** Bun's WebSocket, or a fake. The token goes into a header, never into the URL. */
export type OpenSocket = (
  url: string,
  headers: Readonly<Record<string, string>>,
  events: DialledEvents,
) => Socket;

export type DialState =
  | { readonly state: "connecting"; readonly attempt: number }
  /** The socket is open; the hub has not welcomed us yet. */
  | { readonly state: "greeting" }
  | { readonly state: "connected" }
  | { readonly state: "waiting"; readonly delayMs: number; readonly reason: string }
  /** The hub does not take our secret. We go on asking, slowly. */
  | { readonly state: "refused"; readonly delayMs: number; readonly status: number }
  /** Given up for good: `reason` says why. */
  | { readonly state: "stopped"; readonly reason: string }
  | { readonly state: "closed" };

/** What the owner does with a socket that is open. */
export interface SocketOwner {
  message(data: unknown): void;
  closed(code: number, reason: string): void;
}

export interface DialOptions {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly openSocket: OpenSocket;
  readonly delays: BackoffDelays;
  /** How long an upgrade may take. */
  readonly connectMs: number;
  onSocket(socket: Socket): SocketOwner;
  onState(state: DialState): void;
}

export interface Dialler {
  readonly state: DialState;
  start(): void;
  /** The hub has welcomed us: the next failure starts from the shortest delay. */
  settled(): void;
  /** Hangs up and does not dial again. */
  stop(reason: string): void;
  /** The connection has ended; `socket` is the one that it was on. */
  redial(socket: Socket, reason: string): void;
  close(): void;
}

export function createDialler(options: DialOptions): Dialler {
  const { clock, random, delays } = options;
  checkUrl(options.url);
  let state: DialState = { state: "closed" };
  let attempt = 0;
  let current: Socket | undefined;
  let cancelTimer: (() => void) | undefined;
  let finished = false;

  function become(next: DialState): void {
    state = next;
    options.onState(next);
  }

  function dial(): void {
    attempt += 1;
    become({ state: "connecting", attempt });
    let owner: SocketOwner | undefined;
    const mine = () => !finished && current === socket;
    const socket: Socket = options.openSocket(
      options.url,
      { authorization: `Bearer ${options.token}` },
      {
        open() {
          if (!mine()) return;
          cancelTimer?.();
          become({ state: "greeting" });
          owner = options.onSocket(socket);
        },
        message: (data) => owner?.message(data),
        closed: (code, reason) => owner?.closed(code, reason),
        failed(status) {
          if (mine()) failed(status);
        },
      },
    );
    current = socket;
    cancelTimer = clock.timer(options.connectMs, () => {
      if (!mine()) return;
      socket.terminate();
      wait("the bridge does not answer");
    });
  }

  function failed(status: number | undefined): void {
    if (status !== 401 && status !== 403) {
      wait(status === undefined ? "cannot reach the bridge" : `the bridge answered ${status}`);
      return;
    }
    const delayMs = spread(delays.refusedMs, random.fraction());
    later(delayMs);
    become({ state: "refused", delayMs, status });
  }

  function wait(reason: string): void {
    const delayMs = backoff(Math.max(attempt, 1), random.fraction(), delays);
    later(delayMs);
    become({ state: "waiting", delayMs, reason });
  }

  function later(delayMs: number): void {
    current = undefined;
    cancelTimer?.();
    cancelTimer = clock.timer(delayMs, dial);
  }

  function finish(last: DialState): void {
    if (finished) return;
    finished = true;
    cancelTimer?.();
    current?.close(1000, "");
    current = undefined;
    become(last);
  }

  return {
    get state() {
      return state;
    },
    start() {
      if (!finished && current === undefined) dial();
    },
    settled() {
      attempt = 0;
      become({ state: "connected" });
    },
    stop: (reason) => finish({ state: "stopped", reason }),
    redial(socket, reason) {
      if (finished || current !== socket) return;
      wait(reason);
    },
    close: () => finish({ state: "closed" }),
  };
}

/** Throws `invalid_request` for anything but a plain `ws:` or `wss:` address. */
function checkUrl(url: string): void {
  const parsed = URL.parse(url);
  const plain =
    parsed !== null && (parsed.protocol === "ws:" || parsed.protocol === "wss:")
      ? parsed.username + parsed.password + parsed.search + parsed.hash === ""
      : false;
  if (plain) return;
  const message =
    "The bridge's address must look like ws://127.0.0.1:8787, with no secret or query in it.";
  throw new AppError("invalid_request", message);
}
