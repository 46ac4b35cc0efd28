// All metrics at one moment: what was counted, and what is looked up of sessions, links, the audit and the process.

import { countData, dataOf, spreadData } from "./exposition.ts";
import type { MetricData, MetricValue } from "./exposition.ts";
import { METRICS } from "./metric-list.ts";
import type { MetricSources } from "./metric-figures.ts";
import type { ProcessFigures } from "./process-figures.ts";
import type { MetricSpec } from "./tally.ts";
import type { Tallies } from "./tallies.ts";

export interface Gathered {
  readonly tallies: Tallies;
  readonly sources: MetricSources;
  readonly version: string;
  readonly requestsInFlight: number;
  readonly sessionsCreated: number;
  readonly process: ProcessFigures;
}

export function gatherMetrics(parts: Gathered): readonly MetricData[] {
  const { tallies, sources } = parts;
  return [
    dataOf(METRICS.buildInfo, [{ value: 1, labels: { version: parts.version } }]),
    ...tallies.counters.map(countData),
    ...tallies.histograms.map(spreadData),
    one(METRICS.requestsInFlight, parts.requestsInFlight),
    one(METRICS.turnsInFlight, sources.turnsInFlight()),
    one(METRICS.turnsWaiting, sources.turnsWaiting()),
    one(METRICS.sessionsCreated, parts.sessionsCreated),
    dataOf(METRICS.sessions, sessionCounts(sources)),
    ...linkMetrics(sources),
    ...agentSessionMetrics(sources),
    ...auditMetrics(sources),
    one(METRICS.cpu, parts.process.cpuSeconds()),
    one(METRICS.memory, parts.process.residentBytes()),
  ];
}

function sessionCounts(sources: MetricSources): readonly MetricValue[] {
  const counts = new Map<string, number>();
  for (const { status } of sources.sessions()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return Array.from(counts, ([status, value]) => ({ value, labels: { status } }));
}

function linkMetrics(sources: MetricSources): readonly MetricData[] {
  const link = sources.link();
  const isUp = link.status === "embedded" || link.status === "connected";
  return [
    one(METRICS.linkUp, isUp ? 1 : 0),
    one(METRICS.links, link.links),
    dataOf(METRICS.messages, [
      { value: link.messagesSent, labels: { direction: "sent" } },
      { value: link.messagesReceived, labels: { direction: "received" } },
    ]),
    one(METRICS.linkPending, link.pendingRequests),
    one(METRICS.linkStreams, link.activeStreams),
  ];
}

function agentSessionMetrics({ agentSessions }: MetricSources): readonly MetricData[] {
  if (agentSessions === undefined) return [];
  const { hits, misses, savedMs } = agentSessions();
  return [
    dataOf(METRICS.agentSessions, [
      { value: hits, labels: { result: "hit" } },
      { value: misses, labels: { result: "miss" } },
    ]),
    one(METRICS.agentSessionsSaved, savedMs / 1_000),
  ];
}

function auditMetrics({ audit }: MetricSources): readonly MetricData[] {
  if (audit === undefined) return [];
  const { healthy, seq, unsynced, waiting } = audit();
  return [
    one(METRICS.auditUp, healthy ? 1 : 0),
    one(METRICS.auditRecords, seq),
    one(METRICS.auditUnsynced, unsynced),
    one(METRICS.auditWaiting, waiting),
  ];
}

function one(spec: MetricSpec, value: number): MetricData {
  return dataOf(spec, [{ value, labels: {} }]);
}
