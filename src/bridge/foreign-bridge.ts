// A bridge that is not ours, dialled for ever: one of those that the implementation guides describe. Offers the agent
// behind it and says how the link is. Sessions, and who may use them, belong to its owner.

import { AppError } from "../core/error.ts";
import type { Agent, AgentInfo, Clock, Log, Random } from "../core/ports.ts";
import type { BackoffDelays } from "./backoff.ts";
import type { Socket } from "./connection.ts";
import { createDialler, type DialState, type OpenSocket, type SocketOwner } from "./dial.ts";
import { linkLost } from "./failure.ts";
import { createForeignLink, type ForeignLink } from "./foreign-link.ts";
import { createForeignTurns, type ForeignLimits } from "./foreign-turns.ts";
import { encodeFlat } from "./guide-flat.ts";
import { createGuideDecoder, type GuideDialect } from "./guide-frames.ts";
import { encodeNested } from "./guide-nested.ts";
import type { LinkTimes } from "./liveness.ts";

export interface ForeignBridgeOptions {
  /** As the configuration names it. */
  readonly name: string;
  readonly url: string;
  /** Sent as `Authorization: Bearer …`; without one no such header is sent. */
  readonly token?: string;
  readonly dialect: GuideDialect;
  /** Which agent a flat bridge is asked for. */
  readonly agentId?: string;
  /** How this provider names itself in a nested invoke. */
  readonly label: string;
  readonly info: AgentInfo;
  readonly times: LinkTimes;
  readonly connectMs: number;
  readonly delays: BackoffDelays;
  /** Attempts with growing delays; then it goes on at the longest one, and says `degraded`. */
  readonly reconnectAttempts: number;
  readonly limits: ForeignLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly openSocket: OpenSocket;
  /** The link is there, or is no more: the agent can be reached or not. */
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
  onLink?(isUp: boolean): void;
}

/** `disconnected`: between two attempts. `degraded`: after all of them, and trying on. */
export type ForeignState = "connected" | "connecting" | "degraded" | "disconnected";

/** For health. `lastHeardAt` is monotonic milliseconds; counts are over all links so far. */
export interface ForeignStatus {
  readonly state: ForeignState;
  readonly lastHeardAt: number | undefined;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Turns that have no event yet. */
  readonly pending: number;
  /** Turns whose answer has begun. */
  readonly activeStreams: number;
  /** Messages that could not be read, or that said of the link itself that something is wrong. */
  readonly errors: number;
  /** Messages that came too late, twice, for nobody, or of a type that is not known: dropped. */
  readonly dropped: number;
}

export interface ForeignBridge {
  readonly name: string;
  readonly agent: Agent;
  status(): ForeignStatus;
  start(): void;
  /** Ends every turn as `shutdown`, tells the bridge, and hangs up for good. */
  close(): void;
}

/** Requests are not sent into a buffer this full. */
const MAX_WAITING = 32 * 1024 * 1024;

/** @throws AppError invalid_request for an address that is not plain `ws:` or `wss:` */
export function createForeignBridge(options: ForeignBridgeOptions): ForeignBridge {
  const { name, clock, log, random, token } = options;
  const decoder = createGuideDecoder();
  const bridge = `${name} (${options.dialect})`;
  let link: ForeignLink | undefined;
  let isClosed = false;
  let attempt = 0;
  let lastHeardAt: number | undefined;
  const counts = { sent: 0, received: 0, errors: 0, unknown: 0 };

  const turns = createForeignTurns({
    encode: (turn) =>
      options.dialect === "nested"
        ? encodeNested(turn, options.label)
        : encodeFlat(turn, options.agentId),
    send: (text) => link?.send(text),
    hindrance,
    callId: () => random.id("call_"),
    limits: options.limits,
    buffered: options.buffered,
  });

  const dialler = createDialler({
    url: options.url,
    token: token ?? "",
    clock,
    random,
    delays: {
      // Read at every wait: when the attempts are used up, the first delay is the longest.
      get firstMs() {
        return isExhausted() ? options.delays.longestMs : options.delays.firstMs;
      },
      longestMs: options.delays.longestMs,
      refusedMs: options.delays.refusedMs,
    },
    connectMs: options.connectMs,
    openSocket: (url, headers, events) => {
      const socket = options.openSocket(url, token === undefined ? {} : headers, {
        ...events,
        alive: () => {
          if (link?.socket === socket) link.heard();
        },
      });
      return socket;
    },
    onSocket,
    onState,
  });

  function isExhausted(): boolean {
    return attempt >= options.reconnectAttempts;
  }

  function onState(state: DialState): void {
    if (state.state === "connecting") attempt = state.attempt;
    if (state.state === "connected") attempt = 0;
    if (state.state === "refused") {
      const what =
        "the bridge does not take our token: the one configured for it has to be its own";
      log.warn({ bridge, ...state }, what);
    } else if (state.state === "waiting" && attempt === options.reconnectAttempts) {
      log.warn({ bridge, ...state }, "the bridge is out of reach; trying on, less often");
    } else log.info({ bridge, ...state }, "bridge link");
  }

  function onSocket(socket: Socket): SocketOwner {
    const mine = createForeignLink({
      socket,
      dialect: options.dialect,
      times: options.times,
      clock,
      bridge,
      log,
      decoder,
      turns,
      counts,
      onHeard: () => {
        lastHeardAt = clock.monotonic();
        if (dialler.state.state === "greeting") dialler.settled();
      },
      onLost: (reason) => onLost(socket, reason),
    });
    link = mine;
    options.onLink?.(true);
    mine.start();
    return {
      message: (data) => mine.receive(data),
      closed: (_code, reason) => mine.lost(reason),
    };
  }

  /** Every turn on it has lost its agent. */
  function onLost(socket: Socket, reason: string): void {
    link = undefined;
    turns.endAll(linkLost(), false);
    options.onLink?.(false);
    if (!isClosed) dialler.redial(socket, reason);
  }

  function hindrance(): AppError | undefined {
    if (link === undefined) return new AppError("agent_lost", "The bridge is out of reach now.");
    if (link.socket.getBufferedAmount() <= MAX_WAITING) return undefined;
    const message = "The link to the agent is congested; try again in a moment.";
    return new AppError("too_busy", message);
  }

  function state(): ForeignState {
    if (link !== undefined) return "connected";
    const { state } = dialler.state;
    if (isClosed || state === "closed" || state === "stopped") return "disconnected";
    const isTrying = state === "connecting" || state === "greeting";
    // An attempt that is under way is not over: the one after the last shows that they are used up.
    if (isTrying ? attempt > options.reconnectAttempts : isExhausted()) return "degraded";
    return isTrying ? "connecting" : "disconnected";
  }

  function status(): ForeignStatus {
    const { pending, active, late, stray } = turns.counts();
    return {
      state: state(),
      lastHeardAt,
      messagesSent: counts.sent,
      messagesReceived: counts.received,
      pending,
      activeStreams: active,
      errors: counts.errors,
      dropped: late + stray + counts.unknown,
    };
  }

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    const error = new AppError("shutdown", "The provider is shutting down; try again in a moment.");
    turns.endAll(error, true);
    dialler.close();
    link?.lost("");
  }

  return {
    name,
    agent: {
      info: options.info,
      run: (turn, signal) => turns.run(turn, signal),
    } satisfies Agent,
    status,
    start: () => dialler.start(),
    close,
  };
}
