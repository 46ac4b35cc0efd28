// Where agents and providers meet: Bun's own WebSocket handlers, a connection per link, and the session registry between
// them. Who may connect, and as what, was decided by the guard at the upgrade; who may run turns is the registry's.

import { AppError } from "../core/error.ts";
import type { Clock, Log, Random, SessionChange, SessionRegistry } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { admitAgent, type AgentLink } from "./agent-link.ts";
import { createConnection, type Socket } from "./connection.ts";
import { createDecoder } from "./decode.ts";
import { CLOSE } from "./effect.ts";
import type { HelloFrame, WireLimits } from "./frame.ts";
import { addTraffic, linkInfo } from "./hub-link.ts";
import type { HubLink, LinkInfo, LinkRole, Traffic } from "./hub-link.ts";
import { createHubTokens, type HubTokens, type TokenListener } from "./hub-tokens.ts";
import { DEFAULT_TIMES, type LinkTimes } from "./liveness.ts";
import { SESSION_TOKEN_KEPT } from "./payload.ts";
import { serveProvider } from "./provider-link.ts";
import { sessionFrame } from "./session-frame.ts";
import { linkLimits } from "./settings.ts";
import { createTurnIds } from "./turn-ids.ts";

export interface HubOptions {
  readonly sessions: SessionRegistry & Partial<TokenListener>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  readonly limits?: WireLimits;
  readonly times?: LinkTimes;
  /** Links of both kinds at once; more are turned away with 1013. */
  readonly maxLinks?: number;
  /** Bytes that may wait in one socket's buffer before the link is cut. */
  readonly bufferBytes?: number;
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
}

/** `server.upgrade(request, { data })` takes this; one per socket. */
export interface HubSocketData {
  readonly role: LinkRole;
  link: HubLink | undefined;
}

export interface Hub {
  /** For `Bun.serve`. */
  readonly websocket: Bun.WebSocketHandler<HubSocketData>;
  socketData(role: LinkRole): HubSocketData;
  links(): readonly LinkInfo[];
  /** Frames over all links so far, those that have gone too. */
  traffic(): Traffic;
  /** Cuts one link; `false` when there is none of this id. */
  disconnect(linkId: string): boolean;
  /** Ends every turn as `shutdown` and every link with 1001. */
  close(): void;
}

const MIB = 1024 * 1024;
const DEFAULT_MAX_LINKS = 200;
const DEFAULT_BUFFER = 64 * MIB;

