// The agent's side of a link: dials the hub for ever, asks to join (or resumes with the session's token) and runs the
// turns that arrive on the agent it was given. Approves nothing; a human does that at the hub.

import { AppError } from "../core/error.ts";
import type { Agent, Clock, Log, Random } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { type BackoffDelays, DEFAULT_DELAYS } from "./backoff.ts";
import { type Connection, createConnection, type Socket } from "./connection.ts";
import { createDecoder } from "./decode.ts";
import { createDialler, type DialState, type OpenSocket, type SocketOwner } from "./dial.ts";
import { CLOSE } from "./effect.ts";
import {
  type HelloFrame,
  PROTOCOL_VERSION,
  type SessionFrame,
  type WelcomeFrame,
} from "./frame.ts";
import { DEFAULT_TIMES, type LinkTimes } from "./liveness.ts";
import { SESSION_TOKEN_KEPT, TOOL_RESULT_PARTS } from "./payload.ts";
import type { Serve } from "./serving.ts";
import { sessionOf, toModelEntry } from "./session-frame.ts";
import { CONNECT_MS, linkLimits } from "./settings.ts";

/** Where the session's token is kept between starts; a secret. Both may fail: the runner then asks for a new approval. */
export interface SessionTokenStore {
  load(): Promise<string | undefined>;
  save(token: string): Promise<void>;
}

export interface RunnerOptions {
  readonly url: string;
  /** The agent token, which lets it knock; not the session's. */
  readonly token: string;
  readonly agent: Agent;
  readonly tokens: SessionTokenStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly openSocket: OpenSocket;
  readonly times?: LinkTimes;
  readonly delays?: BackoffDelays;
  /** Milliseconds that an upgrade may take. */
  readonly connectMs?: number;
  /** Each change of the session, as the hub tells it. */
  onSession?(session: Session): void;
  onState?(state: DialState): void;
}

export interface RunnerStatus {
  readonly dial: DialState;
  readonly session: Session | undefined;
  readonly turns: number;
}

export interface Runner {
  start(): void;
  /** The agent's models have changed: the hub is told now, or as the link comes about. */
  announce(): void;
  status(): RunnerStatus;
  /** Ends every turn as `shutdown` and hangs up for good. Resolves when the session's token is kept. */
  close(): Promise<void>;
}

interface RunnerLink {
  readonly socket: Socket;
  readonly connection: Connection;
  usedToken: string | undefined;
  /** The models have changed while the link came about. */
  isStale: boolean;
  /** Whether the hub wants to hear which token is kept. */
  hearsOfTokens: boolean;
}

