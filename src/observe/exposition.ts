// The text that Prometheus reads, written by prom-client from our counts and from its own measurements of the process.
// prom-client is loaded when the text is first asked for: it costs start-up time and memory that few need.

import { PROCESS_METRICS } from "./metric-list.ts";
import type { Count, Family, MetricSpec, Spread } from "./tally.ts";

export interface MetricValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram: which of its series. */
  readonly metricName?: string;
}

/** A metric as prom-client's registries exchange them: `getMetricsAsJSON`. */
export interface MetricData {
  readonly name: string;
  readonly help: string;
  readonly type: MetricSpec["type"];
  readonly aggregator: "sum";
  readonly values: readonly MetricValue[];
}

export interface Exposition {
  text(metrics: readonly MetricData[]): Promise<string>;
}

/** Prometheus exposition format 0.0.4. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function createExposition(): Exposition {
  let loading: ReturnType<typeof load> | undefined;
  return {
    text: async (metrics) => {
      loading ??= load();
      const { measured, write } = await loading;
      return write([...metrics, ...(await measured())]);
    },
  };
}

async function load() {
  const { AggregatorRegistry, Registry, collectDefaultMetrics } = await import("prom-client");
  const process = new Registry();
  collectDefaultMetrics({ register: process });
  const wanted = new Map(PROCESS_METRICS.map((spec) => [spec.name, spec]));
  for (const { name } of process.getMetricsAsArray()) {
    if (!wanted.has(name)) process.removeSingleMetric(name);
  }
  return {
    measured: async (): Promise<readonly MetricData[]> =>
      (await process.getMetricsAsJSON()).flatMap((metric) => {
        const spec = wanted.get(metric.name);
        // Before its first measurement a lag is not a number, or the largest there is.
        const value = metric.values[0]?.value;
        return spec === undefined || value === undefined || !isMeasured(value)
          ? []
          : [dataOf(spec, [{ value, labels: {} }])];
      }),
    write: (metrics: readonly MetricData[]): Promise<string> =>
      AggregatorRegistry.aggregate([[...metrics]]).metrics(),
  };
}

function isMeasured(value: number): boolean {
  return Number.isFinite(value) && value < Number.MAX_SAFE_INTEGER;
}

export function dataOf(spec: MetricSpec, values: readonly MetricValue[]): MetricData {
  return { name: spec.name, help: spec.help, type: spec.type, aggregator: "sum", values };
}

export function countData(family: Family<Count>): MetricData {
  const { spec } = family;
  return dataOf(
    spec,
    Array.from(family.all(), ([names, { value }]) => ({ value, labels: labelled(spec, names) })),
  );
}

export function spreadData(family: Family<Spread>): MetricData {
  const { spec } = family;
  return dataOf(
    spec,
    Array.from(family.all(), ([names, spread]) => spreadValues(spec, names, spread)).flat(),
  );
}

/** Prometheus adds buckets up: each counts all that is not above its bound. */
function spreadValues(
  { name, labels: labelNames }: MetricSpec,
  names: readonly string[],
  spread: Spread,
): readonly MetricValue[] {
  const labels = labelled({ labels: labelNames }, names);
  let total = 0;
  const values: MetricValue[] = spread.counts.map((count, index) => {
    total += count;
    const le = index < spread.bounds.length ? String(spread.bounds[index]) : "+Inf";
    return { value: total, labels: { ...labels, le }, metricName: `${name}_bucket` };
  });
  values.push({ value: spread.sum, labels, metricName: `${name}_sum` });
  values.push({ value: total, labels, metricName: `${name}_count` });
  return values;
}

/** An empty value is no label: to Prometheus the two are the same. */
function labelled(
  { labels }: Pick<MetricSpec, "labels">,
  values: readonly string[],
): Record<string, string> {
  const pairs = labels.map((label, index) => [label, values[index] ?? ""] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ""));
}
