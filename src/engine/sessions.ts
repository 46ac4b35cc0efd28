// The sessions: human grants to agents, the only door to an agent. Puts the parts together and offers what a
// human may do with a session; the transitions are in session-machine.ts, each other concern in its sessions-* file.

import { AppError } from "../core/error.ts";
import type { Agent, Clock, Log, Random, SessionRegistry, SessionStore } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { createBook, isRegistered } from "./sessions-book.ts";
import type { Entry } from "./sessions-book.ts";
import { checkClaims } from "./sessions-claims.ts";
import { createEndings } from "./sessions-endings.ts";
import { SESSION_DEFAULTS, checkPolicies, completeGrant } from "./sessions-grant.ts";
import type { Grant, SessionPolicy, SessionSettings } from "./sessions-grant.ts";
import { createDecisions } from "./sessions-decisions.ts";
import { createDeliveries } from "./sessions-deliveries.ts";
import type { Deliveries } from "./sessions-deliveries.ts";
import { approvalDefaults, createJoins, withClaims } from "./sessions-joins.ts";
import type { JoinsDeps } from "./sessions-joins.ts";
import { createLeases } from "./sessions-leases.ts";
import { createRegister } from "./sessions-registered.ts";
import type { Registration } from "./sessions-registered.ts";
import { createSweep, restore } from "./sessions-sweep.ts";
import { hasEnded, refusalOf } from "./session-machine.ts";
import { createWrites } from "./sessions-writes.ts";

export interface Approval extends Grant {
  /** The hash of what the human saw: when the request is another one now, the approval is refused. */
  readonly approvalHash?: string;
}

/**
 * `list` has every session of this hub, those that ended in the last day too, oldest first. An approval's
 * token reaches its agent by `subscribe`; no answer here carries one. Errors of all: session_not_found,
 * conflict (not possible from this status), invalid_request, internal (the store cannot be written).
 */
export interface Sessions extends SessionRegistry, Deliveries {
  get(sessionId: string): Session | undefined;
  /** One time only: of any number of approvals at once, one succeeds. */
  approve(sessionId: string, approval?: Approval): Promise<Session>;
  deny(sessionId: string): Promise<Session>;
  /** Stops the agent now: turns in flight end, new ones are refused until `resume`. Its time goes on running. */
  suspend(sessionId: string): Promise<Session>;
  resume(sessionId: string): Promise<Session>;
  revoke(sessionId: string): Promise<Session>;
  /** Adds `ms` to the session's time; one without an end has nothing to add to. */
  extend(sessionId: string, ms: number): Promise<Session>;
  /** The agent of this process: active at once, never in the store. */
  embed(agent: Agent, grant?: Grant): Session;
  register(registration: Registration): Promise<Session>;
  /** Writes what is not yet written. Afterwards nothing is admitted; turns in flight are the engine's to end. */
  close(): Promise<void>;
}

export interface SessionsDeps {
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly random: Random;
  /** SHA-256 in hex. */
  readonly hash: (text: string) => string;
  readonly policies?: readonly SessionPolicy[];
  readonly defaults?: Partial<SessionSettings>;
  readonly log: Log;
}

/** Reads the store first. @throws AppError when it cannot be read, or a policy is wrong */
export async function createSessions(deps: SessionsDeps): Promise<Sessions> {
  const { store, clock, log, policies = [] } = deps;
  const settings = { ...SESSION_DEFAULTS, ...deps.defaults };
  checkPolicies(policies, settings);
  const stored = await store.load();

  const book = createBook(log);
  const writes = createWrites({ store, clock, log, flushMs: settings.flushMs });
  const endings = createEndings({ book, writes, clock });
  const shared = { book, writes, endings, clock, log, hash: deps.hash, random: deps.random };
  const decisions = createDecisions(shared);
  const parts: JoinsDeps = { ...shared, decisions, policies, settings };
  const sweep = createSweep({ ...shared, settings });
  restore(stored, { ...shared, settings });
  sweep.start();

  return { ...doors(parts), ...administration(parts), ...createDeliveries(parts), ...lifetime() };

  function lifetime(): Pick<Sessions, "acquire" | "close"> {
    const acquire = createLeases(shared);
    let closing: Promise<void> | undefined;
    return {
      acquire: async (sessionId, request) => {
        if (closing === undefined) return acquire(sessionId, request);
        throw new AppError("shutdown", "The provider is shutting down.");
      },
      close: () => {
        closing ??= (async () => {
          sweep.close();
          endings.close();
          await writes.close();
        })();
        return closing;
      },
    };
  }
}

