// Metrics with sources and a clock that tests set, and what Prometheus would read of them.

import { createMetrics } from "../../src/observe/metrics.ts";
import type { Metrics } from "../../src/observe/metrics.ts";
import type {
  MetricSources,
  RequestFigures,
  TurnFigures,
} from "../../src/observe/metric-figures.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import type { FakeClock } from "../support/fake-clock.ts";

export interface Bench {
  readonly metrics: Metrics;
  readonly clock: FakeClock;
  /** CPU seconds that the process is made to have used. */
  cpu: number;
}

export function createBench(sources: Partial<MetricSources> = {}): Bench {
  const clock = createFakeClock();
  const bench = { clock, cpu: 0 };
  const metrics = createMetrics({
    clock,
    version: "1.2.3",
    sources: {
      sessions: () => [],
      turnsInFlight: () => 0,
      turnsWaiting: () => 0,
      link: () => ({
        status: "embedded",
        links: 0,
        messagesSent: 0,
        messagesReceived: 0,
        pendingRequests: 0,
        activeStreams: 0,
      }),
      ...sources,
    },
    process: {
      cpuSeconds: () => bench.cpu,
      residentBytes: () => 50_000_000,
      cpuPercent: () => 12.5,
    },
  });
  return Object.assign(bench, { metrics });
}

export function aTurn(fields: Partial<TurnFigures> = {}): TurnFigures {
  return {
    model: "cursor-agent",
    connector: "cursor",
    kind: "chat",
    errorCode: undefined,
    keyId: "default",
    outcome: "done",
    durationMs: 3_000,
    firstEventMs: 30,
    usage: { promptTokens: 100, completionTokens: 10 },
    ...fields,
  };
}

export function aRequest(fields: Partial<RequestFigures> = {}): RequestFigures {
  return {
    route: "/v1/chat/completions",
    method: "POST",
    status: 200,
    durationMs: 100,
    inference: true,
    streamed: false,
    ...fields,
  };
}

/** Series by its name with its labels, as they stand in the text. */
export async function seriesOf(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const lines = (await metrics.text()).split("\n").filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
