// Finds the upstream that takes a turn: those that offer its model, in their order, until one answers or fails in a way
// after which the turn may not be sent again. The rule itself is in failover.ts.

import { AppError } from "../../core/error.ts";
import type { Log } from "../../core/ports.ts";
import type { TurnRequest } from "../../core/turn.ts";
import { orAbort } from "../abort.ts";
import type { Choice } from "./choice.ts";
import type { Exchange } from "./exchange.ts";
import type { UpstreamFailure } from "./failover.ts";
import { plainName } from "./merge.ts";
import type { UpstreamModel } from "./models.ts";
import type { Upstream } from "./upstream.ts";

export interface Taken {
  readonly upstream: Upstream;
  readonly response: Response;
}

export interface SenderDeps {
  readonly upstreams: readonly Upstream[];
  readonly choice: Choice;
  readonly log: Log;
  /** Asks an upstream for its models. Never rejects. */
  readonly look: (upstream: Upstream) => Promise<UpstreamFailure | undefined>;
  /** Hears that what is known of an upstream's health has changed. */
  readonly onHealth: (upstream: Upstream) => void;
}

export interface SendRequest {
  readonly request: TurnRequest;
  /** A name that some upstream offers. */
  readonly model: string;
  readonly exchange: Exchange;
  readonly signal: AbortSignal;
}

interface Candidate {
  readonly name: string;
  readonly weight: number;
  readonly upstream: Upstream;
  readonly model: UpstreamModel;
}

/** Answers with the response of the first upstream that takes the turn. Rejects with an `AppError`. */
export type Sender = (request: SendRequest) => Promise<Taken>;

export function createSender({ upstreams, choice, log, look, onHealth }: SenderDeps): Sender {
  function candidatesFor(name: string): readonly Candidate[] {
    return upstreams.flatMap((upstream) => {
      const model = upstream.modelNamed(name);
      const { name: own, weight } = upstream;
      return model === undefined ? [] : [{ name: own, weight, upstream, model }];
    });
  }

  /** Those that are well, by weight; then those set aside, in case nobody else can. */
  function inOrder(name: string, all: readonly Candidate[]): readonly Candidate[] {
    const standing = (wanted: string) =>
      all.filter(({ upstream }) => upstream.standing() === wanted);
    return [...choice.order(plainName(name), standing("up")), ...standing("aside")];
  }

  return async ({ request, model: name, exchange, signal }) => {
    const all = candidatesFor(name);
    const failures: (readonly [Upstream, UpstreamFailure])[] = [];
    for (const { upstream, model } of inOrder(name, all)) {
      const absent = await absence(upstream, all.length, signal);
      if (absent !== undefined) {
        failures.push([upstream, absent]);
        continue;
      }
      const sent = await upstream.client.post(exchange, { request, model }, signal);
      if ("response" in sent) {
        const isBack = upstream.standing() !== "up";
        upstream.answered();
        if (isBack) onHealth(upstream);
        log.debug({ upstream: upstream.name, model: model.id }, "upstream took a turn");
        return { upstream, response: sent.response };
      }
      const { failure } = sent;
      // Its list is out of date.
      if (failure.error.code === "model_not_found") void look(upstream);
      if (!failure.movable) throw failure.error;
      upstream.failed(failure);
      onHealth(upstream);
      failures.push([upstream, failure]);
    }
    throw noneOf(all, failures);
  };

  /**
   * A connection that never comes about would hold the turn up until somebody gives up, and by then nobody knows whether
   * it was sent. So where there is a choice, an upstream that was not heard of lately is asked for its models first.
   */
  async function absence(
    upstream: Upstream,
    candidates: number,
    signal: AbortSignal,
  ): Promise<UpstreamFailure | undefined> {
    if (candidates < 2 || upstream.isFresh()) return undefined;
    return await orAbort(look(upstream), signal);
  }
}

/** The one failure there was, or which upstream said what. */
function noneOf(
  candidates: readonly Candidate[],
  failures: readonly (readonly [Upstream, UpstreamFailure])[],
): AppError {
  const [first] = failures;
  if (first !== undefined && candidates.length === 1) return first[1].error;
  const reasons = failures.map(([{ name }, { reason }]) => `${name} ${reason}`);
  const resting = candidates.flatMap(({ upstream }) => {
    const ms = upstream.restMs();
    const isTried = failures.some(([tried]) => tried === upstream);
    const seconds = Math.ceil(ms / 1_000);
    return ms > 0 && !isTried ? [`${upstream.name} asked to be left alone for ${seconds} s`] : [];
  });
  const isAway =
    resting.length === 0 && failures.every(([, { error }]) => error.code === "agent_lost");
  const subject = candidates.length === 1 ? "The upstream cannot answer" : "No upstream can answer";
  return new AppError(
    isAway ? "agent_lost" : "agent_error",
    `${subject}: ${[...reasons, ...resting].join("; ")}.`,
  );
}
