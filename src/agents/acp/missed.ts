// What an ACP agent said of a session's state while nobody listened to it: before its first turn, and between two. Bounded.
// Knows nothing of what the states mean.

import { isJsonObject } from "../../core/json.ts";

export interface Missed {
  keep(sessionId: string, update: unknown): void;
  /** Oldest first, each once. */
  take(sessionId: string): readonly unknown[];
}

/** Each says how things are now: of every kind the last one tells all. */
const STATES: ReadonlySet<unknown> = new Set(["current_mode_update", "config_option_update"]);
/** Sessions: more than are kept at once. An agent may speak of such as nobody has. */
const MOST_SESSIONS = 256;

export function createMissed(): Missed {
  const sessions = new Map<string, Map<unknown, unknown>>();

  function take(sessionId: string): readonly unknown[] {
    const updates = [...(sessions.get(sessionId)?.values() ?? [])];
    sessions.delete(sessionId);
    return updates;
  }

  return {
    keep: (sessionId, update) => {
      const kind = isJsonObject(update) ? update["sessionUpdate"] : undefined;
      if (!STATES.has(kind)) return;
      const updates = sessions.get(sessionId) ?? new Map<unknown, unknown>();
      updates.delete(kind);
      updates.set(kind, update);
      sessions.delete(sessionId);
      sessions.set(sessionId, updates);
      const [oldest] = sessions.keys();
      if (sessions.size > MOST_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    },
    take,
  };
}
