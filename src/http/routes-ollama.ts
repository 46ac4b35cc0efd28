// The Ollama dialect's routes that ask an agent, and the rest of it with them. What a field means is in
// dialects/ollama; here it only meets HTTP.

import { Elysia } from "elysia";
import type { TurnRequest } from "../core/turn.ts";
import {
  decodeChat,
  decodeEmbed,
  decodeEmbeddings,
  decodeGenerate,
} from "../dialects/ollama/decode.ts";
import { createChatStream, createGenerateStream } from "../dialects/ollama/encode.ts";
import {
  encodeChat,
  encodeChatLifecycle,
  encodeEmbed,
  encodeEmbeddings,
  encodeEmbedLifecycle,
  encodeGenerate,
  encodeGenerateLifecycle,
} from "../dialects/ollama/encode-whole.ts";
import * as Answer from "../dialects/ollama/answer-schema.ts";
import * as Schema from "../dialects/ollama/schema.ts";
import { createBodyReader } from "./body.ts";
import {
  OLLAMA_CHAT,
  OLLAMA_EMBED,
  OLLAMA_EMBEDDINGS,
  OLLAMA_GENERATE,
} from "./examples-ollama.ts";
import type { AnswerCodec } from "./inference.ts";
import { named, operation } from "./operation.ts";
import { ollamaManagementRoutes } from "./routes-ollama-manage.ts";
import { about, createListing, ollamaModelRoutes } from "./routes-ollama-models.ts";
import type { OllamaDeps } from "./routes-ollama-models.ts";

/** What the dialect's decoders answer: a call to run, or one that only asks whether the model is there. */
type Decoded =
  | { readonly action: "run"; readonly request: TurnRequest; readonly hideThinking: boolean }
  | { readonly action: "load" | "unload"; readonly model: string };

type Lifecycle = (
  meta: { id: string; model: string; created: number },
  action: "load" | "unload",
) => object;

const NDJSON = "application/x-ndjson";
const STREAMS =
  "Streams unless `stream` is false, a JSON object a line; an object with `error` is the last of an answer that failed.";
const LOADS =
  'Without anything to answer no agent runs: the answer\'s `done_reason` is "load", or "unload" with a `keep_alive` of 0.';
const FILLS =
  "`suffix` asks to fill in between two texts, which only models with the capability `insert` do.";
const ChatAnswer = named("OllamaChatAnswer", Answer.ChatAnswer);
const GenerateAnswer = named("OllamaGenerateAnswer", Answer.GenerateAnswer);

