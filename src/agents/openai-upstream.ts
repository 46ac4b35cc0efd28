// The `openai` connector: turns answered by any OpenAI-compatible server. A turn is one request and is never sent
// again once a model may have run; cancelling it closes the upstream's socket.

import { AppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Model } from "../core/model.ts";
import type { Agent, Clock, Log, Random } from "../core/ports.ts";
import type { EmbeddingRequest, Turn } from "../core/turn.ts";
import { abortError, orAbort, throwIfAborted } from "./abort.ts";
import { toBaseUrl } from "./openai-address.ts";
import { createUpstreamClient } from "./openai-client.ts";
import { type AnswerDecoder, createAnswerDecoder, decodeEmbeddings } from "./openai-decode.ts";
import { createDiscovery } from "./openai-discovery.ts";
import { createUpstreamErrors } from "./openai-errors.ts";
import { type Exchange, type Fetch, createExchange } from "./openai-exchange.ts";

export interface OpenAiUpstreamOptions {
  readonly agentId: string;
  readonly label: string;
  /** With or without `/v1` and a slash at the end. Throws `AppError` `invalid_request` for what is no address. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** The only model to offer, whatever the upstream lists. */
  readonly model?: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface OpenAiUpstream extends Agent {
  /**
   * Reads the upstream's model list into `info.models`. Rejects with an `AppError` when there is none to be had;
   * the models known before stay, and a turn asks again when none are known.
   */
  readonly discover: () => Promise<readonly Model[]>;
}

/** What is held back to put interleaved tool calls in order, in UTF-16 code units. */
const MAX_HELD = 1024 * 1024;
/** How long the counts may come after the finish reason. */
const USAGE_MS = 2000;

export function createOpenAiUpstream(options: OpenAiUpstreamOptions): OpenAiUpstream {
  const { apiKey, fetch, clock, random, log } = options;
  const baseUrl = toBaseUrl(options.baseUrl);
  const errors = createUpstreamErrors(baseUrl, apiKey);
  const client = createUpstreamClient({ baseUrl, apiKey, errors, fetch, clock, log, failureOf });
  const { listModels: list } = client;
  const discovery = createDiscovery({ model: options.model, log, list, errors });
  const callId = () => random.id("call_");

  /** What goes wrong in an exchange is the upstream's doing, unless the turn was cancelled. */
  function failureOf(error: unknown, signal: AbortSignal): AppError {
    if (signal.aborted) return abortError(signal);
    return error instanceof AppError ? error : errors.unreachable(error);
  }

  async function* answer(exchange: Exchange, response: Response): AsyncGenerator<TurnEvent> {
    const decoder = createAnswerDecoder({ errors, callId, maxHeld: MAX_HELD });
    if (isJson(response)) {
      yield* decoder.whole(await client.readJson(exchange, response));
      yield* decoder.end(true);
    } else yield* readStream(exchange, response, decoder);
    if (decoder.reasoningName !== undefined) client.learnReasoningName(decoder.reasoningName);
  }

  async function* embed(
    exchange: Exchange,
    response: Response,
    { input }: EmbeddingRequest,
  ): AsyncGenerator<TurnEvent> {
    yield* decodeEmbeddings(await client.readJson(exchange, response), input.length, errors);
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
      const model = await orAbort(discovery.modelFor(request.model), signal);
      const response = await client.post(exchange, request, model);
      const isEmbedding = request.kind === "embedding";
      const events = isEmbedding ? embed(exchange, response, request) : answer(exchange, response);
      for await (const event of events) {
        complete = event.type === "finish";
        yield event;
        throwIfAborted(signal);
      }
    } catch (error) {
      throw failureOf(error, signal);
    } finally {
      exchange.close(complete);
    }
  }

  const info = {
    agentId: options.agentId,
    label: options.label,
    connector: "openai",
    get models() {
      return discovery.models;
    },
    requestedScopes: ["inference", "tools"] as const,
  };
  const { discover } = discovery;
  return { info, run, discover } satisfies OpenAiUpstream;
}

async function* readStream(
  exchange: Exchange,
  response: Response,
  decoder: AnswerDecoder,
): AsyncGenerator<TurnEvent> {
  let done = false;
  let waiting = false;
  try {
    reading: for await (const messages of exchange.messages(response)) {
      for (const message of messages) {
        done = message.data.trim() === "[DONE]";
        if (done) break reading;
        yield* decoder.message(message);
      }
      if (decoder.finished && !waiting) exchange.expire(USAGE_MS);
      waiting = decoder.finished;
    }
  } catch (error) {
    // Once the server has given its reason, all it can still fail at is to count.
    if (error instanceof AppError || !decoder.finished) throw error;
  }
  yield* decoder.end(done);
}

/** Anything else is read as a stream: servers are careless with its content type. */
function isJson(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").includes("json");
}
