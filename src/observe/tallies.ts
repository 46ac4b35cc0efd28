// The series that records are counted in, found by a record's own values. What was found once is kept, so that a
// request costs a few look-ups and additions; the number kept is bounded, as the series are.

import { METRICS } from "./metric-list.ts";
import { createCounter, createHistogram, createLabelBound } from "./tally.ts";
import type { Count, Family, Spread } from "./tally.ts";

/** What a turn's series differ by, beside its outcome. */
export interface TurnLabels {
  readonly model: string;
  readonly connector: string;
  /** Of the turn's request: chat, completion, embedding, resume. */
  readonly kind: string;
  readonly errorCode: string | undefined;
}

export interface TurnSeries {
  readonly turns: Count;
  readonly duration: Spread;
  /** The rest only for turns that have such a figure: a series that says 0 would say that it was measured. */
  readonly firstToken: () => Spread;
  readonly reported: () => { readonly input: Spread; readonly output: Spread };
  readonly estimated: () => { readonly input: Count; readonly output: Count };
}

export interface Tallies {
  request(route: string, method: string, status: number): Count;
  refused(code: string, keyId: string): Count;
  turn(labels: TurnLabels, outcome: string): TurnSeries;
  keyTurns(keyId: string, outcome: string): Count;
  overhead(dialect: string, stream: boolean): Spread;
  sessionsEnded(status: string): Count;
  readonly counters: readonly Family<Count>[];
  readonly histograms: readonly Family<Spread>[];
}

/** How many values a label shows before it says "other". */
const MOST = { models: 50, keys: 50, routes: 128, connectors: 16, codes: 64, few: 16 } as const;
const MOST_KEPT = 1_024;

export function createTallies(): Tallies {
  const model = createLabelBound(MOST.models);
  const connector = createLabelBound(MOST.connectors);
  const key = createLabelBound(MOST.keys);
  const route = createLabelBound(MOST.routes);
  const method = createLabelBound(MOST.few);
  const code = createLabelBound(MOST.codes);
  const dialect = createLabelBound(MOST.few);

  const requests = createCounter(METRICS.requests);
  const refused = createCounter(METRICS.refused);
  const turns = createCounter(METRICS.turns);
  const keyTurns = createCounter(METRICS.keyTurns);
  const estimated = createCounter(METRICS.estimatedTokens);
  const sessionsEnded = createCounter(METRICS.sessionsEnded);
  const duration = createHistogram(METRICS.duration);
  const firstToken = createHistogram(METRICS.firstToken);
  const tokens = createHistogram(METRICS.tokenUsage);
  const overhead = createHistogram(METRICS.overhead);

  const turnSeries = createKept(
    ([outcome, errorCode, kind, by, asked]: readonly [
      outcome: string,
      errorCode: string | undefined,
      kind: string,
      connector: string,
      model: string,
    ]): TurnSeries => {
      const name = model(plainName(asked));
      const provider = connector(by);
      const genAi = [operationName(kind), provider, name] as const;
      const error = errorCode === undefined ? "" : code(errorCode);
      return {
        turns: turns.of(name, provider, outcome),
        duration: duration.of(...genAi, error),
        firstToken: once(() => firstToken.of(...genAi)),
        reported: once(() => ({
          input: tokens.of(...genAi, "input"),
          output: tokens.of(...genAi, "output"),
        })),
        estimated: once(() => ({
          input: estimated.of(name, "input"),
          output: estimated.of(name, "output"),
        })),
      };
    },
  );
  const requestsOf = createKept(([verb, status, name]: readonly [string, number, string]) =>
    requests.of(route(name), method(verb), String(status)),
  );
  const refusedOf = createKept(([name, keyId]: readonly [string, string]) =>
    refused.of(code(name), key(keyId)),
  );
  const keyTurnsOf = createKept(([outcome, keyId]: readonly [string, string]) =>
    keyTurns.of(key(keyId), outcome),
  );
  const overheadOf = createKept(([stream, name]: readonly [boolean, string]) =>
    overhead.of(dialect(name), String(stream)),
  );

  return {
    request: (name, verb, status) => requestsOf([verb, status, name]),
    refused: (name, keyId) => refusedOf([name, keyId]),
    turn: ({ errorCode, kind, connector: by, model: asked }, outcome) =>
      turnSeries([outcome, errorCode, kind, by, asked]),
    keyTurns: (keyId, outcome) => keyTurnsOf([outcome, keyId]),
    overhead: (name, stream) => overheadOf([stream, name]),
    sessionsEnded: (status) => sessionsEnded.of(status),
    counters: [requests, refused, turns, keyTurns, estimated, sessionsEnded],
    histograms: [duration, firstToken, tokens, overhead],
  };
}

/**
 * A cache that stops growing. Most requests are like the one before, whose series are found by comparing the labels: to
 * make a key of them and look it up takes longer than to count. Of the labels only the last may be free text.
 */
function createKept<Labels extends readonly (string | number | boolean | undefined)[], Series>(
  make: (labels: Labels) => Series,
): (labels: Labels) => Series {
  const kept = new Map<string, Series>();
  let last: { readonly labels: Labels; readonly series: Series } | undefined;

  function find(labels: Labels): Series {
    const key = labels.join(" ");
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = make(labels);
    if (kept.size < MOST_KEPT) kept.set(key, made);
    return made;
  }

  return (labels) => {
    if (last === undefined || labels.some((label, at) => label !== last?.labels[at])) {
      last = { labels, series: find(labels) };
    }
    return last.series;
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

/** Names are asked for in any case, and with or without `:latest`: they are one model. */
function plainName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(":latest") ? lower.slice(0, -":latest".length) : lower;
}

/** `gen_ai.operation.name`. A resumed turn goes on with a chat. */
export function operationName(kind: string): string {
  if (kind === "completion") return "text_completion";
  return kind === "embedding" ? "embeddings" : "chat";
}
