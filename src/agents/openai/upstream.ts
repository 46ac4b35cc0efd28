// One OpenAI-compatible server behind the connector: its address, its key, its models, and whether it is well. Knows
// nothing of the others beside it.

import type { AppError } from "../../core/error.ts";
import type { Clock, Log, Random } from "../../core/ports.ts";
import { toBaseUrl } from "./address.ts";
import { type UpstreamClient, createUpstreamClient } from "./client.ts";
import { createDiscovery } from "./discovery.ts";
import { type UpstreamErrors, createUpstreamErrors } from "./errors.ts";
import type { Fetch } from "./exchange.ts";
import type { UpstreamFailure } from "./failover.ts";
import { type Standing, createHealth } from "./health.ts";
import { plainName } from "./merge.ts";
import type { UpstreamModel } from "./models.ts";

export interface UpstreamSettings {
  /** For people, in errors and in the log; the host and port of the address when it is not given. */
  readonly name?: string;
  /** With or without `/v1` and a slash at the end. Throws `AppError` `invalid_request` for what is no address. */
  readonly baseUrl: string;
  /** Sent to this upstream and to no other. Where it may be renewed, a function that is asked at every request. */
  readonly apiKey?: string | (() => string);
  /** The only model to offer, whatever the upstream lists. */
  readonly model?: string;
  /** Its share of the turns, a whole number above zero; 1 when not given. */
  readonly weight?: number;
  /** How long it may take to give its list of models, in milliseconds; 5,000 when not given. */
  readonly connectMs?: number;
}

export interface UpstreamDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends whatever is being asked about it. */
  readonly signal: AbortSignal;
}

export interface Upstream {
  readonly name: string;
  readonly weight: number;
  readonly errors: UpstreamErrors;
  readonly client: UpstreamClient;
  readonly models: readonly UpstreamModel[];
  /** Its own model of this name, however it spells it. */
  readonly modelNamed: (name: string) => UpstreamModel | undefined;
  /** Asks for its models; the failure when it is not there, the problem when its list is of no use. */
  readonly look: () => Promise<{ readonly failure?: UpstreamFailure; readonly problem?: AppError }>;
  readonly standing: () => Standing;
  readonly restMs: () => number;
  /** Whether it was heard of just now. */
  readonly isFresh: () => boolean;
  readonly answered: () => void;
  readonly failed: (failure: UpstreamFailure) => void;
  /** When it should be looked at again, in milliseconds. */
  readonly nextLookMs: () => number;
}

const CONNECT_MS = 5_000;
/** Models come and go: how often an upstream that is well is asked for its list. */
const REFRESH_MS = 60_000;
/** How long an upstream that was heard of is taken to be there. */
const FRESH_MS = 15_000;

export function createUpstream(settings: UpstreamSettings, deps: UpstreamDeps): Upstream {
  const { fetch, clock, random, log, signal } = deps;
  const { model, weight = 1, connectMs = CONNECT_MS } = settings;
  const apiKey = (): string | undefined =>
    typeof settings.apiKey === "function" ? settings.apiKey() : settings.apiKey;
  const baseUrl = toBaseUrl(settings.baseUrl);
  const name = settings.name ?? new URL(baseUrl).host;
  const errors = createUpstreamErrors(baseUrl, apiKey);
  const client = createUpstreamClient({ baseUrl, apiKey, connectMs, errors, fetch, clock, log });
  const discovery = createDiscovery({ model, client, errors, signal });
  const health = createHealth();
  const now = (): number => clock.monotonic();
  let nextLookMs = REFRESH_MS;

  function failed({ reason, retryAfterMs }: UpstreamFailure): void {
    const wasUp = health.standing(now()) === "up";
    nextLookMs = health.failed(now(), random.fraction(), retryAfterMs);
    const line = { upstream: name, reason, nextLookMs };
    if (wasUp) log.warn(line, "upstream set aside");
    else log.debug(line, "upstream still away");
  }

  async function look(): ReturnType<Upstream["look"]> {
    const seen = await discovery.look().catch((error: unknown) => {
      // Stopped meanwhile: that says nothing about the upstream.
      if (signal.aborted) return undefined;
      throw error;
    });
    if (seen === undefined || signal.aborted) return {};
    if (!seen.there) {
      failed(seen.failure);
      return { failure: seen.failure };
    }
    if (health.standing(now()) === "aside") log.info({ upstream: name }, "upstream is back");
    health.reached(now());
    nextLookMs = Math.max(REFRESH_MS, health.restMs(now()));
    return seen.problem === undefined ? {} : { problem: seen.problem };
  }

  return {
    name,
    weight,
    errors,
    client,
    get models() {
      return discovery.models;
    },
    modelNamed: (asked) => {
      const { models } = discovery;
      const plain = plainName(asked);
      return (
        models.find(({ id }) => id === asked) ?? models.find(({ id }) => plainName(id) === plain)
      );
    },
    look,
    standing: () => health.standing(now()),
    restMs: () => health.restMs(now()),
    isFresh: () => health.isFresh(now(), FRESH_MS),
    answered: () => {
      health.answered(now());
      nextLookMs = REFRESH_MS;
    },
    failed,
    nextLookMs: () => nextLookMs,
  };
}
