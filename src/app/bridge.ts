// The bridge of a process: the hub's links on their port, and beside them the control routes of its sessions.

import type { HubSocketData } from "../bridge/hub.ts";
import { createHub } from "../bridge/hub.ts";
import type { Hub } from "../bridge/hub.ts";
import { linkLimits } from "../bridge/settings.ts";
import type { Buffers } from "../engine/buffers.ts";
import type { Sessions } from "../engine/sessions.ts";
import { createSessions } from "../engine/sessions.ts";
import { createPortApps, guarded } from "../http/app.ts";
import type { PortApp, RouteGroup } from "../http/app.ts";
import { createGate } from "../http/gate.ts";
import { listen } from "../http/listen.ts";
import type { Listening } from "../http/listen.ts";
import { sessionRoutes } from "../http/routes-control.ts";
import { documentRoutes } from "../http/routes-documents.ts";
import type { DocumentDeps } from "../http/routes-documents.ts";
import { mcpRoutes } from "../http/routes-mcp.ts";
import type { McpRouteDeps } from "../http/routes-mcp.ts";
import { registrationRoutes } from "../http/routes-registration.ts";
import { operationsRoutes } from "../http/routes-operations.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { createVisits } from "../http/visit.ts";
import type { Visits } from "../http/visit.ts";
import type { AuthFailures } from "../security/auth-failures.ts";
import { createGuard } from "../security/guard.ts";
import type { KeyRing } from "../security/keys.ts";
import type { Secrets } from "../security/secrets.ts";
import type { Store } from "../store/sqlite.ts";
import { hubSessions } from "./kept-sessions.ts";
import { linkTiming } from "./link-timing.ts";
import { documentsOf } from "./documents.ts";
import { auditSessions, auditedSessions, refusalListener } from "./audit.ts";
import type { Trail } from "./audit.ts";
import { checkExposure, controlBody, guardRules } from "./guard-rules.ts";
import { openMcpDoor } from "./mcp.ts";
import type { Base } from "./start.ts";
import { sessionSettings } from "./session-settings.ts";
import { VERSION } from "./version.ts";

export interface BridgeParts extends Base {
  readonly store: Store;
  readonly keys: KeyRing;
  readonly secrets: Secrets;
  readonly trail: Trail;
  readonly buffers: Buffers;
  readonly failures: AuthFailures;
}

export interface Bridge {
  readonly sessions: Sessions;
  readonly hub: Hub;
  readonly listening: Listening;
  readonly link: () => LinkHealth;
  readonly app: PortApp;
}

export async function openBridge(parts: BridgeParts): Promise<Bridge> {
  const { config, system, log, shutdown, trail } = parts;
  const { clock, random } = system;
  const own = await createSessions({
    store: hubSessions(parts.store.sessions),
    clock,
    random,
    hash: system.sha256,
    policies: config.sessions.policies,
    defaults: sessionSettings(config),
    log,
  });
  auditSessions(own, trail);
  const sessions = auditedSessions(own, trail);
  const onRefusal = refusalListener(trail, clock);
  const hub = createHub({
    sessions,
    clock,
    random,
    log,
    version: VERSION,
    buffered: (bytes) => parts.buffers.count(bytes),
    times: linkTiming(config).times,
    limits: { ...linkLimits(config.limits.body_bytes), answer_bytes: config.limits.frame_bytes },
  });
  const link = (): LinkHealth => embeddedHealth(hub);
  const visits = createVisits();
  const documents = documentsOf({
    port: "bridge",
    config,
    routes: () => apps.plain.routes,
    bridgePort: () => listening.port,
  });
  const mcp = openMcpDoor({
    sessions,
    system,
    log,
    bodyBytes: config.limits.control_body_bytes,
    trustsConsent: () => parts.current().mcp.elicitation_approval,
  });
  const groups = bridgeGroups(parts, {
    sessions,
    link,
    visits,
    documents,
    mcp: (request) => mcp.handle(request),
  });
  const apps = createPortApps({ visits, log, groups, onRefusal });
  checkExposure(config, config.bridge.host);
  const guardFor = (port: number) =>
    createGuard(guardRules(parts, { host: config.bridge.host, port }));
  const listening: Listening = listen<HubSocketData>({
    name: "bridge",
    host: config.bridge.host,
    port: config.bridge.port,
    websocket: hub.websocket,
    log,
    gateFor: (port) => {
      let guard = guardFor(port);
      parts.onReload(() => {
        guard = guardFor(port);
      });
      return createGate<HubSocketData>({
        port: "bridge",
        guard: (question) => guard(question),
        visits,
        keyOf: () => undefined,
        ...apps,
        upgrade: (request, server, role) => server.upgrade(request, { data: hub.socketData(role) }),
        random,
        clock,
        log,
        onRefusal,
        crowded: () => listening.open() > config.limits.connections,
        closing: () => shutdown.closing,
      });
    },
  });
  shutdown.onClose("sessions", () => sessions.close());
  shutdown.onClose("bridge port", () => listening.kill());
  shutdown.onClose("hub", () => hub.close());
  shutdown.onClose("mcp", () => mcp.close());
  return { sessions, hub, listening, link, app: apps.plain };
}

interface BridgeRouteParts {
  readonly sessions: Sessions;
  readonly link: () => LinkHealth;
  readonly visits: Visits;
  readonly documents: DocumentDeps;
  readonly mcp: McpRouteDeps["handle"];
}

/** The port's routes; made without a server, too, to be described. */
export function bridgeGroups(
  { config, system }: Pick<BridgeParts, "config" | "system">,
  { sessions, link, visits, documents, mcp }: BridgeRouteParts,
): readonly RouteGroup[] {
  const limits = controlBody(config);
  return [
    operationsRoutes({
      clock: system.clock,
      version: VERSION,
      link,
      activeSessions: () => sessions.list().filter((each) => each.status === "active").length,
    }),
    guarded(visits, "control", [
      registrationRoutes({ sessions, visits, limits }),
      sessionRoutes({ sessions, limits }),
      () => documentRoutes(documents),
    ]),
    guarded(visits, "agent", [mcpRoutes({ visits, handle: mcp })]),
  ];
}

/** The provider and the hub are one process: its links are to agents and to other providers. */
function embeddedHealth(hub: Hub): LinkHealth {
  const links = hub.links();
  const traffic = hub.traffic();
  const sum = (of: (link: (typeof links)[number]) => number): number =>
    links.reduce((total, link) => total + of(link), 0);
  return {
    status: "embedded",
    lastPingAt: undefined,
    messagesSent: traffic.sent,
    messagesReceived: traffic.received,
    pendingRequests: sum((link) => link.turns),
    activeStreams: 0,
    links: links.length,
  };
}
