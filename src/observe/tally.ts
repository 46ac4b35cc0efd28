// Counts in memory, by labels. However many values arrive, a label shows a bounded number of them and a metric has a
// bounded number of series; what comes later is counted under "other". Knows neither Prometheus nor what is counted.

export interface MetricSpec {
  /** As Prometheus has it: base unit and `_total` in the name. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, ascending, in `unit`. */
  readonly buckets?: readonly number[];
}

export interface Count {
  value: number;
}

export interface Spread {
  sum: number;
  /** One more than there are bounds: the last is for what is above all of them. Not yet added up. */
  readonly counts: number[];
  readonly bounds: readonly number[];
}

export interface Family<Series> {
  readonly spec: MetricSpec;
  /** The series of these label values, in the order of the labels. Keep it: counting is then all but free. */
  of(...values: readonly string[]): Series;
  all(): Iterable<readonly [values: readonly string[], series: Series]>;
}

/** Shows the first so many values, later ones as "other": so is whatever does not look like a name. */
export type LabelBound = (value: string) => string;

export const OTHER = "other";

/** Names, routes and ids; never free text. */
const NAME = /^[\w.:/@+*-]{0,80}$/;
const SERIES_PER_FAMILY = 256;

export function createLabelBound(limit: number): LabelBound {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= limit || !NAME.test(value)) return OTHER;
    seen.add(value);
    return value;
  };
}

export function createCounter(spec: MetricSpec): Family<Count> {
  return createFamily(spec, () => ({ value: 0 }));
}

export function createHistogram(spec: MetricSpec): Family<Spread> {
  const bounds = spec.buckets ?? [];
  return createFamily(spec, () => ({
    sum: 0,
    counts: Array.from({ length: bounds.length + 1 }, () => 0),
    bounds,
  }));
}

export function observe(spread: Spread, value: number): void {
  const { bounds, counts } = spread;
  let index = 0;
  while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1;
  counts[index] = (counts[index] ?? 0) + 1;
  spread.sum += value;
}

function createFamily<Series>(spec: MetricSpec, make: () => Series): Family<Series> {
  const series = new Map<string, readonly [readonly string[], Series]>();

  function of(...values: readonly string[]): Series {
    const key = values.join("\n");
    const known = series.get(key);
    if (known !== undefined) return known[1];
    if (series.size >= SERIES_PER_FAMILY && values.some((value) => value !== OTHER)) {
      return of(...values.map(() => OTHER));
    }
    const made = make();
    series.set(key, [values, made]);
    return made;
  }

  return { spec, of, all: () => series.values() };
}
