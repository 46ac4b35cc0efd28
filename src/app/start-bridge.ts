// `mlp bridge`: the hub alone. Agents and providers come to it from other processes.

import { openBridge } from "./bridge.ts";
import { openPlace } from "./place.ts";
import { leaveRunFile } from "./run-file.ts";
import { createShutdown } from "./shutdown.ts";
import { createSystem } from "./system.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

/** @throws AppError saying what keeps it from starting */
export async function startBridge(settings: StartSettings): Promise<Running> {
  const { config, log, paths } = settings;
  const system = createSystem();
  const shutdown = createShutdown(log);
  try {
    const place = await openPlace({ ...settings, system, shutdown });
    const bridge = await openBridge({ ...settings, ...place, system, shutdown });
    const { port } = bridge.listening;
    const removeRunFile = leaveRunFile(paths.run, {
      kind: "bridge",
      api: null,
      bridge: `ws://127.0.0.1:${port}`,
      control: `http://127.0.0.1:${port}`,
    });
    shutdown.onClose("run file", removeRunFile);
    return {
      ready: {
        event: "ready",
        api: null,
        bridge: `ws://127.0.0.1:${port}`,
        dashboard: null,
        agent: null,
        version: VERSION,
      },
      notes: {
        chosenAgent: { spec: "none", why: "agents join with: mlp agent <connector>" },
        foundUnsupported: [],
        ...place.keyNotes,
      },
      failed: new Promise(() => undefined),
      close: () => shutdown.close(config.limits.drain_ms),
      abort: () => shutdown.abort(),
    };
  } catch (error) {
    await shutdown.abort();
    throw error;
  }
}