export function ollamaRoutes(deps: OllamaDeps) {
  const { clock } = deps;
  const chatBody = createBodyReader(Schema.ChatRequest, deps.limits);
  const generateBody = createBodyReader(Schema.GenerateRequest, deps.limits);
  const embedBody = createBodyReader(Schema.EmbedRequest, deps.limits);
  const embeddingsBody = createBodyReader(Schema.EmbeddingsRequest, deps.limits);
  const models = createListing(deps);

  function answer(
    request: Request,
    asked: { readonly decoded: Decoded; readonly bytes: Uint8Array },
    forms: {
      readonly codec: (hideThinking: boolean) => AnswerCodec;
      readonly lifecycle: Lifecycle;
    },
  ): Promise<Response> {
    const { decoded, bytes } = asked;
    if (decoded.action !== "run") {
      models.find(request, decoded.model);
      const meta = { id: "", model: decoded.model, created: clock.now() };
      return Promise.resolve(Response.json(forms.lifecycle(meta, decoded.action)));
    }
    const codec = forms.codec(decoded.hideThinking);
    return deps.inference.answer(request, { request: decoded.request, bytes }, codec);
  }

  async function chat(request: Request): Promise<Response> {
    const { value, bytes } = await chatBody.read(request);
    return answer(
      request,
      { decoded: decodeChat(value), bytes },
      {
        codec: (hideThinking) => ({
          dialect: "ollama" as const,
          streamType: NDJSON,
          stream: (meta, startedAt) => createChatStream(meta, { clock, startedAt, hideThinking }),
          whole: (result, meta, timing) => encodeChat(result, meta, { timing, hideThinking }),
        }),
        lifecycle: encodeChatLifecycle,
      },
    );
  }

  async function generate(request: Request): Promise<Response> {
    const { value, bytes } = await generateBody.read(request);
    return answer(
      request,
      { decoded: decodeGenerate(value), bytes },
      {
        codec: (hideThinking) => ({
          dialect: "ollama" as const,
          streamType: NDJSON,
          stream: (meta, startedAt) =>
            createGenerateStream(meta, { clock, startedAt, hideThinking }),
          whole: (result, meta, timing) => encodeGenerate(result, meta, { timing, hideThinking }),
        }),
        lifecycle: encodeGenerateLifecycle,
      },
    );
  }

  async function embed(request: Request): Promise<Response> {
    const { value, bytes } = await embedBody.read(request);
    const decoded = decodeEmbed(value);
    const dimensions = decoded.action === "run" ? decoded.request.dimensions : undefined;
    const codec: AnswerCodec = {
      dialect: "ollama",
      streamType: NDJSON,
      whole: (result, meta, timing) => encodeEmbed(result, meta, { timing, dimensions }),
    };
    return answer(
      request,
      { decoded, bytes },
      { codec: () => codec, lifecycle: encodeEmbedLifecycle },
    );
  }

  async function embeddings(request: Request): Promise<Response> {
    const { value, bytes } = await embeddingsBody.read(request);
    const codec = { dialect: "ollama" as const, streamType: NDJSON, whole: encodeEmbeddings };
    return answer(
      request,
      { decoded: decodeEmbeddings(value), bytes },
      { codec: () => codec, lifecycle: () => ({ embedding: [] }) },
    );
  }

  return new Elysia({ name: "ollama", normalize: false })
    .post(
      "/api/chat",
      ({ request }) => chat(request),
      about("Answer a conversation", {
        body: named("OllamaChatRequest", Schema.ChatRequest),
        examples: OLLAMA_CHAT,
        description: `${STREAMS} ${LOADS}`,
        answer: ChatAnswer,
        streams: NDJSON,
        item: ChatAnswer,
        turn: true,
      }),
    )
    .post(
      "/api/generate",
      ({ request }) => generate(request),
      about("Answer a prompt", {
        body: named("OllamaGenerateRequest", Schema.GenerateRequest),
        examples: OLLAMA_GENERATE,
        description: `${STREAMS} ${LOADS} ${FILLS}`,
        answer: GenerateAnswer,
        streams: NDJSON,
        item: GenerateAnswer,
        turn: true,
      }),
    )
    .post(
      "/api/embed",
      ({ request }) => embed(request),
      about("Turn texts into vectors", {
        body: named("OllamaEmbedRequest", Schema.EmbedRequest),
        examples: OLLAMA_EMBED,
        answer: named("OllamaEmbedAnswer", Answer.EmbedAnswer),
        turn: true,
      }),
    )
    .post(
      "/api/embeddings",
      ({ request }) => embeddings(request),
      about("Turn a text into a vector", {
        body: named("OllamaEmbeddingsRequest", Schema.EmbeddingsRequest),
        examples: OLLAMA_EMBEDDINGS,
        answer: named("OllamaEmbeddingsAnswer", Answer.EmbeddingsAnswer),
        turn: true,
      }),
    )
    .use(ollamaModelRoutes(deps, models))
    .use(ollamaManagementRoutes(deps, models));
}

/** The text that every Ollama client probes for. It needs no key, and says nothing else. */
export function rootRoute() {
  return new Elysia({ name: "root", normalize: false }).get("/", () => "Ollama is running", {
    detail: operation({
      summary: "Whether a model server is here",
      tag: "Ollama",
      text: { type: "text/plain", example: "Ollama is running" },
    }),
  });
}
