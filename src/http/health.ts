// How well the server is: each component asked, within bounds, and what it said. Knows no component; what asks them is
// injected.

import { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import type { SystemFigures } from "../observe/metric-figures.ts";

export type HealthState = "healthy" | "degraded" | "unhealthy";

export interface ProbeResult {
  readonly status: HealthState;
  /** For people: figures and states, no paths and no secrets. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Asks one component. Rejecting, and answering too late, mean `unhealthy`. */
export type Probe = () => Promise<ProbeResult>;

/** A component as the second guide has it. */
export interface ComponentHealth extends ProbeResult {
  readonly name: string;
  /** RFC 3339. */
  readonly last_check: string;
  /** Checks since the start that found it unhealthy. */
  readonly error_count: number;
  readonly latency_ms: number;
}

export interface DeepHealth {
  /** That of the component that is worst off. */
  readonly status: HealthState;
  readonly timestamp: string;
  readonly components: Readonly<Record<string, ComponentHealth>>;
  readonly metrics: SystemFigures & { readonly disk_usage_mb: number };
}

export interface HealthDeps {
  readonly clock: Clock;
  readonly probes: Readonly<Record<string, Probe>>;
  /** Without which no request can be taken. */
  readonly needed: readonly string[];
  readonly figures: () => SystemFigures;
  /** Bytes of the files that are ours. */
  readonly diskBytes: () => Promise<number>;
  /** Longest wait for a component, in milliseconds. */
  readonly probeMs?: number;
}

export interface Health {
  deep(): Promise<DeepHealth>;
  /** Whether all that is needed is well enough. What was found is good for a second: anybody may ask. */
  ready(): Promise<boolean>;
}

const PROBE_MS = 2_000;
const FRESH_MS = 1_000;
const MEGABYTE = 1e6;
const WORST_FIRST: readonly HealthState[] = ["unhealthy", "degraded", "healthy"];

export function createHealth(deps: HealthDeps): Health {
  const { clock, probeMs = PROBE_MS } = deps;
  const checks = new Map(
    Object.entries(deps.probes).map(([name, probe]) => [
      name,
      createCheck({ name, probe, clock, probeMs }),
    ]),
  );
  const disk = bounded({ clock, ms: probeMs, ask: deps.diskBytes });
  let diskBytes = 0;
  let lastReady: { readonly at: number; readonly answer: Promise<boolean> } | undefined;

  async function measureDisk(): Promise<number> {
    diskBytes = (await disk().catch(() => undefined)) ?? diskBytes;
    return diskBytes / MEGABYTE;
  }

  async function deep(): Promise<DeepHealth> {
    const [found, megabytes] = await Promise.all([
      Promise.all([...checks.values()].map((check) => check())),
      measureDisk(),
    ]);
    return {
      status: worst(found),
      timestamp: new Date(clock.now()).toISOString(),
      components: Object.fromEntries(found.map((component) => [component.name, component])),
      metrics: { ...deps.figures(), disk_usage_mb: megabytes },
    };
  }

  async function checkNeeded(): Promise<boolean> {
    const needed = deps.needed.flatMap((name) => checks.get(name) ?? []);
    const found = await Promise.all(needed.map((check) => check()));
    return found.every(({ status }) => status !== "unhealthy");
  }

  function ready(): Promise<boolean> {
    const now = clock.monotonic();
    if (lastReady === undefined || now - lastReady.at >= FRESH_MS) {
      lastReady = { at: now, answer: checkNeeded() };
    }
    return lastReady.answer;
  }

  return { deep, ready };
}

function worst(components: readonly ProbeResult[]): HealthState {
  const states = new Set(components.map(({ status }) => status));
  return WORST_FIRST.find((state) => states.has(state)) ?? "healthy";
}

interface CheckSettings {
  readonly name: string;
  readonly probe: Probe;
  readonly clock: Clock;
  readonly probeMs: number;
}

function createCheck({ name, probe, clock, probeMs }: CheckSettings) {
  const ask = bounded({ clock, ms: probeMs, ask: probe });
  let errorCount = 0;

  return async (): Promise<ComponentHealth> => {
    const startedAt = clock.monotonic();
    const { status, details } = await ask().catch(unwell);
    if (status === "unhealthy") errorCount += 1;
    return {
      name,
      status,
      last_check: new Date(clock.now()).toISOString(),
      error_count: errorCount,
      latency_ms: clock.monotonic() - startedAt,
      details,
    };
  };
}

/** Our own errors are written for people; of others the text may say anything. */
function unwell(error: unknown): ProbeResult {
  const said = error instanceof AppError ? error.message : "The check failed.";
  return { status: "unhealthy", details: { error: said } };
}

/** Asks with a limit on the wait. One that has not answered yet is not asked again: all wait for the same answer. */
function bounded<Answer>(settings: {
  readonly clock: Clock;
  readonly ms: number;
  readonly ask: () => Promise<Answer>;
}): () => Promise<Answer> {
  const { clock, ms, ask } = settings;
  let asked: Promise<Answer> | undefined;
  return () => {
    asked ??= Promise.try(ask).finally(() => {
      asked = undefined;
    });
    const answer = asked;
    return new Promise((resolve, reject) => {
      const stop = clock.timer(ms, () => {
        reject(new AppError("internal", `No answer within ${ms} ms.`));
      });
      answer.then(resolve, reject).finally(stop);
    });
  };
}
