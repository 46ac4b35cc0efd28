// `mlp serve`: the provider alone. Its agents are behind a bridge in another process, which it dials for ever.

import { openBunSocket } from "../bridge/bun-socket.ts";
import { createRemoteHub } from "../bridge/remote-hub.ts";
import type { RemoteHub } from "../bridge/remote-hub.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { linkTiming } from "./link-timing.ts";
import { openPlace } from "./place.ts";
import { openProvider } from "./provider.ts";
import { leaveRunFile } from "./run-file.ts";
import { createShutdown } from "./shutdown.ts";
import { createSystem } from "./system.ts";
import type { System } from "./system.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export async function startServe(settings: StartSettings): Promise<Running> {
  const { config, log, paths } = settings;
  const system = createSystem();
  const shutdown = createShutdown(log);
  try {
    const place = await openPlace({ ...settings, system, shutdown });
    const hub = createRemoteHub({
      url: config.mcp.bridge_url,
      token: place.secrets.bridgeToken.value,
      name: `mlp ${VERSION}`,
      clock: system.clock,
      random: system.random,
      log,
      openSocket: openBunSocket,
      ...linkTiming(config),
      onState: (state) => log.info({ bridge: config.mcp.bridge_url, ...state }, "bridge link"),
    });
    shutdown.onClose("bridge link", () => hub.close());
    const provider = openProvider({
      ...settings,
      ...place,
      system,
      shutdown,
      sessions: hub,
      administration: undefined,
      link: () => remoteHealth(hub, system),
    });
    hub.start();
    const api = `http://127.0.0.1:${provider.listening.port}`;
    const removeRunFile = leaveRunFile(paths.run, {
      kind: "serve",
      api,
      bridge: config.mcp.bridge_url,
      control: api,
    });
    shutdown.onClose("run file", removeRunFile);
    return {
      ready: {
        event: "ready",
        api,
        bridge: config.mcp.bridge_url,
        dashboard: null,
        agent: null,
        version: VERSION,
      },
      notes: {
        chosenAgent: { spec: "none", why: `agents join the bridge at ${config.mcp.bridge_url}` },
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
