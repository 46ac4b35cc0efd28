// `mlp bridge`: the hub alone. Agents and providers come to it from other processes.

import { addressOf } from "./address.ts";
import { openBridge } from "./bridge.ts";
import { logSessions } from "./log-sessions.ts";
import { openPlace } from "./place.ts";
import { start } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";

/** @throws AppError saying what keeps it from starting */
export function startBridge(settings: StartSettings): Promise<Running> {
  return start(settings, async (base) => {
    const place = await openPlace(base, "bridge");
    const { listening, sessions } = await openBridge({ ...base, ...place });
    logSessions(sessions, base.log);
    return {
      api: null,
      bridge: addressOf("ws", base.config.bridge.host, listening.port),
      agent: null,
      found: {
        kind: "bridge",
        sessions: true,
        control: addressOf("http", base.config.bridge.host, listening.port),
      },
      notes: {
        chosenAgent: { spec: "none", why: "agents join with: mlp agent <connector>" },
        foundUnsupported: [],
        ...place.keyNotes,
      },
    };
  });
}
