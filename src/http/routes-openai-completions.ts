// The OpenAI dialect's routes that go on from a text: completions, and filling in the middle as Mistral's clients and
// Continue ask for it. What a field means is in dialects/openai; here it only meets HTTP.

import { Elysia } from "elysia";
import { decodeCompletion, decodeFim } from "../dialects/openai/completions-decode.ts";
import { createCompletionStream, encodeCompletion } from "../dialects/openai/completions-encode.ts";
import {
  Completion,
  CompletionChunk,
  CompletionRequest,
  FimRequest,
} from "../dialects/openai/completions-schema.ts";
import { createChatStream, encodeChat } from "../dialects/openai/encode.ts";
import { ChatCompletion, ChatCompletionChunk } from "../dialects/openai/schema.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import { OPENAI_COMPLETION, OPENAI_FIM } from "./examples.ts";
import type { Inference } from "./inference.ts";
import { operation } from "./operation.ts";

export interface CompletionDeps {
  readonly inference: Inference;
  readonly limits: BodyLimits;
}

const SSE = "text/event-stream";
const FOR_INSERT =
  "Only for models that can `insert`: autocomplete asks at every keystroke, which no agent is run for. Others are refused at once.";

export function completionRoutes(deps: CompletionDeps) {
  const completionBody = createBodyReader(CompletionRequest, deps.limits);
  const fimBody = createBodyReader(FimRequest, deps.limits);

  async function complete(request: Request): Promise<Response> {
    const { value, bytes } = await completionBody.read(request);
    const { requests, ...options } = decodeCompletion(value);
    const [turn, ...others] = requests;
    return deps.inference.answer(
      request,
      { request: turn, bytes, ...(others.length > 0 && { others }) },
      {
        dialect: "openai",
        streamType: SSE,
        stream: (meta) => createCompletionStream(meta, options),
        whole: (result, meta, _timing, before) =>
          encodeCompletion([...before, result], meta, options.echoes),
      },
    );
  }

  /** Answered in the form of a chat, which is how those who ask it read it. */
  async function fillIn(request: Request): Promise<Response> {
    const { value, bytes } = await fimBody.read(request);
    const { request: turn, includeUsage } = decodeFim(value);
    return deps.inference.answer(
      request,
      { request: turn, bytes },
      {
        dialect: "openai",
        streamType: SSE,
        stream: (meta) => createChatStream(meta, { includeUsage }),
        whole: (result, meta) => encodeChat(result, meta),
      },
    );
  }

  return new Elysia({ name: "openai-completions", normalize: false })
    .post("/v1/completions", ({ request }) => complete(request), {
      parse: "none",
      detail: operation({
        summary: "Go on from a text",
        tag: "OpenAI",
        description: `With \`suffix\`, fill in the middle. ${FOR_INSERT} Several prompts are turns of their own, one after the other; the first that fails ends the request.`,
        body: CompletionRequest,
        examples: OPENAI_COMPLETION,
        answer: Completion,
        streams: SSE,
        item: CompletionChunk,
        turn: true,
      }),
    })
    .post("/v1/fim/completions", ({ request }) => fillIn(request), {
      parse: "none",
      detail: operation({
        summary: "Fill in the middle",
        tag: "OpenAI",
        description: FOR_INSERT,
        body: FimRequest,
        examples: OPENAI_FIM,
        answer: ChatCompletion,
        streams: SSE,
        item: ChatCompletionChunk,
        turn: true,
      }),
    });
}
