// The foreign bridges of `mlp serve`: each dialled, its agent with the sessions that are its own, and what it may do on
// this provider's port. Their sessions live in this process and its store: nobody else's record of them counts.

import { auditSessions, auditedSessions } from "./audit.ts";
import { openBunSocket } from "../bridge/bun-socket.ts";
import { createForeignBridge } from "../bridge/foreign-bridge.ts";
import type { ForeignBridge } from "../bridge/foreign-bridge.ts";
import { linkLimits } from "../bridge/settings.ts";
import type { Model } from "../core/model.ts";
import type { AgentInfo } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { registeredConnector } from "../engine/sessions-book.ts";
import { createSessions } from "../engine/sessions.ts";
import type { Sessions } from "../engine/sessions.ts";
import { attachSessions } from "./attach-sessions.ts";
import type { ForeignEntry } from "./bridge-list.ts";
import type { BridgeParts } from "./bridge.ts";
import { foreignSessions } from "./kept-sessions.ts";
import { linkTiming } from "./link-timing.ts";
import { sessionSettings } from "./session-settings.ts";
import { VERSION } from "./version.ts";

/** What dialling a bridge needs. */
export type DialParts = Pick<
  BridgeParts,
  "config" | "system" | "log" | "shutdown" | "store" | "secrets" | "trail" | "buffers"
>;

export interface ForeignBridges {
  /** With the models of a bridge for the sessions that it registers: the guides' form has no place for them. */
  readonly sessions: Sessions;
  readonly bridges: readonly ForeignBridge[];
  readonly registrars: readonly { readonly name: string; readonly token: string }[];
  /** Whether the default bridge answers for this session; `undefined` where it is none of these. */
  readonly isDefault: ((session: Session) => boolean) | undefined;
  start(): void;
}

interface OpenedBridge {
  readonly entry: ForeignEntry;
  readonly bridge: ForeignBridge;
  readonly isOurs: (session: Session) => boolean;
}

/** @throws AppError when an address or a grant cannot be used, or the store cannot be read */
export async function openForeignBridges(
  parts: DialParts,
  entries: readonly ForeignEntry[],
): Promise<ForeignBridges> {
  const { shutdown } = parts;
  const sessions = await openSessions(
    parts,
    entries.map(({ name }) => name),
  );
  shutdown.onClose("sessions", () => sessions.close());
  const opened = entries.map((entry) => openOne(parts, sessions, entry));
  const bridges = opened.map(({ bridge }) => bridge);
  shutdown.onClose("foreign bridges", () => {
    for (const bridge of bridges) bridge.close();
  });
  const models = new Map(opened.map(({ entry, bridge }) => [entry.name, bridge.agent.info.models]));
  const fallback = (opened.find(({ entry }) => entry.isDefault) ?? opened[0])?.bridge.agent.info;
  return {
    sessions: {
      ...sessions,
      register: (registration) =>
        sessions.register({
          models: models.get(registration.owner) ?? fallback?.models ?? [],
          ...registration,
        }),
    },
    bridges,
    registrars: entries.flatMap(({ name, token }) =>
      token === undefined ? [] : [{ name, token }],
    ),
    isDefault: opened.find(({ entry }) => entry.isDefault)?.isOurs,
    start: () => {
      for (const bridge of bridges) bridge.start();
    },
  };
}

async function openSessions(
  { config, store, system, log, trail }: DialParts,
  names: readonly string[],
): Promise<Sessions> {
  const sessions = await createSessions({
    store: foreignSessions(store.sessions, names),
    clock: system.clock,
    random: system.random,
    hash: system.sha256,
    defaults: sessionSettings(config),
    log,
  });
  auditSessions(sessions, trail);
  return auditedSessions(sessions, trail);
}

function openOne(parts: DialParts, sessions: Sessions, entry: ForeignEntry): OpenedBridge {
  const { config, system, log } = parts;
  const { name, url, dialect, token } = entry;
  const { times, delays, connectMs } = linkTiming(config);
  const { invoke_bytes: invokeBytes } = linkLimits(config.limits.body_bytes);
  const agentId = entry.entry.agent_id;
  const bridge: ForeignBridge = createForeignBridge({
    name,
    url,
    dialect,
    ...(token !== undefined && { token }),
    ...(agentId !== undefined && { agentId }),
    label: `mlp ${VERSION}`,
    info: infoOf(entry, config.model.model_name),
    times,
    delays,
    connectMs,
    reconnectAttempts: config.mcp.reconnect_attempts,
    limits: {
      invokeBytes,
      frameBytes: config.limits.frame_bytes,
      bufferBytes: config.limits.turn_buffer_bytes,
      turns: config.limits.turns_in_flight,
    },
    clock: system.clock,
    random: system.random,
    log,
    openSocket: openBunSocket,
    buffered: (bytes) => parts.buffers.count(bytes),
    onLink: (isUp) => attached.setUp(isUp),
  });
  const standing = grantStanding(sessions, bridge, entry);
  // What the control token registered by hand has no bridge of its own.
  const owners = entry.isDefault ? [name, "control"] : [name];
  const connectors = new Set(owners.map(registeredConnector));
  const isOurs = ({ sessionId, connector }: Session): boolean =>
    sessionId === standing || connectors.has(connector);
  const attached = attachSessions({ sessions, agent: bridge.agent, isOurs, log });
  return { entry, bridge, isOurs };
}

/** The session that the configuration grants, by its id. Its agent is away until the bridge is reached. */
function grantStanding(
  sessions: Sessions,
  { agent }: ForeignBridge,
  { dialect, entry: { session } }: ForeignEntry,
): string | undefined {
  if (dialect === "nested" && session === undefined) return undefined;
  const { sessionId } = sessions.embed(agent, {
    ...(session?.scopes !== undefined && { scopes: session.scopes }),
    ...(session?.ttl_seconds !== undefined && { ttlMs: session.ttl_seconds * 1_000 }),
    ...(session?.max_requests !== undefined && { maxRequests: session.max_requests }),
    ...(session?.max_tokens !== undefined && { maxTokens: session.max_tokens }),
  });
  const detach = sessions.attach(sessionId, agent);
  detach();
  return sessionId;
}

function infoOf({ name, isDefault, entry }: ForeignEntry, modelName: string): AgentInfo {
  const capabilities = entry.capabilities ?? (["completion", "tools", "vision"] as const);
  const names = entry.models ?? [isDefault ? modelName : name];
  return {
    agentId: entry.agent_id ?? name,
    label: `Agent behind the bridge "${name}"`,
    connector: "bridge",
    models: names.map((id): Model => ({ id, capabilities })),
    requestedScopes: entry.session?.scopes ?? ["inference", "tools", "agent:read"],
  };
}