type Doors = Pick<
  Sessions,
  "list" | "get" | "subscribe" | "join" | "attach" | "embed" | "register"
>;

function doors(parts: JoinsDeps): Doors {
  const { book } = parts;
  const joins = createJoins(parts);
  const register = createRegister(parts);
  return {
    list: () => Array.from(book.entries(), (entry) => book.view(entry)),
    get: (sessionId) => {
      const entry = book.find(sessionId);
      return entry && book.view(entry);
    },
    subscribe: (listener) => book.subscribe(listener),
    join: (request) => joins.join(request),
    attach: (sessionId, agent) => attach(parts, book.need(sessionId), agent),
    embed: (agent, grant) => book.view(joins.embed(agent, grant)),
    register: async (registration) => book.view(await register(registration)),
  };
}

type Administration = Pick<
  Sessions,
  "approve" | "deny" | "suspend" | "resume" | "revoke" | "extend"
>;

function administration({ book, endings, decisions, settings }: JoinsDeps): Administration {
  function stopper(step: "deny" | "suspend" | "revoke") {
    return async (sessionId: string): Promise<Session> => {
      const entry = book.need(sessionId);
      refuseUndecided(entry, step);
      endings.expireIfDue(entry);
      await endings.stop(entry, step);
      return book.view(entry);
    };
  }
  return {
    approve: async (sessionId, { approvalHash, ...grant } = {}) => {
      const entry = book.need(sessionId);
      const full = completeGrant(grant, approvalDefaults(settings));
      if (full.scopes.length === 0) {
        throw new AppError("invalid_request", "Approve one scope at least.", { param: "scopes" });
      }
      const token = await decisions.approve(entry, full, approvalHash);
      book.emit(entry, token);
      return book.view(entry);
    },
    deny: stopper("deny"),
    suspend: stopper("suspend"),
    revoke: stopper("revoke"),
    resume: async (sessionId) => {
      const entry = book.need(sessionId);
      await decisions.resume(entry);
      return book.view(entry);
    },
    extend: async (sessionId, ms) => {
      const entry = book.need(sessionId);
      await decisions.extend(entry, ms);
      return book.view(entry);
    },
  };
}

/** The later agent wins. @throws AppError why a session that has ended takes nobody */
function attach(parts: JoinsDeps, entry: Entry, agent: Agent): () => void {
  const { book, endings, clock } = parts;
  endings.expireIfDue(entry);
  const refusal = hasEnded(entry.record.status) ? refusalOf(entry.record) : undefined;
  if (refusal !== undefined) throw refusal;
  const attachment = { agent };
  offer(parts, entry, agent);
  book.attach(entry, attachment);
  entry.seenAt = clock.monotonic();
  book.emit(entry);
  return () => {
    if (entry.attachment !== attachment) return;
    book.attach(entry, undefined);
    entry.seenAt = clock.monotonic();
    book.emit(entry);
  };
}

/**
 * The models are today's: an agent may learn of its own while it runs, and attaches again. Whoever decides about a
 * session that waits has to look again; a foreign bridge said what its sessions offer when it registered them.
 */
function offer({ book, writes, hash }: JoinsDeps, entry: Entry, { info }: Agent): void {
  const { record } = entry;
  if (isRegistered(record)) return;
  const { models } = checkClaims(info);
  if (JSON.stringify(models) === JSON.stringify(record.models)) return;
  const changed = withClaims(record, { ...record, models }, hash);
  const { approvalHash } = record.status === "pending" ? changed : record;
  book.change(entry, { models, approvalHash });
  void writes.saveLater(entry);
}

function refuseUndecided(entry: Entry, step: string): void {
  if (step === "deny" && entry.deciding) {
    throw new AppError("conflict", "The session is being approved just now.");
  }
}
