// A remote hub's sessions as this provider last heard of them. It refuses early what the hub would refuse anyway; the
// hub's own record decides. Knows no link.

import { AppError, type ErrorCode } from "../core/error.ts";
import type { LeaseRequest, SessionChange } from "../core/ports.ts";
import type { Scope, Session, SessionStatus } from "../core/session.ts";
import type { SessionFrame } from "./frame.ts";
import { sessionOf } from "./session-frame.ts";

export interface Mirror {
  list(): readonly Session[];
  subscribe(listener: (change: SessionChange) => void): () => void;
  /** A new link: the next `count` sessions are all there are. */
  snapshot(count: number): void;
  apply(frame: SessionFrame, now: number): void;
  /** The link is gone: sessions stay, their agents are out of reach. */
  disconnect(): void;
  /** Throws what `SessionDirectory.acquire` throws. `release` is harmless when called again. */
  hold(sessionId: string, request: LeaseRequest): { session: Session; release(): void };
}

interface Entry {
  session: Session;
  readonly holders: Set<LeaseRequest>;
  stale: boolean;
}

export function createMirror(): Mirror {
  const entries = new Map<string, Entry>();
  const listeners = new Set<(change: SessionChange) => void>();
  let missing = 0;

  function tell(session: Session): void {
    for (const listener of listeners) listener({ session });
  }

  function snapshot(count: number): void {
    missing = count;
    for (const entry of entries.values()) entry.stale = true;
    if (count === 0) dropStale();
  }

  function dropStale(): void {
    for (const [id, entry] of entries) if (entry.stale) entries.delete(id);
  }

  function apply(frame: SessionFrame, now: number): void {
    const session = sessionOf(frame, now);
    const entry = entries.get(session.sessionId) ?? { session, holders: new Set(), stale: false };
    entry.session = session;
    entry.stale = false;
    entries.set(session.sessionId, entry);
    if (missing > 0) {
      missing -= 1;
      if (missing === 0) dropStale();
    }
    const ended = endOf(session.status);
    if (ended !== undefined) endHolders(entry, ended);
    tell(view(entry));
  }

  function endHolders({ holders }: Entry, error: AppError): void {
    const ending = [...holders];
    holders.clear();
    for (const holder of ending) holder.onEnd(error);
  }

  function disconnect(): void {
    missing = 0;
    for (const entry of entries.values()) {
      if (!entry.session.connected) continue;
      entry.session = { ...entry.session, connected: false, inFlight: 0 };
      tell(view(entry));
    }
  }

  function hold(sessionId: string, request: LeaseRequest): ReturnType<Mirror["hold"]> {
    const entry = entries.get(sessionId);
    if (entry === undefined) throw new AppError("session_not_found", "There is no such session.");
    const error = unfit(entry.session, request.scopes);
    if (error !== undefined) throw error;
    // A holder of its own: the same request object may be used for several leases.
    const holder: LeaseRequest = {
      scopes: request.scopes,
      onEnd: (error) => request.onEnd(error),
    };
    entry.holders.add(holder);
    return { session: view(entry), release: () => void entry.holders.delete(holder) };
  }

  return {
    list: () => [...entries.values()].map(view),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    snapshot,
    apply,
    disconnect,
    hold,
  };
}

/** Our own turns are known here before the hub tells of them. */
function view({ session, holders }: Entry): Session {
  return holders.size > session.inFlight ? { ...session, inFlight: holders.size } : session;
}

const REFUSALS = {
  pending: ["consent_required", "The agent's session waits for a human's approval."],
  suspended: ["session_suspended", "The agent's session is suspended; resume it first."],
  expired: ["session_expired", "The agent's session has expired; approve a new one."],
  revoked: ["session_revoked", "The agent's session was revoked."],
  exhausted: [
    "session_exhausted",
    "The agent's session has used up its limits; approve a new one.",
  ],
  denied: ["session_denied", "The agent's session was denied."],
} as const satisfies Record<Exclude<SessionStatus, "active">, readonly [ErrorCode, string]>;

function unfit(session: Session, scopes: readonly Scope[]): AppError | undefined {
  const { status } = session;
  if (status !== "active") return refusal(status);
  const missing = scopes.find((scope) => !session.scopes.includes(scope));
  if (missing !== undefined) {
    return new AppError("scope_missing", `The agent's session does not grant "${missing}".`);
  }
  if (!session.connected) {
    return new AppError("no_active_session", "The session's agent is not connected now.");
  }
  return undefined;
}

function refusal(status: Exclude<SessionStatus, "active">): AppError {
  const [code, message] = REFUSALS[status];
  return new AppError(code, message);
}

/** Why a turn that is running must stop. A grant that is only used up lets its last turns end. */
function endOf(status: SessionStatus): AppError | undefined {
  const stays = status === "active" || status === "pending" || status === "exhausted";
  return stays ? undefined : refusal(status);
}
