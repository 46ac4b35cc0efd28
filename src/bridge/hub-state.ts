// Two small books of the hub: which turns run on which of its links at all, and tokens that came a moment too early.

import type { TurnIds } from "./consuming.ts";

/** The turns that run on agents' links, whichever: an id is asked once at a time. */
export function createTurnIds(): TurnIds {
  const running = new Set<string>();
  return {
    claim(id) {
      if (running.has(id)) return false;
      running.add(id);
      return true;
    },
    release: (id) => void running.delete(id),
    livesElsewhere: (id) => running.has(id),
  };
}

/**
 * A session may become active between the registry's answer to a join and our hearing of it: its token, told
 * once, is kept for that moment.
 */
export function createEarlyTokens() {
  const tokens = new Map<string, string>();
  let joins = 0;
  return {
    joining: () => void (joins += 1),
    joined: () => {
      joins -= 1;
      if (joins === 0) tokens.clear();
    },
    keep: (sessionId: string, token: string) => {
      if (joins > 0) tokens.set(sessionId, token);
    },
    take: (sessionId: string) => {
      const token = tokens.get(sessionId);
      tokens.delete(sessionId);
      return token;
    },
  };
}
