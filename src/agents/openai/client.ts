// The requests that are made of one upstream, with its own key: what it lists, what it says of itself, and a turn's
// POST. Keeps what it learned of the upstream's habits; knows nothing of what an answer means, nor of other upstreams.

import { AppError } from "../../core/error.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../core/json.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { TurnRequest } from "../../core/turn.ts";
import { abortError } from "../abort.ts";
import { toRootUrl } from "./address.ts";
import type { ReasoningName } from "./delta.ts";
import { encodeRequest, isPlain } from "./encode.ts";
import type { UpstreamErrors } from "./errors.ts";
import { type Exchange, type Fetch, createExchange } from "./exchange.ts";
import { type UpstreamFailure, isMovableStatus, retryAfterOf, wasNeverSent } from "./failover.ts";
import {
  type Habits,
  NO_HABITS,
  forgetMissingRoute,
  learnFromMissingRoute,
  learnFromRefusal,
} from "./habits.ts";
import type { UpstreamModel } from "./models.ts";

/** An answer whose status is 2xx, or why there is none. */
export type Sent = { readonly response: Response } | { readonly failure: UpstreamFailure };

/** A list as it came, `undefined` for what is no JSON; or why there is none. */
export type Listed =
  { readonly list: JsonValue | undefined } | { readonly failure: UpstreamFailure };

export interface UpstreamClient {
  /** `GET /models`. */
  readonly listModels: (signal: AbortSignal) => Promise<Listed>;
  /** A route beside the OpenAI ones, POST with a body; `undefined` for whatever is no JSON answer. */
  readonly ask: (
    path: string,
    signal: AbortSignal,
    body?: JsonObject,
  ) => Promise<JsonValue | undefined>;
  /** Sends a turn. Throws only once the turn is cancelled. */
  readonly post: (exchange: Exchange, question: Question, signal: AbortSignal) => Promise<Sent>;
  readonly readJson: (exchange: Exchange, response: Response) => Promise<JsonValue | undefined>;
  readonly learnReasoningName: (name: ReasoningName) => void;
}

export interface Question {
  readonly request: TurnRequest;
  /** The upstream's own. */
  readonly model: UpstreamModel;
}

export interface UpstreamClientOptions {
  /** As `toBaseUrl` gives it. */
  readonly baseUrl: string;
  /** Asked at every request. */
  readonly apiKey: () => string | undefined;
  /** How long it may take to give its list, in milliseconds. */
  readonly connectMs: number;
  readonly errors: UpstreamErrors;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
}

const ERROR_BYTES = 64 * 1024;
/** Vectors are long: 2,048 of 1,536 numbers are some 40 MB of JSON. */
const ANSWER_BYTES = 64 * 1024 * 1024;

export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  const { baseUrl, apiKey, connectMs, errors, fetch, clock, log } = options;
  const rootUrl = toRootUrl(baseUrl);
  let habits: Habits = NO_HABITS;

  function headers(): Record<string, string> {
    const key = apiKey();
    return {
      accept: "application/json, text/event-stream",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    };
  }

  async function readJson(exchange: Exchange, response: Response): Promise<JsonValue | undefined> {
    const { text, complete } = await exchange.text(response, ANSWER_BYTES);
    if (!complete) throw errors.senseless("sent an answer that is too large");
    return parseJson(text);
  }

  /** What goes wrong in an exchange is the upstream's doing, unless the turn was cancelled. */
  function failureOf(cause: unknown, signal: AbortSignal): UpstreamFailure {
    if (signal.aborted) throw abortError(signal);
    if (cause instanceof AppError)
      return { error: cause, reason: "makes no sense", movable: false };
    const movable = wasNeverSent(cause);
    const reason = movable ? "cannot be reached" : "closed the connection";
    return { error: errors.unreachable(cause), reason, movable };
  }

  async function refusalOf(
    exchange: Exchange,
    response: Response,
  ): Promise<{ failure: UpstreamFailure; text: string }> {
    const { status } = response;
    const { text } = await exchange.text(response, ERROR_BYTES);
    const movable = isMovableStatus(status, response.headers);
    const retryAfterMs = movable ? retryAfterOf(response.headers, () => clock.now()) : undefined;
    const failure = {
      error: errors.refused({ status, text }),
      reason: status === 429 ? "limits how often it is asked (429)" : `failed (${status})`,
      movable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
    return { failure, text };
  }

  async function listModels(signal: AbortSignal): Promise<Listed> {
    const exchange = createExchange({ fetch, clock, signal });
    let isLate = false;
    exchange.expire(connectMs, () => {
      isLate = true;
    });
    try {
      const response = await exchange.send(`${baseUrl}/models`, { headers: headers() });
      if (response.ok) return { list: await readJson(exchange, response) };
      const { failure } = await refusalOf(exchange, response);
      // Nothing runs for a list: here a gateway's word means that its server is away.
      return { failure: response.status === 502 ? { ...failure, movable: true } : failure };
    } catch (error) {
      const failure = failureOf(error, signal);
      if (!isLate) return { failure: { ...failure, movable: true } };
      const reason = `said nothing within ${connectMs / 1_000} s`;
      return { failure: { error: errors.silent(connectMs), reason, movable: true } };
    } finally {
      exchange.close(true);
    }
  }

  async function ask(
    path: string,
    signal: AbortSignal,
    body?: JsonObject,
  ): Promise<JsonValue | undefined> {
    const exchange = createExchange({ fetch, clock, signal });
    exchange.expire(connectMs);
    try {
      const response = await exchange.send(
        `${rootUrl}${path}`,
        body === undefined ? { headers: headers() } : post(body),
      );
      return response.ok ? await readJson(exchange, response) : undefined;
    } catch {
      // What it would have said is only an addition.
      return undefined;
    } finally {
      exchange.close(true);
    }
  }

  function post(body: JsonObject) {
    return {
      method: "POST",
      headers: { ...headers(), "content-type": "application/json" },
      body: JSON.stringify(body),
    };
  }

  /** Asks again only after a refusal that teaches something: no model has run then. */
  async function send(exchange: Exchange, { request, model }: Question): Promise<Sent> {
    for (;;) {
      const { path, body } = encodeRequest(request, model, habits);
      const message = post(body);
      const url = path === "/infill" ? rootUrl : baseUrl;
      const response = await exchange.send(`${url}${path}`, message);
      if (response.ok) return { response };
      const { failure, text } = await refusalOf(exchange, response);
      const refusal = { status: response.status, text };
      const learned =
        learnFromRefusal(habits, message.body, refusal) ??
        (isPlain(request) ? learnFromMissingRoute(habits, model.id, refusal) : undefined);
      if (learned === undefined) {
        if (isPlain(request)) habits = forgetMissingRoute(habits, model.id, refusal);
        return { failure };
      }
      habits = learned;
      const { refused, chatOnly } = habits;
      log.info({ refused, chatOnly }, "the upstream refuses the form of a request: asking anew");
    }
  }

  return {
    listModels,
    ask,
    post: async (exchange, question, signal) => {
      try {
        return await send(exchange, question);
      } catch (error) {
        return { failure: failureOf(error, signal) };
      }
    },
    readJson,
    learnReasoningName: (reasoningName) => {
      habits = { ...habits, reasoningName };
    },
  };
}
