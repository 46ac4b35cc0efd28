// Keeps a foreign bridge's agent with the sessions that are its own: all of them while its link is there, none while it
// is not, so that an agent out of reach is known to be away before a turn is sent to it.

import { AppError } from "../core/error.ts";
import type { Agent, Log } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { Sessions } from "../engine/sessions.ts";

export interface AttachedSessions {
  /** The link came or went. */
  setUp(isUp: boolean): void;
}

export interface AttachOptions {
  readonly sessions: Pick<Sessions, "list" | "subscribe" | "attach">;
  readonly agent: Agent;
  /** Whether the bridge answers for this session. */
  readonly isOurs: (session: Session) => boolean;
  readonly log: Log;
}

export function attachSessions({ sessions, agent, isOurs, log }: AttachOptions): AttachedSessions {
  const attached = new Map<string, () => void>();
  let isUp = false;

  function look(session: Session): void {
    if (!isOurs(session)) return;
    const { sessionId, status } = session;
    const isWanted = isUp && (status === "active" || status === "suspended");
    if (isWanted === attached.has(sessionId)) return;
    if (isWanted) attach(sessionId);
    else detach(sessionId);
  }

  /** Attaching is a change that we hear of, too: it is written down first. */
  function attach(sessionId: string): void {
    attached.set(sessionId, () => undefined);
    try {
      attached.set(sessionId, sessions.attach(sessionId, agent));
    } catch (error) {
      attached.delete(sessionId);
      // It ended just now; there is nothing to attach to.
      if (!(error instanceof AppError)) throw error;
      log.debug({ sessionId, code: error.code }, "a session ended before its agent came");
    }
  }

  function detach(sessionId: string): void {
    const stop = attached.get(sessionId);
    attached.delete(sessionId);
    stop?.();
  }

  sessions.subscribe(({ session }) => look(session));
  return {
    setUp: (now) => {
      isUp = now;
      for (const session of sessions.list()) look(session);
    },
  };
}