export function createHub(options: HubOptions): Hub {
  const { sessions, clock, random, log, version } = options;
  const limits = options.limits ?? linkLimits();
  const times = options.times ?? DEFAULT_TIMES;
  const maxLinks = options.maxLinks ?? DEFAULT_MAX_LINKS;
  const decoder = createDecoder();
  const links = new Map<string, HubLink>();
  const agents = new Map<string, HubLink>();
  const tokens = createHubTokens(sessions);
  const ids = createTurnIds();
  let closed = false;
  let past: Traffic = { sent: 0, received: 0 };

  function open(data: HubSocketData, socket: Socket): void {
    if (closed || links.size >= maxLinks) {
      socket.close(CLOSE.tryLater, closed ? "shutting down" : "too many links");
      return;
    }
    const linkId = random.id("link_");
    const { role } = data;
    const connection = createConnection({
      self: "hub",
      peer: role,
      limits,
      times,
      clock,
      log,
      decoder,
      socket,
      asker: { provider: "mcp-local-provider", label: version },
      buffered: options.buffered,
      serve: serveProvider(sessions),
      ids,
      on: {
        hello: (frame) => greet(link, frame),
        complaint: (error) => log.warn({ linkId, role, code: error.code }, "the peer complains"),
        closed: () => forget(link),
      },
    });
    const link: HubLink = {
      linkId,
      role,
      connectedAt: clock.now(),
      connection,
      hello: undefined,
      agent: undefined,
    };
    data.link = link;
    links.set(linkId, link);
    connection.open();
  }

  function greet(link: HubLink, hello: HelloFrame): void {
    if (link.agent !== undefined) {
      if (hello.session_token !== undefined) tokens.kept(link.linkId, hello.session_token);
      return offerAnew(link, hello, log);
    }
    link.hello = hello;
    if (link.role === "provider") return welcomeProvider(link);
    tokens.joining();
    void admitAgent({ sessions, connection: link.connection, hello })
      .then((agent) => welcomeAgent(link, agent))
      .catch((error: unknown) => turnAway(link, error))
      .finally(() => tokens.joined());
  }

  function welcomeProvider({ linkId, connection, hello }: HubLink): void {
    const all = sessions.list();
    connection.accept(linkId, version, { sessionCount: all.length });
    for (const session of all) connection.session(sessionFrame(session));
    log.info({ linkId, label: hello?.label }, "a provider has linked");
  }

  function welcomeAgent(link: HubLink, agent: AgentLink): void {
    const { linkId, connection } = link;
    if (connection.stats().phase !== "admitting") return tokens.lost(agent.token);
    const { session } = agent;
    const { sessionId } = session;
    const before = agents.get(sessionId);
    agents.set(sessionId, link);
    link.agent = agent;
    connection.accept(linkId, version, { session: sessionId });
    tellAgent(link, tokens, { session, token: agent.token ?? tokens.take(sessionId) });
    // The later attachment wins, so the session is never without its agent in between.
    if (links.has(linkId)) agent.attach();
    before?.connection.close(CLOSE.replaced, "replaced by a newer link");
    log.info({ linkId, sessionId, agentId: session.agentId }, "an agent has joined");
  }

  function turnAway(link: HubLink, error: unknown): void {
    const known = error instanceof AppError;
    if (!known) log.error({ linkId: link.linkId, err: error }, "an agent could not join");
    const refusal = known ? error : new AppError("internal", "The bridge could not take you in.");
    const code = refusal.kind.retryable || !known ? CLOSE.tryLater : CLOSE.forbidden;
    link.connection.close(code, refusal.code, refusal);
  }

  function forget(link: HubLink): void {
    links.delete(link.linkId);
    past = addTraffic(past, link);
    tokens.gone(link.linkId);
    const { agent } = link;
    if (agent === undefined) return;
    const { sessionId } = agent.session;
    if (agents.get(sessionId) === link) agents.delete(sessionId);
    agent.detach();
  }

  /** To every provider without the token; to the session's own agent with it. A human's no also ends the link. */
  function tell({ session, token }: SessionChange): void {
    for (const link of links.values()) {
      if (link.role === "provider" && link.connection.stats().phase === "open") {
        link.connection.session(sessionFrame(session));
      }
    }
    const link = agents.get(session.sessionId);
    if (link === undefined) {
      if (token !== undefined) tokens.untold(session.sessionId, token, !session.connected);
      return;
    }
    tellAgent(link, tokens, { session, token });
    if (session.status === "revoked" || session.status === "denied") {
      link.connection.close(CLOSE.forbidden, session.status);
    }
  }

  const stopListening = sessions.subscribe(tell);

  function close(): void {
    if (closed) return;
    closed = true;
    stopListening();
    const error = new AppError("shutdown", "The bridge is shutting down; try again in a moment.");
    for (const link of links.values()) link.connection.shutdown(error);
  }

  function disconnect(linkId: string): boolean {
    const link = links.get(linkId);
    link?.connection.close(CLOSE.forbidden, "disconnected by the operator");
    return link !== undefined;
  }

  return {
    websocket: {
      maxPayloadLength: limits.invoke_bytes,
      backpressureLimit: options.bufferBytes ?? DEFAULT_BUFFER,
      closeOnBackpressureLimit: true,
      perMessageDeflate: false,
      // Liveness is the protocol's own: pings and their answers are frames.
      idleTimeout: 0,
      sendPings: false,
      open: (socket) => open(socket.data, socket),
      message: (socket, message) => socket.data.link?.connection.receive(message),
      drain: (socket) => socket.data.link?.connection.drained(),
      ping: (socket) => socket.data.link?.connection.pinged(),
      close: (socket, code, reason) => socket.data.link?.connection.lost(code, reason),
    },
    socketData: (role) => ({ role, link: undefined }),
    links: () => [...links.values()].map(linkInfo),
    traffic: () => [...links.values()].reduce((sum, link) => addTraffic(sum, link), past),
    disconnect,
    close,
  };
}

/** Its own session, with the token where there is a new one. */
function tellAgent(
  { linkId, connection, hello }: HubLink,
  tokens: HubTokens,
  { session, token }: { readonly session: Session; readonly token: string | undefined },
): void {
  connection.session(sessionFrame(session, token));
  if (token === undefined) return;
  const says = hello?.capabilities[SESSION_TOKEN_KEPT] === true;
  if (connection.stats().phase === "open") tokens.told(linkId, token, says);
  else tokens.lost(token);
}

/** The agent has joined already: what it says anew is which models it has. */
function offerAnew({ linkId, connection, agent }: HubLink, hello: HelloFrame, log: Log): void {
  try {
    agent?.offer(hello);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    log.warn({ linkId, code: error.code }, "an agent offers what cannot be taken");
    connection.close(CLOSE.forbidden, error.code, error);
  }
}
