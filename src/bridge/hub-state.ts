// Which turns run on the links of a hub at all, whichever of its links that is.

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
