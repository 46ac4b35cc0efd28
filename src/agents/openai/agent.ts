// The `openai` connector: turns answered by one or several OpenAI-compatible servers. A turn is one request and is never
// sent again once a model may have run (failover.ts); cancelling it closes the upstream's socket.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Model } from "../../core/model.ts";
import type { Agent } from "../../core/ports.ts";
import type { Turn } from "../../core/turn.ts";
import { abortError, orAbort, throwIfAborted } from "../abort.ts";
import { readAnswer } from "./answer.ts";
import { createChoice } from "./choice.ts";
import { createExchange } from "./exchange.ts";
import { mergeModels, plainName } from "./merge.ts";
import { createSender } from "./send.ts";
import {
  type Upstream,
  type UpstreamDeps,
  type UpstreamSettings,
  createUpstream,
} from "./upstream.ts";
import { createWatch } from "./watch.ts";

export interface OpenAiAgentOptions extends Omit<UpstreamDeps, "signal"> {
  readonly agentId: string;
  readonly label: string;
  /** One at least. */
  readonly upstreams: readonly UpstreamSettings[];
}

export interface OpenAiAgent extends Agent {
  /**
   * Asks every upstream for its models. Rejects with an `AppError` when none has any; the models known before stay, and
   * a turn asks again when none are known.
   */
  readonly discover: () => Promise<readonly Model[]>;
  /** Discovers, and looks again now and then from there on. Upstreams that are away are no failure: they are looked for. */
  readonly start: () => Promise<void>;
  /** Hears of every change of `info.models`. Returns the way to stop hearing. */
  readonly onModels: (listener: () => void) => () => void;
  /** Nothing is asked any more but by turns. Idempotent. */
  readonly close: () => void;
}

/** A name that nobody offers is a reason to look again, but not each time. */
const LOOK_AGAIN_MS = 10_000;

export function createOpenAiAgent(options: OpenAiAgentOptions): OpenAiAgent {
  const { fetch, clock, random, log } = options;
  const stop = new AbortController();
  const deps: UpstreamDeps = { fetch, clock, random, log, signal: stop.signal };
  const upstreams = distinct(options.upstreams).map((one) => createUpstream(one, deps));
  const listeners = new Set<() => void>();
  let models = mergeModels(upstreams.map((one) => one.models));
  let lookedAt = Number.NEGATIVE_INFINITY;
  const watch = createWatch({ upstreams, clock, look });
  const send = createSender({
    upstreams,
    choice: createChoice(),
    log,
    look: async (upstream) => (await look(upstream)).failure,
    onHealth: (upstream) => watch.reschedule(upstream),
  });
  const callId = () => random.id("call_");

  async function look(upstream: Upstream): ReturnType<Upstream["look"]> {
    const seen = await upstream.look();
    watch.reschedule(upstream);
    const merged = mergeModels(upstreams.map((one) => one.models));
    if (JSON.stringify(merged) !== JSON.stringify(models)) {
      models = merged;
      log.debug({ models: models.length }, "upstream models discovered");
      for (const listener of listeners) listener();
    }
    return seen;
  }

  async function lookAtAll() {
    lookedAt = clock.monotonic();
    return await Promise.all(
      upstreams.map(async (upstream) => {
        const { failure, problem } = await look(upstream);
        return { upstream, failure, problem };
      }),
    );
  }

  async function discover(): Promise<readonly Model[]> {
    const seen = await lookAtAll();
    if (
      models.length > 0 &&
      seen.some(({ failure, problem }) => (failure ?? problem) === undefined)
    )
      return models;
    throw seen.map(({ failure, problem }) => failure?.error ?? problem).find(isError) ?? noModels();
  }

  async function start(): Promise<void> {
    const seen = await lookAtAll();
    watch.start();
    for (const { upstream, failure, problem } of seen) {
      const reason = failure?.reason ?? problem?.message;
      if (reason === undefined) continue;
      const names = upstream.models.map(({ id }) => id);
      log.warn(
        { upstream: upstream.name, reason, models: names },
        names.length > 0
          ? "upstream not available yet: its configured model is offered"
          : "upstream not available yet: its models are offered once it is",
      );
    }
  }

  /** The name under which the model is offered that a turn asks for. */
  async function resolve(asked: string): Promise<string> {
    const known = named(models, asked);
    if (known !== undefined) return known.id;
    if (models.length === 0) await discover();
    else if (clock.monotonic() - lookedAt >= LOOK_AGAIN_MS) await lookAtAll();
    // Nobody's: one of the names that mean "whatever this agent offers".
    const model = named(models, asked) ?? models[0];
    if (model === undefined) throw noModels();
    return model.id;
  }

  async function* run({ request }: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    if (request.kind === "resume") {
      const message = "This agent keeps no turn waiting for tool results: send them as messages.";
      throw new AppError("parked_turn_unknown", message);
    }
    const exchange = createExchange({ fetch, clock, signal });
    let complete = false;
    try {
      const model = await orAbort(resolve(request.model), signal);
      const { upstream, response } = await send({ request, model, exchange, signal });
      const { client, errors } = upstream;
      try {
        const answer = { request, exchange, response, client, errors, callId };
        for await (const event of readAnswer(answer)) {
          complete = event.type === "finish";
          yield event;
          throwIfAborted(signal);
        }
      } catch (error) {
        throw error instanceof AppError ? error : errors.unreachable(error);
      }
    } catch (error) {
      throw signal.aborted ? abortError(signal) : error;
    } finally {
      exchange.close(complete);
    }
  }

  const info = {
    agentId: options.agentId,
    label: options.label,
    connector: "openai",
    get models() {
      return models;
    },
    requestedScopes: ["inference", "tools"] as const,
  };
  return {
    info,
    run,
    discover,
    start,
    onModels: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      watch.close();
      listeners.clear();
      stop.abort();
    },
  } satisfies OpenAiAgent;
}

function named(models: readonly Model[], asked: string): Model | undefined {
  const plain = plainName(asked);
  return models.find(({ id }) => id === asked) ?? models.find(({ id }) => plainName(id) === plain);
}

function isError(error: AppError | undefined): error is AppError {
  return error !== undefined;
}

function noModels(): AppError {
  return new AppError("agent_error", "No upstream offers a model: load one there, or name it.");
}

/** With names that tell them apart: two at one address are numbered. */
function distinct(upstreams: readonly UpstreamSettings[]): readonly UpstreamSettings[] {
  const seen = new Map<string, number>();
  return upstreams.map((one) => {
    const name = one.name ?? URL.parse(one.baseUrl)?.host ?? "upstream";
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...one, name: count === 1 ? name : `${name} (${count})` };
  });
}
