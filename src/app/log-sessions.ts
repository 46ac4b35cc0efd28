// Says in the log when an agent's session changes for its human: asked for, approved, away, back, over.

import type { Log, SessionDirectory } from "../core/ports.ts";

/** Counts change with every turn and are not worth a line. */
export function logSessions(sessions: SessionDirectory, log: Log): void {
  const last = new Map<string, string>();
  sessions.subscribe(({ session }) => {
    const { sessionId, agentId, status, connected } = session;
    const state = `${status} ${connected}`;
    if (last.get(sessionId) === state) return;
    last.set(sessionId, state);
    log.info({ sessionId, agentId, status, connected }, "session");
    if (status !== "pending" && status !== "active" && status !== "suspended") {
      last.delete(sessionId);
    }
  });
}
