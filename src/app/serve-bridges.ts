// Every bridge that `mlp serve` dials, hubs of ours and foreign ones, as one place that turns go to and one state of
// health.

import { openBunSocket } from "../bridge/bun-socket.ts";
import type { ForeignStatus } from "../bridge/foreign-bridge.ts";
import { createRemoteHub } from "../bridge/remote-hub.ts";
import type { RemoteHub } from "../bridge/remote-hub.ts";
import { AppError } from "../core/error.ts";
import type { SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { joinDirectories } from "../engine/directories.ts";
import { registeredConnector } from "../engine/sessions-book.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { listBridges } from "./bridge-list.ts";
import type { ForeignEntry, OwnBridge } from "./bridge-list.ts";
import { openForeignBridges } from "./foreign-bridges.ts";
import type { DialParts, ForeignBridges } from "./foreign-bridges.ts";
import { linkTiming } from "./link-timing.ts";
import { reportLink } from "./report-link.ts";
import type { System } from "./system.ts";
import { VERSION } from "./version.ts";

export interface ServeBridges {
  readonly sessions: SessionDirectory;
  /** Of the sessions that live in this process; none do where all bridges are hubs of ours. */
  readonly administration: Sessions | undefined;
  readonly registrars: ForeignBridges["registrars"];
  /** Whose sessions the default model names mean; `undefined`: the oldest's. */
  readonly isDefault: ((session: Session) => boolean) | undefined;
  readonly link: () => LinkHealth;
  /** The default bridge's address. */
  readonly url: string;
  /** For people. */
  readonly shown: string;
  start(): void;
}

interface DialledHub {
  readonly bridge: OwnBridge;
  readonly hub: RemoteHub;
}

/** @throws AppError saying what is wrong in the configuration; a bridge that is away does not */
export async function openServeBridges(parts: DialParts): Promise<ServeBridges> {
  const listed = listBridges(parts.config, parts.secrets);
  const own = listed.filter((bridge): bridge is OwnBridge => bridge.dialect === "mlp");
  const strangers = listed.filter((bridge): bridge is ForeignEntry => bridge.dialect !== "mlp");
  const hubs = own.map((bridge) => ({ bridge, hub: dialHub(parts, bridge) }));
  const foreign = strangers.length > 0 ? await openForeignBridges(parts, strangers) : undefined;
  const places = [...(foreign === undefined ? [] : [foreign.sessions]), ...hubs.map(hubOf)];
  const chosen = listed.find(({ isDefault }) => isDefault) ?? listed[0];
  if (chosen === undefined) throw new AppError("internal", "There is no bridge to dial.");
  const link = (name: string): LinkHealth => linkOf(parts.system, { hubs, foreign }, name);
  return {
    sessions: joinDirectories(places),
    administration: foreign && withoutTakeover(foreign.sessions, hubs.map(hubOf)),
    registrars: foreign?.registrars ?? [],
    isDefault: listed.length > 1 ? (foreign?.isDefault ?? ofHub(hubs)) : undefined,
    link: () => ({
      ...link(chosen.name),
      ...(foreign !== undefined && {
        bridges: listed.map(({ name, dialect }) => ({ name, dialect, ...link(name) })),
      }),
    }),
    url: chosen.url,
    shown: listed
      .map(({ name, url }) => (listed.length > 1 ? `${name} at ${url}` : url))
      .join(", "),
    start: () => {
      for (const { hub } of hubs) hub.start();
      foreign?.start();
    },
  };
}

function hubOf({ hub }: DialledHub): RemoteHub {
  return hub;
}

function dialHub(
  { config, system, log, shutdown, buffers }: DialParts,
  bridge: OwnBridge,
): RemoteHub {
  const { url, token } = bridge;
  const hub = createRemoteHub({
    url,
    token,
    name: `mlp ${VERSION}`,
    clock: system.clock,
    random: system.random,
    log,
    openSocket: openBunSocket,
    buffered: (bytes) => buffers.count(bytes),
    ...linkTiming(config),
    onState: reportLink(log, { url, secret: "MLP_BRIDGE_TOKEN" }),
  });
  shutdown.onClose("bridge link", () => hub.close());
  return hub;
}

/** A foreign bridge must not register an id that a session of a hub of ours has: its turns would go to the stranger. */
function withoutTakeover(sessions: Sessions, hubs: readonly RemoteHub[]): Sessions {
  return {
    ...sessions,
    register: async (registration) => {
      const connector = registeredConnector(registration.owner);
      const isTaken = hubs.some((hub) =>
        hub
          .list()
          .some(
            (session) =>
              session.sessionId === registration.sessionId && session.connector !== connector,
          ),
      );
      if (!isTaken) return await sessions.register(registration);
      throw new AppError("conflict", "This session id is taken. Choose another one.");
    },
  };
}

function ofHub(hubs: readonly DialledHub[]): ((session: Session) => boolean) | undefined {
  const hub = hubs.find(({ bridge }) => bridge.isDefault)?.hub;
  return hub && (({ sessionId }) => hub.list().some((session) => session.sessionId === sessionId));
}

interface Dialled {
  readonly hubs: readonly DialledHub[];
  readonly foreign: ForeignBridges | undefined;
}

function linkOf(system: System, { hubs, foreign }: Dialled, name: string): LinkHealth {
  const hub = hubs.find(({ bridge }) => bridge.name === name)?.hub;
  if (hub !== undefined) {
    const status = hub.status();
    return healthOf(system, { ...status, state: linkState(status.state.state) });
  }
  const bridge = foreign?.bridges.find((bridge) => bridge.name === name);
  if (bridge === undefined) throw new AppError("internal", "There is no such bridge.");
  return healthOf(system, bridge.status());
}

function healthOf(
  { clock }: System,
  status: Omit<ForeignStatus, "errors" | "dropped">,
): LinkHealth {
  const { lastHeardAt } = status;
  return {
    status: status.state,
    lastPingAt:
      lastHeardAt === undefined ? undefined : clock.now() - (clock.monotonic() - lastHeardAt),
    messagesSent: status.messagesSent,
    messagesReceived: status.messagesReceived,
    pendingRequests: status.pending,
    activeStreams: status.activeStreams,
  };
}

function linkState(
  state: ReturnType<RemoteHub["status"]>["state"]["state"],
): ForeignStatus["state"] {
  if (state === "connected") return "connected";
  return state === "connecting" || state === "greeting" ? "connecting" : "disconnected";
}
