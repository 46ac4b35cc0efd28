// The OpenAI dialect's routes. What a field means is in dialects/openai; here it only meets HTTP.

import { Elysia } from "elysia";
import type { Clock } from "../core/ports.ts";
import { decodeChat, decodeEmbeddings } from "../dialects/openai/decode.ts";
import { createChatStream, encodeChat, encodeEmbeddings } from "../dialects/openai/encode.ts";
import {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  EmbeddingsRequest,
  EmbeddingsResponse,
} from "../dialects/openai/schema.ts";
import type { ListedTurn } from "../engine/open-turns.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import { OPENAI_CHAT, OPENAI_EMBEDDINGS } from "./examples.ts";
import type { ClientModels } from "./client-models.ts";
import type { Inference } from "./inference.ts";
import { operation } from "./operation.ts";
import { completionRoutes } from "./routes-openai-completions.ts";

export interface DialectDeps {
  /** Who waits for room, to be shown. */
  readonly openTurns: () => readonly ListedTurn[];
  readonly inference: Inference;
  readonly models: ClientModels;
  readonly clock: Clock;
  readonly limits: BodyLimits;
  /** When this provider started: models carry it as their time of creation. Milliseconds since the epoch. */
  readonly startedAt: number;
}

export function openaiRoutes(deps: DialectDeps) {
  const chatBody = createBodyReader(ChatCompletionRequest, deps.limits);
  const embeddingsBody = createBodyReader(EmbeddingsRequest, deps.limits);

  async function chat(request: Request): Promise<Response> {
    const { value, bytes } = await chatBody.read(request);
    const { request: turn, ...options } = decodeChat(value);
    return deps.inference.answer(
      request,
      { request: turn, bytes },
      {
        dialect: "openai",
        streamType: "text/event-stream",
        stream: (meta) => createChatStream(meta, options),
        whole: (result, meta) => encodeChat(result, meta, options),
      },
    );
  }

  async function embeddings(request: Request): Promise<Response> {
    const { value, bytes } = await embeddingsBody.read(request);
    const { request: turn, encoding } = decodeEmbeddings(value);
    return deps.inference.answer(
      request,
      { request: turn, bytes },
      {
        dialect: "openai",
        streamType: "application/json",
        whole: (result, meta) => encodeEmbeddings(result, meta, encoding),
      },
    );
  }

  return new Elysia({ name: "openai", normalize: false })
    .post("/v1/chat/completions", ({ request }) => chat(request), {
      parse: "none",
      detail: operation({
        summary: "Answer a conversation",
        tag: "OpenAI",
        body: ChatCompletionRequest,
        examples: OPENAI_CHAT,
        answer: ChatCompletion,
        streams: "text/event-stream",
        item: ChatCompletionChunk,
        turn: true,
      }),
    })
    .use(completionRoutes(deps))
    .post("/v1/embeddings", ({ request }) => embeddings(request), {
      parse: "none",
      detail: operation({
        summary: "Turn text into vectors",
        tag: "OpenAI",
        body: EmbeddingsRequest,
        examples: OPENAI_EMBEDDINGS,
        answer: EmbeddingsResponse,
        turn: true,
      }),
    });
}
