// The requests that are made of an upstream: its model list, and a turn's one POST. Keeps what it learned of the
// upstream's habits; knows nothing of what an answer means.

import type { AppError } from "../core/error.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { Clock, Log } from "../core/ports.ts";
import type { TurnRequest } from "../core/turn.ts";
import type { ReasoningName } from "./openai-delta.ts";
import { encodeRequest, isPlain } from "./openai-encode.ts";
import type { UpstreamErrors } from "./openai-errors.ts";
import { type Exchange, type Fetch, createExchange } from "./openai-exchange.ts";
import {
  type Habits,
  NO_HABITS,
  learnFromMissingRoute,
  learnFromRefusal,
} from "./openai-habits.ts";

export interface UpstreamClient {
  /** `GET /models`, parsed; `undefined` for what is no JSON. Whatever fails is an `AppError`. */
  readonly listModels: () => Promise<JsonValue | undefined>;
  /** The answer to a turn, its status being 2xx. Throws `AppError` for a refusal, and whatever `fetch` throws. */
  readonly post: (exchange: Exchange, request: TurnRequest, model: Model) => Promise<Response>;
  readonly readJson: (exchange: Exchange, response: Response) => Promise<JsonValue | undefined>;
  readonly learnReasoningName: (name: ReasoningName) => void;
}

export interface UpstreamClientOptions {
  /** As `toBaseUrl` gives it. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly errors: UpstreamErrors;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  /** `error` of a failed exchange as an `AppError`. */
  readonly failureOf: (error: unknown, signal: AbortSignal) => AppError;
}

const ERROR_BYTES = 64 * 1024;
/** Vectors are long: 2,048 of 1,536 numbers are some 40 MB of JSON. */
const ANSWER_BYTES = 64 * 1024 * 1024;
const DISCOVERY_MS = 10_000;

export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  const { baseUrl, apiKey, errors, fetch, clock, log, failureOf } = options;
  const headers = {
    accept: "application/json, text/event-stream",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  let habits: Habits = NO_HABITS;

  async function readJson(exchange: Exchange, response: Response): Promise<JsonValue | undefined> {
    const { text, complete } = await exchange.text(response, ANSWER_BYTES);
    if (!complete) throw errors.senseless("sent an answer that is too large");
    return parseJson(text);
  }

  async function listModels(): Promise<JsonValue | undefined> {
    const { signal } = new AbortController();
    const exchange = createExchange({ fetch, clock, signal });
    exchange.expire(DISCOVERY_MS);
    try {
      const response = await exchange.send(`${baseUrl}/models`, { headers });
      if (response.ok) return await readJson(exchange, response);
      const { text } = await exchange.text(response, ERROR_BYTES);
      throw errors.refused({ status: response.status, text });
    } catch (error) {
      throw failureOf(error, signal);
    } finally {
      exchange.close(true);
    }
  }

  /** Asks again only after a refusal that teaches something: no model has run then. */
  async function post(exchange: Exchange, request: TurnRequest, model: Model): Promise<Response> {
    for (;;) {
      const { path, body } = encodeRequest(request, model, habits);
      const sent = JSON.stringify(body);
      const response = await exchange.send(`${baseUrl}${path}`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: sent,
      });
      if (response.ok) return response;
      const { text } = await exchange.text(response, ERROR_BYTES);
      const refusal = { status: response.status, text };
      const learned =
        learnFromRefusal(habits, sent, refusal) ??
        (isPlain(request) ? learnFromMissingRoute(habits, model.id, refusal) : undefined);
      if (learned === undefined) throw errors.refused(refusal);
      habits = learned;
      const { refused, chatOnly } = habits;
      log.info({ refused, chatOnly }, "the upstream refuses the form of a request: asking anew");
    }
  }

  function learnReasoningName(reasoningName: ReasoningName): void {
    habits = { ...habits, reasoningName };
  }

  return { listModels, post, readJson, learnReasoningName };
}
