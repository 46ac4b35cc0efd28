// How often the agents of this process went on in a session that knew the conversation, counted for the metrics.

import type { AgentSessionFigures } from "../observe/metric-figures.ts";

export interface AgentSessionTally {
  readonly record: (news: { readonly hit: boolean; readonly savedMs: number }) => void;
  readonly figures: () => AgentSessionFigures;
}

export function createAgentSessionTally(): AgentSessionTally {
  let figures: AgentSessionFigures = { hits: 0, misses: 0, savedMs: 0 };
  return {
    record: ({ hit, savedMs }) => {
      const { hits, misses } = figures;
      figures = {
        hits: hit ? hits + 1 : hits,
        misses: hit ? misses : misses + 1,
        savedMs: figures.savedMs + savedMs,
      };
    },
    figures: () => figures,
  };
}
