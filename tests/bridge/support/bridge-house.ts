// A hub on a real port with real sessions, and whatever a test lets dial it. Everything is awaited by event, and
// everything that was opened is closed by `close`.

import type { TurnEvent } from "../../../src/core/event.ts";
import type { Agent, Clock, Log } from "../../../src/core/ports.ts";
import type { Session } from "../../../src/core/session.ts";
import type { Turn } from "../../../src/core/turn.ts";
import type { BackoffDelays } from "../../../src/bridge/backoff.ts";
import { openBunSocket } from "../../../src/bridge/bun-socket.ts";
import type { DialState } from "../../../src/bridge/dial.ts";
import type { WireLimits } from "../../../src/bridge/frame.ts";
import type { LinkRole } from "../../../src/bridge/hub-link.ts";
import { createHub, type Hub, type HubSocketData } from "../../../src/bridge/hub.ts";
import { createRemoteHub, type RemoteHub } from "../../../src/bridge/remote-hub.ts";
import { createRunner, type Runner } from "../../../src/bridge/runner.ts";
import { createSessions, type Sessions } from "../../../src/engine/sessions.ts";
import { createMemoryStore } from "../../engine/sessions-support.ts";
import { createFakeRandom } from "../../support/fake-clock.ts";

export const AGENT_TOKEN = "agent-secret";
export const BRIDGE_TOKEN = "bridge-secret";

/** Reconnecting takes no time worth waiting for. */
export const QUICK: BackoffDelays = { firstMs: 1, longestMs: 4, refusedMs: 2 };

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};

export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Values as they come, and a promise for the first that fits. */
export interface Watch<T> {
  readonly seen: T[];
  push(value: T): void;
  /** Looks at what was seen since `from` (default: all of it) and at what is still to come. */
  when(fits: (value: T) => boolean, from?: number): Promise<T>;
}

export function createWatch<T>(): Watch<T> {
  const seen: T[] = [];
  const waiting = new Set<(value: T) => void>();
  return {
    seen,
    push: (value) => {
      seen.push(value);
      for (const wait of waiting) wait(value);
    },
    when: (fits, from = 0) => {
      const { promise, resolve } = Promise.withResolvers<T>();
      const known = seen.slice(from).find(fits);
      if (known !== undefined) return Promise.resolve(known);
      const wait = (value: T): void => {
        if (!fits(value)) return;
        waiting.delete(wait);
        resolve(value);
      };
      waiting.add(wait);
      return promise;
    },
  };
}

export interface WatchedRunner {
  readonly runner: Runner;
  readonly sessions: Watch<Session>;
  readonly states: Watch<DialState>;
  readonly tokens: string[];
}

export interface WatchedProvider {
  readonly remote: RemoteHub;
  readonly changes: Watch<Session>;
  readonly states: Watch<DialState>;
}

export interface RawSocket {
  readonly socket: WebSocket;
  readonly frames: Watch<Record<string, unknown>>;
  readonly closed: Promise<CloseEvent>;
  send(frame: object): void;
}

export interface HouseOptions {
  readonly limits?: WireLimits;
  readonly hubClock?: Clock;
  readonly maxLinks?: number;
}

export interface BridgeHouse {
  readonly url: string;
  readonly sessions: Sessions;
  readonly hub: Hub;
  /** Upgrades refused from now on, with this status; `undefined` lets everybody in again. */
  refuseWith(status: number | undefined): void;
  /** `kept`: what the keeping of a token waits for. */
  runner(
    agent: Agent,
    options?: { readonly tokens?: string[]; readonly kept?: Promise<void> },
  ): WatchedRunner;
  /** A runner whose session a human has approved. */
  activeRunner(agent: Agent): Promise<WatchedRunner & { readonly sessionId: string }>;
  provider(): WatchedProvider;
  raw(role: LinkRole): Promise<RawSocket>;
  /** The hub and every socket go away; a new hub with the same sessions listens on the same port. */
  restart(): void;
  /** Cuts the sockets of a role without a word. */
  cut(role: LinkRole): void;
  close(): Promise<void>;
}

