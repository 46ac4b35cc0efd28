// `mlp serve`: the provider alone. Its agents are behind bridges in other processes, which it dials for ever.

import { logSessions } from "./log-sessions.ts";
import { openPlace } from "./place.ts";
import { openProvider } from "./provider.ts";
import { openServeBridges } from "./serve-bridges.ts";
import { start } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export function startServe(settings: StartSettings): Promise<Running> {
  return start(settings, async (base) => {
    const place = await openPlace(base, "provider");
    const parts = { ...base, ...place };
    const bridges = await openServeBridges(parts);
    const { sessions, administration, registrars, isDefault, link } = bridges;
    const provider = await openProvider({
      ...parts,
      sessions,
      administration,
      registrars,
      ...(isDefault !== undefined && { isDefault }),
      link,
    });
    logSessions(sessions, base.log);
    bridges.start();
    const api = `http://127.0.0.1:${provider.listening.port}`;
    return {
      api,
      bridge: bridges.url,
      agent: null,
      found: { kind: "serve", control: api, sessions: administration !== undefined },
      notes: {
        chosenAgent: { spec: "none", why: `agents join the bridge at ${bridges.shown}` },
        foundUnsupported: [],
        ...place.keyNotes,
      },
    };
  });
}
