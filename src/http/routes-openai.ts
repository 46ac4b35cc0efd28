// The OpenAI dialect's routes. What a field means is in dialects/openai; here it only meets HTTP.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import type { Clock, SessionDirectory } from "../core/ports.ts";
import { decodeChat, decodeEmbeddings } from "../dialects/openai/decode.ts";
import { createChatStream, encodeChat, encodeEmbeddings } from "../dialects/openai/encode.ts";
import { encodeModel, encodeModelList } from "../dialects/openai/models.ts";
import {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  EmbeddingsRequest,
  EmbeddingsResponse,
  Model,
  ModelList,
} from "../dialects/openai/schema.ts";
import type { Catalog } from "../engine/catalog.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import { OPENAI_CHAT, OPENAI_EMBEDDINGS } from "./examples.ts";
import type { Inference } from "./inference.ts";
import { operation } from "./operation.ts";

export interface DialectDeps {
  readonly inference: Inference;
  readonly catalog: Catalog;
  readonly sessions: SessionDirectory;
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
    const { request: turn, includeUsage } = decodeChat(value);
    return deps.inference.answer(
      request,
      { request: turn, bytes },
      {
        dialect: "openai",
        streamType: "text/event-stream",
        stream: (meta) => createChatStream(meta, { includeUsage }),
        whole: encodeChat,
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

  function model(name: string): object {
    const found = deps.catalog.find(name, deps.sessions.list());
    if (found === undefined) {
      throw new AppError("model_not_found", "No agent offers this model.", { param: "model" });
    }
    return encodeModel(found.model, deps.startedAt);
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
    })
    .get(
      "/v1/models",
      () =>
        encodeModelList(
          deps.catalog.list(deps.sessions.list()).map((each) => each.model),
          deps.startedAt,
        ),
      { detail: operation({ summary: "List the models", tag: "OpenAI", answer: ModelList }) },
    )
    .get("/v1/models/*", ({ params }) => model(params["*"]), {
      detail: operation({
        summary: "Describe a model",
        tag: "OpenAI",
        answer: Model,
        refusals: ["model"],
      }),
    });
}
