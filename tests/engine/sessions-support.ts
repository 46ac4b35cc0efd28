// Sessions on a fake clock and a store in memory whose writes can be held back or refused.

import { createSessions } from "../../src/engine/sessions.ts";
import type { Sessions, SessionsDeps } from "../../src/engine/sessions.ts";
import { AppError } from "../../src/core/error.ts";
import type {
  Agent,
  AgentInfo,
  Lease,
  LeaseRequest,
  Log,
  SessionChange,
  SessionStore,
  StoredSession,
} from "../../src/core/ports.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import type { FakeClock } from "../support/fake-clock.ts";

export interface MemoryStore extends SessionStore {
  readonly records: Map<string, StoredSession>;
  /** Every write, in order: `save id status`, `count id requests tokens`, `remove id`. */
  readonly writes: string[];
  failing: boolean;
  /** While held, a write has happened only when its release is called. */
  hold(): () => void;
}

export function createMemoryStore(records: readonly StoredSession[] = []): MemoryStore {
  const kept = new Map(records.map((record) => [record.sessionId, record]));
  let gate: Promise<void> | undefined;
  const store: MemoryStore = {
    records: kept,
    writes: [],
    failing: false,
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = undefined;
        resolve();
      };
    },
    load: () => Promise.resolve([...kept.values()]),
    save: (session) =>
      write(`save ${session.sessionId} ${session.status}`, () => {
        kept.set(session.sessionId, session);
      }),
    count: (sessionId, requests, tokens, at) =>
      write(`count ${sessionId} ${requests} ${tokens}`, () => {
        const known = kept.get(sessionId);
        if (known === undefined) return;
        kept.set(sessionId, {
          ...known,
          requestCount: known.requestCount + requests,
          tokenCount: known.tokenCount + tokens,
          lastActivityAt: Math.max(known.lastActivityAt, at),
        });
      }),
    remove: (sessionId) =>
      write(`remove ${sessionId}`, () => {
        kept.delete(sessionId);
      }),
  };
  async function write(name: string, apply: () => void): Promise<void> {
    store.writes.push(name);
    if (gate !== undefined) await gate;
    if (store.failing) throw new Error("disk full");
    apply();
  }
  return store;
}

export interface House {
  readonly sessions: Sessions;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly changes: SessionChange[];
  readonly errors: string[];
}

export async function openHouse(
  options: Partial<Pick<SessionsDeps, "policies" | "defaults">> & {
    readonly store?: MemoryStore;
    readonly clock?: FakeClock;
  } = {},
): Promise<House> {
  const { store = createMemoryStore(), clock = createFakeClock(), ...rest } = options;
  const errors: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_fields, message) => errors.push(message),
  };
  const sessions = await createSessions({
    store,
    clock,
    random: createFakeRandom(),
    hash: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    log,
    ...rest,
  });
  const changes: SessionChange[] = [];
  sessions.subscribe((change) => changes.push(change));
  return { sessions, store, clock, changes, errors };
}

export function anInfo(fields: Partial<AgentInfo> = {}): AgentInfo {
  return {
    agentId: "cursor",
    label: "Cursor on laptop",
    connector: "cursor",
    models: [{ id: "m1", capabilities: ["completion"] }],
    requestedScopes: ["inference", "agent:exec"],
    ...fields,
  };
}

export function anAgent(fields: Partial<AgentInfo> = {}): Agent {
  return {
    info: anInfo(fields),
    run: async function* run() {
      yield { type: "finish", reason: "stop" };
    },
  };
}

/** A connected session that a human has approved, and its token. */
export async function activeSession(
  house: House,
  approval: Parameters<Sessions["approve"]>[1] = {},
  fields: Partial<AgentInfo> = {},
): Promise<{ id: string; token: string; agent: Agent; detach: () => void }> {
  const agent = anAgent(fields);
  const { session } = await house.sessions.join({ info: agent.info });
  const detach = house.sessions.attach(session.sessionId, agent);
  await house.sessions.approve(session.sessionId, approval);
  const token = house.changes.findLast((change) => change.token !== undefined)?.token;
  if (token === undefined) throw new Error("no token was issued");
  return { id: session.sessionId, token, agent, detach };
}

export interface Held extends Lease {
  readonly ends: AppError[];
}

export async function hold(
  house: House,
  sessionId: string,
  scopes: LeaseRequest["scopes"] = ["inference"],
): Promise<Held> {
  const ends: AppError[] = [];
  const lease = await house.sessions.acquire(sessionId, {
    scopes,
    onEnd: (error) => ends.push(error),
  });
  return { ...lease, ends };
}

/** The code of the error that a promise ends with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return "none";
}

export const USAGE = { promptTokens: 30, completionTokens: 12 };
