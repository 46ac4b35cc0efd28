// `mlp up`: provider, bridge and agents in one process. Turns go to the agents directly; the bridge's port is
// for agents and providers in other processes.

import { addressOf } from "./address.ts";
import { createAgentSessionTally } from "./agent-sessions.ts";
import { chooseAgents, startAgents } from "./agents.ts";
import { openBridge } from "./bridge.ts";
import { embedLive } from "./live-agent.ts";
import { logSessions } from "./log-sessions.ts";
import { openPlace } from "./place.ts";
import { openProvider } from "./provider.ts";
import { start } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";

/** `agents`: what `--agent` named, in its order. @throws AppError saying what keeps it from starting */
export function startUp(
  settings: StartSettings & { readonly agents: readonly string[] },
): Promise<Running> {
  return start(settings, async (base) => {
    const chosen = chooseAgents(settings.agents, base.config, base.env);
    const place = await openPlace(base, "provider");
    const parts = { ...base, ...place };
    const bridge = await openBridge(parts);
    const tally = createAgentSessionTally();
    const deps = { ...base, onAgentSession: tally.record };
    const { agents, notes } = await startAgents(chosen, deps);
    for (const agent of agents) embedLive(bridge.sessions, agent, base.log);
    const provider = await openProvider({
      ...parts,
      sessions: bridge.sessions,
      administration: bridge.sessions,
      link: bridge.link,
      agentSessions: tally.figures,
    });
    logSessions(bridge.sessions, base.log);
    const { config } = base;
    const api = addressOf("http", config.provider.host, provider.listening.port);
    return {
      api,
      bridge: addressOf("ws", config.bridge.host, bridge.listening.port),
      agent: notes.chosenAgent.spec,
      found: { kind: "up", control: api, sessions: true },
      notes: { ...notes, ...place.keyNotes },
    };
  });
}
