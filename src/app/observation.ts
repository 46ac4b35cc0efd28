// What a provider observes of itself: metrics, traces and health, over the parts that it is composed of.

import type { AgentSessionFigures, LinkFigures } from "../observe/metric-figures.ts";
import { createHealth } from "../http/health.ts";
import type { Health } from "../http/health.ts";
import {
  agentsProbe,
  auditProbe,
  bridgeProbe,
  providerProbe,
  storeProbe,
} from "../http/health-probes.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { auditFileOf } from "../observe/audit-files.ts";
import { createMetrics } from "../observe/metrics.ts";
import type { Metrics } from "../observe/metrics.ts";
import { diskUsage } from "../observe/process-figures.ts";
import { createTraces } from "../observe/traces.ts";
import type { Traces } from "../observe/traces.ts";
import type { SessionDirectory } from "../core/ports.ts";
import type { Store } from "../store/sqlite.ts";
import type { Trail } from "./audit.ts";
import type { Base } from "./start.ts";
import { VERSION } from "./version.ts";

export interface ObservedParts extends Base {
  readonly sessions: SessionDirectory;
  readonly store: Store;
  readonly trail: Trail;
  readonly link: () => LinkHealth;
  /** Where agents run in this process. */
  readonly agentSessions?: () => AgentSessionFigures;
}

/** What is only there once the provider is composed. */
export interface ObservedProvider {
  readonly load: () => { readonly running: number; readonly waiting: number };
  /** Where it listens. */
  readonly address: () => string;
}

export interface Observation {
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly health: Health;
}

const SECOND_MS = 1_000;

export async function observe(
  parts: ObservedParts,
  provider: ObservedProvider,
): Promise<Observation> {
  const { config, env, log, sessions, shutdown, store, system, trail } = parts;
  const { clock } = system;
  const traces = await createTraces({
    telemetry: config.telemetry,
    env,
    version: VERSION,
    clock,
    log,
  });
  shutdown.onClose("traces", () => traces.close());
  const metrics = createMetrics({
    clock,
    version: VERSION,
    startedAt: clock.now() - process.uptime() * SECOND_MS,
    sources: {
      sessions: () => sessions.list(),
      turnsInFlight: () => provider.load().running,
      turnsWaiting: () => provider.load().waiting,
      link: () => linkFigures(parts.link()),
      audit: () => trail.audit.status(),
      ...(parts.agentSessions !== undefined && { agentSessions: parts.agentSessions }),
    },
  });
  for (const session of sessions.list()) metrics.recordSession(session);
  sessions.subscribe(({ session }) => metrics.recordSession(session));
  const health = createHealth({
    clock,
    needed: ["provider", "store"],
    figures: () => metrics.system(),
    diskBytes: () => diskUsage(ownFiles(parts)),
    probes: {
      provider: providerProbe(() => ({
        address: provider.address(),
        closing: shutdown.closing,
        turnsInFlight: provider.load().running,
      })),
      bridge: bridgeProbe(parts.link),
      agents: agentsProbe(() => sessions.list()),
      store: storeProbe(() => store.keys.load()),
      audit: auditProbe(() => trail.audit.status()),
    },
  });
  return { metrics, traces, health };
}

function linkFigures(link: LinkHealth): LinkFigures {
  const { status, messagesSent, messagesReceived, pendingRequests, activeStreams } = link;
  const stands = status === "embedded" || status === "connected";
  const links = link.links ?? (stands ? 1 : 0);
  return { status, links, messagesSent, messagesReceived, pendingRequests, activeStreams };
}

function ownFiles({ config, paths }: Base): string[] {
  const { file } = config.audit;
  return file === null ? [paths.state] : [paths.state, auditFileOf(file, paths.state, "provider")];
}
