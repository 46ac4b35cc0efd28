// How many sessions came up and how many ended, from the changes that the directory tells of. A session is told of many
// times; it is counted once each way.

import type { Session, SessionStatus } from "../core/session.ts";

export type SessionEvent =
  | { readonly type: "created" }
  | { readonly type: "ended"; readonly status: SessionStatus }
  | undefined;

/** Sessions that are followed at once; further ones are not counted. Far above what a hub holds. */
const MOST_SESSIONS = 10_000;

const ENDED: ReadonlySet<SessionStatus> = new Set(["expired", "revoked", "exhausted", "denied"]);

/** `since`: wall clock; what was created before was there already and is not counted as new. */
export function createSessionChanges(since: number) {
  const known = new Set<string>();

  return (session: Pick<Session, "sessionId" | "status" | "createdAt">): SessionEvent => {
    const { sessionId, status } = session;
    if (ENDED.has(status)) return known.delete(sessionId) ? { type: "ended", status } : undefined;
    if (known.has(sessionId) || known.size >= MOST_SESSIONS) return undefined;
    known.add(sessionId);
    return session.createdAt >= since ? { type: "created" } : undefined;
  };
}
