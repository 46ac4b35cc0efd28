// An upstream's response, read to its end as a turn's events.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { TurnRequest } from "../../core/turn.ts";
import type { UpstreamClient } from "./client.ts";
import { type AnswerDecoder, createAnswerDecoder, decodeEmbeddings } from "./decode.ts";
import type { UpstreamErrors } from "./errors.ts";
import type { Exchange } from "./exchange.ts";

/** What is held back to put interleaved tool calls in order, in UTF-16 code units. */
const MAX_HELD = 1024 * 1024;
/** How long the counts may come after the finish reason. */
const USAGE_MS = 2000;

export interface AnswerParts {
  readonly request: TurnRequest;
  readonly exchange: Exchange;
  readonly response: Response;
  readonly client: Pick<UpstreamClient, "readJson" | "learnReasoningName">;
  readonly errors: UpstreamErrors;
  readonly callId: () => string;
}

export async function* readAnswer(parts: AnswerParts): AsyncGenerator<TurnEvent> {
  const { request, exchange, response, client, errors, callId } = parts;
  if (request.kind === "embedding") {
    const answer = await client.readJson(exchange, response);
    yield* decodeEmbeddings(answer, request.input.length, errors);
    return;
  }
  const decoder = createAnswerDecoder({ errors, callId, maxHeld: MAX_HELD });
  if (isJson(response)) {
    yield* decoder.whole(await client.readJson(exchange, response));
    yield* decoder.end(true);
  } else yield* readStream(exchange, response, decoder);
  if (decoder.reasoningName !== undefined) client.learnReasoningName(decoder.reasoningName);
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
