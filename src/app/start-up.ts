// `mlp up`: provider, bridge and agents in one process. Turns go to the agents directly; the bridge's port is
// for agents and providers in other processes.

import { createShutdown } from "./shutdown.ts";
import { chooseAgents, createAgent } from "./agents.ts";
import { openBridge } from "./bridge.ts";
import { openPlace } from "./place.ts";
import { openProvider } from "./provider.ts";
import { leaveRunFile } from "./run-file.ts";
import { createSystem } from "./system.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

/** `agents`: what `--agent` named, in its order. @throws AppError saying what keeps it from starting */
export async function startUp(
  settings: StartSettings & { readonly agents: readonly string[] },
): Promise<Running> {
  const { config, log, paths } = settings;
  const system = createSystem();
  const shutdown = createShutdown(log);
  const chosen = chooseAgents(settings.agents, config);
  try {
    const place = await openPlace({ ...settings, system, shutdown });
    const parts = { ...settings, ...place, system, shutdown };
    const bridge = await openBridge(parts);
    for (const spec of chosen.specs) {
      bridge.sessions.embed(await createAgent(spec, { system, log }));
    }
    const provider = openProvider({
      ...parts,
      sessions: bridge.sessions,
      administration: bridge.sessions,
      link: bridge.link,
    });
    const api = `http://127.0.0.1:${provider.listening.port}`;
    const bridgeUrl = `ws://127.0.0.1:${bridge.listening.port}`;
    const removeRunFile = leaveRunFile(paths.run, {
      kind: "up",
      api,
      bridge: bridgeUrl,
      control: api,
    });
    shutdown.onClose("run file", removeRunFile);
    return {
      ready: {
        event: "ready",
        api,
        bridge: bridgeUrl,
        dashboard: null,
        agent: chosen.notes.chosenAgent.spec,
        version: VERSION,
      },
      notes: { ...chosen.notes, ...place.keyNotes },
      failed: new Promise(() => undefined),
      close: () => shutdown.close(config.limits.drain_ms),
      abort: () => shutdown.abort(),
    };
  } catch (error) {
    await shutdown.abort();
    throw error;
  }
}
