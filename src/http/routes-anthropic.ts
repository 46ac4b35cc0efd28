// The Anthropic dialect's routes. What a field means is in dialects/anthropic; here it only meets HTTP.

import { Elysia } from "elysia";
import * as Answer from "../dialects/anthropic/answer-schema.ts";
import { decodeCountTokens, decodeMessagesRequest } from "../dialects/anthropic/decode.ts";
import {
  createMessageStream,
  encodeMessage,
  encodeTokenCount,
} from "../dialects/anthropic/encode.ts";
import { CountTokensRequest, MessagesRequest } from "../dialects/anthropic/schema.ts";
import { AppError } from "../core/error.ts";
import type { ChatRequest } from "../core/turn.ts";
import { estimateTokens, promptCharacters } from "../engine/estimate.ts";
import { createBodyReader } from "./body.ts";
import { ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES } from "./examples-anthropic.ts";
import { named, operation } from "./operation.ts";
import type { DialectDeps } from "./routes-openai.ts";

const EVENTS = "text/event-stream";

const WHAT_IS_DONE =
  "What an agent thought is shown in thinking blocks to requests with `thinking`, and to others only where there is no " +
  "other answer. Tools that run on Anthropic's servers are left out. Documents are taken as text; PDFs are refused. " +
  "`cache_control`, `metadata`, `service_tier`, `context_management`, `mcp_servers` and the `anthropic-beta` header are " +
  "ignored. A prompt whose stream failed, sent again whole, hears that failure.";

export function anthropicRoutes(deps: DialectDeps) {
  const messagesBody = createBodyReader(MessagesRequest, deps.limits);
  const countBody = createBodyReader(CountTokensRequest, deps.limits);

  async function messages(request: Request): Promise<Response> {
    const { value, bytes } = await messagesBody.read(request);
    const { request: turn, thinking } = decodeMessagesRequest(value);
    return deps.inference.answer(
      request,
      { request: turn, bytes, identity: identityOf(value) },
      {
        dialect: "anthropic",
        streamType: EVENTS,
        stream: (meta) => {
          const promptTokens = estimateTokens(promptCharacters(turn));
          return createMessageStream(meta, { thinking, promptTokens });
        },
        whole: (result, meta) => encodeMessage(result, meta, { thinking }),
      },
    );
  }

  /** No agent is asked, and nothing is counted against a limit. */
  async function countTokens(request: Request): Promise<object> {
    const { value } = await countBody.read(request);
    const prompt = decodeCountTokens(value);
    if (deps.models.find(request, prompt.model) === undefined) {
      throw new AppError("model_not_found", "No agent offers this model.", { param: "model" });
    }
    return encodeTokenCount(estimateTokens(promptCharacters(prompt) + toolCharacters(prompt)));
  }

  return new Elysia({ name: "anthropic", normalize: false })
    .post("/v1/messages", ({ request }) => messages(request), {
      parse: "none",
      detail: operation({
        summary: "Answer a conversation",
        tag: "Anthropic",
        description: WHAT_IS_DONE,
        body: named("AnthropicMessagesRequest", MessagesRequest),
        examples: ANTHROPIC_MESSAGES,
        answer: named("AnthropicMessage", Answer.Message),
        streams: EVENTS,
        item: named("AnthropicStreamEvent", Answer.MessageStreamEvent),
        turn: true,
      }),
    })
    .post("/v1/messages/count_tokens", ({ request }) => countTokens(request), {
      parse: "none",
      detail: operation({
        summary: "Estimate the tokens of a conversation",
        tag: "Anthropic",
        description: "No agent runs. Images are not counted.",
        body: named("AnthropicCountTokensRequest", CountTokensRequest),
        examples: ANTHROPIC_COUNT_TOKENS,
        answer: named("AnthropicTokenCount", Answer.TokenCount),
        refusals: ["unsupported", "model"],
      }),
    });
}

/**
 * Claude Code sends a prompt whose stream failed a second time, without `stream`: streamed or whole, it is the same
 * question, and no second run of an agent.
 */
function identityOf({ stream: _stream, ...question }: MessagesRequest): Uint8Array {
  const fields = Object.entries(question).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new TextEncoder().encode(JSON.stringify(fields));
}

function toolCharacters({ tools = [] }: ChatRequest): number {
  return tools.length === 0 ? 0 : JSON.stringify(tools).length;
}
