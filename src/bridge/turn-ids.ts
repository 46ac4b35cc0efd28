// The ids of the turns that run on a hub's links. Knows no link and no turn.

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