export async function openBridge(options: HouseOptions = {}): Promise<BridgeHouse> {
  const random = createFakeRandom();
  const sessions = await createSessions({
    store: createMemoryStore(),
    clock: realClock,
    random,
    hash: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    log: silent,
  });
  const closers: (() => void)[] = [];
  let refusal: number | undefined;
  let sockets = new Set<Bun.ServerWebSocket<HubSocketData>>();
  let hub = newHub();
  let server = listen(0);
  const { port } = server;
  const url = `ws://127.0.0.1:${port}`;

  function newHub(): Hub {
    return createHub({
      sessions,
      clock: options.hubClock ?? realClock,
      random,
      log: silent,
      version: "test",
      ...(options.limits && { limits: options.limits }),
      ...(options.maxLinks && { maxLinks: options.maxLinks }),
    });
  }

  function listen(port: number) {
    const { websocket } = hub;
    return Bun.serve<HubSocketData>({
      hostname: "127.0.0.1",
      port,
      fetch(request, server) {
        if (refusal !== undefined) return new Response("no", { status: refusal });
        const given = request.headers.get("authorization");
        const role = given === `Bearer ${AGENT_TOKEN}` ? "agent" : "provider";
        if (role === "provider" && given !== `Bearer ${BRIDGE_TOKEN}`) {
          return new Response("no", { status: 401 });
        }
        const upgraded = server.upgrade(request, { data: hub.socketData(role) });
        return upgraded ? undefined : new Response("no", { status: 400 });
      },
      websocket: {
        ...websocket,
        open: (socket) => {
          sockets.add(socket);
          return websocket.open?.(socket);
        },
      },
    });
  }

  function runner(
    agent: Agent,
    {
      tokens = [],
      kept = Promise.resolve(),
    }: { readonly tokens?: string[]; readonly kept?: Promise<void> } = {},
  ): WatchedRunner {
    const changes = createWatch<Session>();
    const states = createWatch<DialState>();
    const runner = createRunner({
      url,
      token: AGENT_TOKEN,
      agent,
      tokens: {
        load: () => Promise.resolve(tokens.at(-1)),
        save: (token) => {
          tokens.push(token);
          return kept;
        },
      },
      clock: realClock,
      random,
      log: silent,
      openSocket: openBunSocket,
      delays: QUICK,
      onSession: changes.push,
      onState: states.push,
    });
    closers.push(() => void runner.close());
    runner.start();
    return { runner, sessions: changes, states, tokens };
  }

  function provider(): WatchedProvider {
    const changes = createWatch<Session>();
    const states = createWatch<DialState>();
    const remote = createRemoteHub({
      url,
      token: BRIDGE_TOKEN,
      name: "test provider",
      clock: realClock,
      random,
      log: silent,
      openSocket: openBunSocket,
      delays: QUICK,
      onState: states.push,
    });
    remote.subscribe(({ session }) => changes.push(session));
    closers.push(() => remote.close());
    remote.start();
    return { remote, changes, states };
  }

  async function raw(role: LinkRole): Promise<RawSocket> {
    const token = role === "agent" ? AGENT_TOKEN : BRIDGE_TOKEN;
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    const frames = createWatch<Record<string, unknown>>();
    const { promise: closed, resolve: close } = Promise.withResolvers<CloseEvent>();
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    socket.addEventListener("open", () => open());
    socket.addEventListener("message", (event) => frames.push(JSON.parse(String(event.data))));
    socket.addEventListener("close", close);
    closers.push(() => socket.terminate());
    await opened;
    return { socket, frames, closed, send: (frame) => socket.send(JSON.stringify(frame)) };
  }

  return {
    url,
    sessions,
    get hub() {
      return hub;
    },
    refuseWith: (status) => {
      refusal = status;
    },
    runner,
    async activeRunner(agent) {
      const watched = runner(agent);
      const { sessionId } = await watched.sessions.when(({ status }) => status === "pending");
      await sessions.approve(sessionId, { scopes: ["inference", "tools", "agent:read"] });
      await watched.sessions.when(({ status, connected }) => status === "active" && connected);
      return { ...watched, sessionId };
    },
    provider,
    raw,
    restart: () => {
      hub.close();
      void server.stop(true);
      sockets = new Set();
      hub = newHub();
      server = listen(port ?? 0);
    },
    cut: (role) => {
      for (const socket of sockets) {
        if (socket.data.role !== role) continue;
        sockets.delete(socket);
        socket.terminate();
      }
    },
    close: async () => {
      for (const close of closers.splice(0)) close();
      hub.close();
      await server.stop(true);
      await sessions.close();
    },
  };
}

let turns = 0;

/** Ids are never used twice. */
export function chatTurn(
  sessionId: string,
  text: string,
  fields: { stream?: boolean; tools?: boolean; id?: string } = {},
): Turn {
  turns += 1;
  return {
    id: fields.id ?? `turn_${turns}`,
    sessionId,
    deadlineMs: 60_000,
    scopes: ["inference"],
    request: {
      kind: "chat",
      model: "m1",
      stream: fields.stream ?? true,
      messages: [{ role: "user", content: [{ type: "text", text }] }],
      parameters: {},
      ...(fields.tools === true && { tools: [{ name: "read_file" }] }),
    },
  };
}

export interface Played {
  readonly text: string;
  readonly finished: boolean;
  readonly code: string | undefined;
}

/** A turn read to its end, good or bad. */
export async function readAll(events: AsyncIterable<TurnEvent>): Promise<Played> {
  let text = "";
  let finished = false;
  try {
    for await (const event of events) {
      if (event.type === "text-delta") text += event.text;
      if (event.type === "finish") finished = true;
    }
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { text, finished, code };
  }
  return { text, finished, code: undefined };
}
