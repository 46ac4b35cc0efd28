// The provider's side of a link: dials a hub for ever, mirrors its sessions and offers them as a `SessionDirectory` whose
// agents answer over the link. The engine cannot tell it from the sessions of its own process.

import { AppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Agent, Clock, Lease, Log, Random, SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { type BackoffDelays, DEFAULT_DELAYS } from "./backoff.ts";
import { type Connection, createConnection, type Socket } from "./connection.ts";
import { createDecoder } from "./decode.ts";
import { createDialler, type DialState, type OpenSocket, type SocketOwner } from "./dial.ts";
import { type HelloFrame, PROTOCOL_VERSION } from "./frame.ts";
import { DEFAULT_TIMES, type LinkTimes } from "./liveness.ts";
import { createMirror } from "./mirror.ts";
import { TOOL_RESULT_PARTS } from "./payload.ts";
import type { Serve } from "./serving.ts";
import { CONNECT_MS, linkLimits } from "./settings.ts";

export interface RemoteHubOptions {
  readonly url: string;
  /** The bridge token. */
  readonly token: string;
  /** How this provider names itself to the hub and to agents. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly openSocket: OpenSocket;
  readonly times?: LinkTimes;
  readonly delays?: BackoffDelays;
  /** Milliseconds that an upgrade may take. */
  readonly connectMs?: number;
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
  onState?(state: DialState): void;
}

/** For health. `lastHeardAt` is monotonic milliseconds; counts are over all links so far. */
export interface RemoteHubStatus {
  readonly state: DialState;
  readonly lastHeardAt: number | undefined;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Turns that have no event yet. */
  readonly pending: number;
  /** Turns whose answer has begun. */
  readonly activeStreams: number;
}

export interface RemoteHub extends SessionDirectory {
  start(): void;
  status(): RemoteHubStatus;
  /** Ends every turn as `shutdown` and hangs up for good. */
  close(): void;
}

interface HubLink {
  readonly socket: Socket;
  readonly connection: Connection;
}

const refuseTurns: Serve = () => {
  throw new AppError("unsupported", "A provider runs no turns for others.");
};

export function createRemoteHub(options: RemoteHubOptions): RemoteHub {
  const { clock, log, name } = options;
  const decoder = createDecoder();
  const mirror = createMirror();
  let link: HubLink | undefined;
  let closing = false;
  let past = { sent: 0, received: 0 };
  let lastHeardAt: number | undefined;

  const dialler = createDialler({
    url: options.url,
    token: options.token,
    clock,
    random: options.random,
    openSocket: options.openSocket,
    delays: options.delays ?? DEFAULT_DELAYS,
    connectMs: options.connectMs ?? CONNECT_MS,
    onSocket,
    onState: (state) => options.onState?.(state),
  });

  function onSocket(socket: Socket): SocketOwner {
    const connection = createConnection({
      self: "provider",
      peer: "hub",
      limits: linkLimits(),
      times: options.times ?? DEFAULT_TIMES,
      clock,
      log,
      decoder,
      socket,
      serve: refuseTurns,
      asker: { provider: "mcp-local-provider", label: name },
      buffered: options.buffered,
      on: {
        welcome: (frame) => {
          link = mine;
          mirror.snapshot(frame.session_count ?? 0);
          dialler.settled();
        },
        session: (frame) => mirror.apply(frame, clock.now()),
        complaint: (error) => log.warn({ code: error.code }, `the bridge says: ${error.message}`),
        closed: ({ reason }) => onClosed(mine, reason),
      },
    });
    const mine: HubLink = { socket, connection };
    connection.open(helloFrame(name));
    return {
      message: (data) => connection.receive(data),
      closed: (code, reason) => connection.lost(code, reason),
    };
  }

  function onClosed(mine: HubLink, reason: string): void {
    const stats = mine.connection.stats();
    past = { sent: past.sent + stats.sent, received: past.received + stats.received };
    lastHeardAt = stats.lastHeardAt ?? lastHeardAt;
    if (link === mine) {
      link = undefined;
      mirror.disconnect();
    }
    if (!closing) dialler.redial(mine.socket, reason === "" ? "the link was lost" : reason);
  }

  function acquire(...[sessionId, request]: Parameters<SessionDirectory["acquire"]>): Lease {
    const held = mirror.hold(sessionId, request);
    const { session } = held;
    const release = (): void => held.release();
    return { session, agent: agentOf(session), settle: release, refund: release };
  }

  function agentOf(session: Session): Agent {
    const { agentId, label, connector, models, requestedScopes } = session;
    return {
      info: { agentId, label, connector, models, requestedScopes },
      run(turn, signal) {
        return link === undefined ? outOfReach() : link.connection.run(turn, signal);
      },
    };
  }

  function status(): RemoteHubStatus {
    const stats = link?.connection.stats();
    return {
      state: dialler.state,
      lastHeardAt: stats?.lastHeardAt ?? lastHeardAt,
      messagesSent: past.sent + (stats?.sent ?? 0),
      messagesReceived: past.received + (stats?.received ?? 0),
      pending: stats?.waiting ?? 0,
      activeStreams: stats === undefined ? 0 : stats.turns - stats.waiting,
    };
  }

  function close(): void {
    closing = true;
    const error = new AppError("shutdown", "The provider is shutting down; try again in a moment.");
    link?.connection.shutdown(error);
    dialler.close();
  }

  return {
    list: () => mirror.list(),
    subscribe: (listener) => mirror.subscribe(listener),
    acquire: (...given) => Promise.try(() => acquire(...given)),
    start: () => dialler.start(),
    status,
    close,
  };
}

/** An answer that fails when it is read, as one that is lost later does. */
function outOfReach(): AsyncIterable<TurnEvent> {
  const error = new AppError("agent_lost", "The bridge is out of reach now.");
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

function helloFrame(name: string): HelloFrame {
  return {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role: "provider",
    agent_id: name,
    label: name,
    models: [],
    capabilities: { [TOOL_RESULT_PARTS]: true },
    requested_scopes: [],
  };
}
