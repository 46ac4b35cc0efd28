// The sessions of this process: their records, their agents, who listens. Knows nothing of approval, limits or stores.
// Everything here is synchronous: whoever reads and then writes without an `await` between has done both at once.

import { AppError } from "../core/error.ts";
import type { Agent, Log, SessionChange, StoredSession } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { openingHashes } from "./sessions-tokens.ts";

/** A turn that runs under a session. */
export interface OpenLease {
  /** Tells the turn that its grant has ended; the second time does nothing. */
  cut(error: AppError): void;
}

export interface Attachment {
  readonly agent: Agent;
}

/** A session and what only this process knows of it. `deadline` and the other moments are monotonic milliseconds. */
export interface Entry {
  /** Another one with every change; what turns count is counted in place, so that it is kept over an `await` as a copy only. */
  readonly record: StoredSession;
  /** Whether the store holds it: an embedded agent's session lives and dies with the process. */
  readonly kept: boolean;
  readonly leases: Set<OpenLease>;
  /** The latest one; the same agent attached twice is two attachments. */
  attachment: Attachment | undefined;
  deadline: number | null;
  endedAt: number | null;
  /** When its agent was last heard of, while it waits for approval. */
  seenAt: number;
  /** A decision is being written down: no second one may begin, and the claims may not change under it. */
  deciding: boolean;
}

type Counted = Partial<Pick<StoredSession, "requestCount" | "tokenCount" | "lastActivityAt">>;

export interface Book {
  add(record: StoredSession, entry: Pick<Entry, "kept" | "seenAt" | "endedAt">): Entry;
  remove(entry: Entry): void;
  find(sessionId: string): Entry | undefined;
  /** @throws AppError session_not_found */
  need(sessionId: string): Entry;
  findByToken(tokenHash: string): Entry | undefined;
  entries(): Iterable<Entry>;
  change(entry: Entry, patch: Partial<StoredSession>): void;
  /** A change of what every turn changes: in place, since a copy of the record costs more than all else about it. */
  count(entry: Entry, patch: Counted): void;
  attach(entry: Entry, attachment: Attachment | undefined): void;
  view(entry: Entry): Session;
  /** Forgets the shown form: what it is made of has changed. */
  touch(entry: Entry): void;
  emit(entry: Entry, token?: string): void;
  subscribe(listener: (change: SessionChange) => void): () => void;
}

/** The registered sessions of a foreign bridge are known by their connector, which no agent can claim. */
export function registeredConnector(owner: string): string {
  return `bridge:${owner}`;
}

export function isRegistered(record: Pick<Session, "connector">): boolean {
  return record.connector.startsWith("bridge:");
}

export function createBook(log: Log): Book {
  const entries = new Map<string, Entry & { record: StoredSession }>();
  const tokens = new Map<string, Entry>();
  const views = new WeakMap<Entry, Session>();
  const listeners = new Set<(change: SessionChange) => void>();

  /** A token never opens a session that a foreign bridge owns: that is the bridge's to run. */
  function index(entry: Entry): void {
    if (isRegistered(entry.record)) return;
    for (const hash of openingHashes(entry.record.tokenHash)) tokens.set(hash, entry);
  }

  function unindex(entry: Entry): void {
    for (const hash of openingHashes(entry.record.tokenHash)) {
      if (tokens.get(hash) === entry) tokens.delete(hash);
    }
  }

  function view(entry: Entry): Session {
    const known = views.get(entry);
    if (known !== undefined) return known;
    const session = shown(entry);
    views.set(entry, session);
    return session;
  }

  return {
    add(record, { kept, seenAt, endedAt }) {
      const entry: Entry & { record: StoredSession } = {
        record: { ...record },
        kept,
        leases: new Set(),
        attachment: undefined,
        deadline: null,
        endedAt,
        seenAt,
        deciding: false,
      };
      entries.set(record.sessionId, entry);
      index(entry);
      return entry;
    },

    remove(entry) {
      unindex(entry);
      entries.delete(entry.record.sessionId);
    },

    find: (sessionId) => entries.get(sessionId),

    need(sessionId) {
      const entry = entries.get(sessionId);
      if (entry !== undefined) return entry;
      throw new AppError(
        "session_not_found",
        "There is no such session. See them with: mlp sessions list",
      );
    },

    findByToken: (tokenHash) => tokens.get(tokenHash),
    entries: () => entries.values(),

    change(entry, patch) {
      unindex(entry);
      (entry as { record: StoredSession }).record = { ...entry.record, ...patch };
      index(entry);
      views.delete(entry);
    },

    count(entry, patch) {
      Object.assign(entry.record, patch);
      views.delete(entry);
    },

    attach(entry, attachment) {
      entry.attachment = attachment;
      views.delete(entry);
    },

    view,
    touch: (entry) => views.delete(entry),

    emit(entry, token) {
      const session = view(entry);
      for (const listener of listeners) {
        try {
          listener(token === undefined ? { session } : { session, token });
        } catch (error) {
          log.error({ err: error, sessionId: session.sessionId }, "a session listener failed");
        }
      }
    },

    subscribe(listener) {
      // A wrapper of its own, so that the same function subscribed twice is two subscriptions.
      const own = (change: SessionChange): void => listener(change);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}

/** Field by field, and not a copy without the token: it is made anew at every turn. */
function shown({ record, attachment, leases }: Entry): Session {
  return {
    sessionId: record.sessionId,
    agentId: record.agentId,
    label: record.label,
    connector: record.connector,
    status: record.status,
    requestedScopes: record.requestedScopes,
    scopes: record.scopes,
    models: record.models,
    createdAt: record.createdAt,
    expiresAt: record.expiresAt,
    lastActivityAt: record.lastActivityAt,
    requestCount: record.requestCount,
    tokenCount: record.tokenCount,
    maxRequests: record.maxRequests,
    maxTokens: record.maxTokens,
    connected: attachment !== undefined,
    inFlight: leases.size,
    approvalHash: record.approvalHash,
  };
}