export function createRunner(options: RunnerOptions): Runner {
  const { agent, tokens, clock, log } = options;
  const decoder = createDecoder();
  let session: Session | undefined;
  let link: RunnerLink | undefined;
  /** What the hub would not resume; asking with it again would only be refused again. */
  let spentToken: string | undefined;
  /** The newest token, in case it could not be saved. */
  let freshToken: string | undefined;
  /** One after the other, and the newest last. */
  let saving: Promise<void> = Promise.resolve();
  let closing = false;

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

  const serve: Serve = (turn, { signal }) => ({
    events: agent.run(turn, signal),
    settle: () => {
      if (isSpent(session)) askAnew();
    },
  });

  function onSocket(socket: Socket): SocketOwner {
    const connection = createConnection({
      self: "agent",
      peer: "hub",
      limits: linkLimits(),
      times: options.times ?? DEFAULT_TIMES,
      clock,
      log,
      decoder,
      socket,
      serve,
      asker: { provider: agent.info.agentId, label: agent.info.label },
      on: {
        welcome: (frame) => welcomed(mine, frame),
        session: (frame) => onSession(mine, frame),
        complaint,
        closed: ({ code, reason }) => onClosed(mine, code, reason),
      },
    });
    const mine = newLink(socket, connection);
    link = mine;
    greet(mine).catch((error: unknown) => {
      log.error({ err: error }, "the agent could not introduce itself");
      connection.close(CLOSE.normal, "no hello");
    });
    return {
      message: (data) => connection.receive(data),
      closed: (code, reason) => connection.lost(code, reason),
    };
  }

  async function greet(mine: RunnerLink): Promise<void> {
    const kept = freshToken ?? (await load());
    mine.usedToken = kept === spentToken ? undefined : kept;
    mine.connection.open(helloFrame(agent, mine.usedToken));
  }

  async function load(): Promise<string | undefined> {
    try {
      return await tokens.load();
    } catch (error) {
      log.warn({ err: error }, "the session's token cannot be read; asking for a new approval");
      return undefined;
    }
  }

  function onSession(mine: RunnerLink, frame: SessionFrame): void {
    const { session_token: token } = frame;
    if (token !== undefined) keep(mine, token);
    session = sessionOf(frame, clock.now());
    options.onSession?.(session);
    if (session.status === "denied" || session.status === "revoked") {
      return dialler.stop(`the session was ${session.status}`);
    }
    return isSpent(session) ? askAnew() : undefined;
  }

  function keep({ connection, hearsOfTokens }: RunnerLink, token: string): void {
    freshToken = token;
    spentToken = undefined;
    saving = saving
      .then(() => tokens.save(token))
      .then(() => {
        if (hearsOfTokens) connection.announce(helloFrame(agent, token));
      })
      .catch((error: unknown) => {
        log.warn(
          { err: error },
          "the session's token cannot be kept; a restart needs a new approval",
        );
      });
  }

  /** A grant that is used up is asked for again on a new link, once its last turn has ended. */
  function askAnew(): void {
    const mine = link;
    if (mine === undefined) return;
    spentToken = freshToken ?? mine.usedToken;
    freshToken = undefined;
    if (mine.connection.stats().turns > 0) return;
    mine.connection.close(CLOSE.normal, "asking for a new session");
  }

  function complaint(error: AppError): void {
    log.warn({ code: error.code }, `the bridge says: ${error.message}`);
    const mine = link;
    const refused = mine?.connection.stats().phase === "greeting" && !error.kind.retryable;
    if (!refused || mine.usedToken === undefined) return;
    spentToken = mine.usedToken;
    freshToken = undefined;
  }

  function onClosed(mine: RunnerLink, code: number, reason: string): void {
    if (link === mine) link = undefined;
    if (closing) return undefined;
    if (code === CLOSE.replaced) return dialler.stop("another process has taken over this session");
    return dialler.redial(mine.socket, reason === "" ? "the link was lost" : reason);
  }

  function announce(): void {
    if (link === undefined) return;
    // Between hello and welcome the hub is still taking in the models of the first one.
    if (link.connection.stats().phase === "open") {
      link.connection.announce(helloFrame(agent, undefined));
    } else link.isStale = true;
  }

  function welcomed(mine: RunnerLink, { capabilities }: WelcomeFrame): void {
    mine.hearsOfTokens = capabilities?.[SESSION_TOKEN_KEPT] === true;
    dialler.settled();
    if (!mine.isStale) return;
    mine.isStale = false;
    mine.connection.announce(helloFrame(agent, undefined));
  }

  async function close(): Promise<void> {
    const error = new AppError("shutdown", "The agent is shutting down; try again in a moment.");
    closing = true;
    link?.connection.shutdown(error);
    dialler.close();
    await saving;
  }

  return {
    start: () => dialler.start(),
    announce,
    status: () => ({
      dial: dialler.state,
      session,
      turns: link?.connection.stats().turns ?? 0,
    }),
    close,
  };
}

function newLink(socket: Socket, connection: Connection): RunnerLink {
  return { socket, connection, usedToken: undefined, isStale: false, hearsOfTokens: false };
}

function isSpent(session: Session | undefined): boolean {
  return session?.status === "expired" || session?.status === "exhausted";
}

/** A session's token is all that hello proves; everything else is what the agent says about itself. */
function helloFrame({ info }: Agent, token: string | undefined): HelloFrame {
  const has = (capability: string) =>
    info.models.some(({ capabilities }) => capabilities.some((one) => one === capability));
  const hello: HelloFrame = {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role: "agent",
    agent_id: info.agentId,
    label: info.label,
    connector: info.connector,
    models: info.models.map(toModelEntry),
    capabilities: {
      stream: true,
      tools: has("tools"),
      images: has("vision"),
      embeddings: has("embedding"),
      [TOOL_RESULT_PARTS]: true,
      [SESSION_TOKEN_KEPT]: true,
    },
    requested_scopes: [...info.requestedScopes],
  };
  return token === undefined ? hello : { ...hello, session_token: token };
}
