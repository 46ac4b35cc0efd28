// `mlp serve`: the provider alone. Its agents are behind a bridge in another process, which it dials for ever.

import { openBunSocket } from "../bridge/bun-socket.ts";
import { createRemoteHub } from "../bridge/remote-hub.ts";
import type { RemoteHub } from "../bridge/remote-hub.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { linkTiming } from "./link-timing.ts";
import { logSessions } from "./log-sessions.ts";
import { openPlace } from "./place.ts";
import { openProvider } from "./provider.ts";
import { reportLink } from "./report-link.ts";
import { start } from "./start.ts";
import type { System } from "./system.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export function startServe(settings: StartSettings): Promise<Running> {
  return start(settings, async (base) => {
    const { config, log, system, shutdown } = base;
    const url = config.mcp.bridge_url;
    const place = await openPlace(base);
    const hub = createRemoteHub({
      url,
      token: place.secrets.bridgeToken.value,
      name: `mlp ${VERSION}`,
      clock: system.clock,
      random: system.random,
      log,
      openSocket: openBunSocket,
      ...linkTiming(config),
      onState: reportLink(log, { url, secret: "MLP_BRIDGE_TOKEN" }),
    });
    shutdown.onClose("bridge link", () => hub.close());
    const provider = openProvider({
      ...base,
      ...place,
      sessions: hub,
      administration: undefined,
      link: () => remoteHealth(hub, system),
    });
    logSessions(hub, log);
    hub.start();
    const api = `http://127.0.0.1:${provider.listening.port}`;
    return {
      api,
      bridge: url,
      agent: null,
      found: { kind: "serve", control: api },
      notes: {
        chosenAgent: { spec: "none", why: `agents join the bridge at ${url}` },
        foundUnsupported: [],
        ...place.keyNotes,
      },
    };
  });
}

function remoteHealth(hub: RemoteHub, { clock }: System): LinkHealth {
  const status = hub.status();
  return {
    status: linkState(status.state.state),
    lastPingAt:
      status.lastHeardAt === undefined
        ? undefined
        : clock.now() - (clock.monotonic() - status.lastHeardAt),
    messagesSent: status.messagesSent,
    messagesReceived: status.messagesReceived,
    pendingRequests: status.pending,
    activeStreams: status.activeStreams,
  };
}

function linkState(state: ReturnType<RemoteHub["status"]>["state"]["state"]): LinkHealth["status"] {
  if (state === "connected") return "connected";
  return state === "connecting" || state === "greeting" ? "connecting" : "disconnected";
}
