// A provider's turns at the hub: each takes a lease of the session it names and runs on the session's agent. What the
// turn may do comes from the session's record; what the frame says about scopes is not read.

import type { SessionRegistry } from "../core/ports.ts";
import { neededScopes } from "./invoke.ts";
import type { Serve } from "./serving.ts";

export function serveProvider(sessions: SessionRegistry): Serve {
  return async (turn, control) => {
    const lease = await sessions.acquire(turn.sessionId, {
      scopes: neededScopes(turn.request),
      onEnd: (error) => control.end(error),
    });
    const granted = { ...turn, scopes: lease.session.scopes };
    return {
      events: lease.agent.run(granted, control.signal),
      settle: (usage) => lease.settle(usage),
    };
  };
}
