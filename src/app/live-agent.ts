// Agents whose models come and go while they run, and how a session of this process learns of it.

import { AppError } from "../core/error.ts";
import type { Agent, Log } from "../core/ports.ts";
import type { Sessions } from "../engine/sessions.ts";

export interface LiveAgent extends Agent {
  /** Hears of every change of `info.models`. Returns the way to stop hearing. */
  readonly onModels?: (listener: () => void) => () => void;
}

/** As `Sessions.embed`; the session's models are at any time those that the agent has. */
export function embedLive(sessions: Sessions, agent: LiveAgent, log: Log): void {
  const { sessionId } = sessions.embed(agent);
  const stop = agent.onModels?.(() => {
    try {
      sessions.attach(sessionId, agent);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      // Revoked, say: nobody asks for these models any more.
      log.debug({ sessionId, code: error.code }, "the session takes no models");
      stop?.();
    }
  });
}
