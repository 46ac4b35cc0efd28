// Validated bodies of the OpenAI routes → core requests. Pure. Only what the client said is passed on.

import { AppError } from "../../core/error.ts";
import type { ChatRequest, EmbeddingRequest, Parameters, ResponseFormat } from "../../core/turn.ts";
import { decodeMessages } from "./decode-messages.ts";
import { decodeTools } from "./decode-tools.ts";
import { said } from "./said.ts";
import type { ChatCompletionRequest, EmbeddingsRequest } from "./schema.ts";

export interface DecodedChat {
  readonly request: ChatRequest;
  /** Whether a stream is to end with a chunk of usage (`stream_options.include_usage`). */
  readonly includeUsage: boolean;
}

/** Throws `AppError` `invalid_request` or `unsupported`, with the field at fault as `param`. */
export function decodeChat(body: ChatCompletionRequest): DecodedChat {
  if ((body.n ?? 1) > 1) {
    throw new AppError("unsupported", "Only one answer at a time is supported: leave n out.", {
      param: "n",
    });
  }
  const request: ChatRequest = {
    kind: "chat",
    model: body.model,
    stream: body.stream === true,
    messages: decodeMessages(body.messages),
    parameters: decodeParameters(body),
    ...decodeTools(body),
    ...said({ responseFormat: decodeResponseFormat(body) }),
  };
  return { request, includeUsage: body.stream_options?.include_usage === true };
}

function decodeParameters(body: ChatCompletionRequest): Parameters {
  return said({
    maxTokens: maxTokensOf(body),
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    stop: stopsOf(body.stop),
    seed: body.seed,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    reasoningEffort: body.reasoning_effort ?? body.reasoning?.effort,
    parallelToolCalls: body.parallel_tool_calls,
  });
}

/** -1 is how clients of llama.cpp and LM Studio say "no limit". */
function maxTokensOf(body: ChatCompletionRequest): number | undefined {
  const newer = typeof body.max_completion_tokens === "number";
  const param = newer ? "max_completion_tokens" : "max_tokens";
  const limit = body[param] ?? -1;
  if (limit === 0) {
    throw new AppError("invalid_request", "Ask for at least one token, or leave it out.", {
      param,
    });
  }
  return limit === -1 ? undefined : limit;
}

/** An empty stop text would stop every answer before it starts; clients mean none by it. */
function stopsOf(stop: ChatCompletionRequest["stop"]): string[] | undefined {
  const stops = (typeof stop === "string" ? [stop] : (stop ?? [])).filter((text) => text !== "");
  return stops.length === 0 ? undefined : stops;
}

function decodeResponseFormat(body: ChatCompletionRequest): ResponseFormat | undefined {
  const format = body.response_format;
  switch (format?.type) {
    case undefined:
    case "text":
      return undefined;
    case "json_object":
      return { type: "json" };
    case "json_schema": {
      const { schema, name, description, strict } = format.json_schema ?? format;
      if (schema) {
        const rest = said({ description, strict });
        return { type: "json-schema", name: name || "response", schema, ...rest };
      }
      throw new AppError("invalid_request", "The response format needs a JSON Schema.", {
        param: "response_format.json_schema.schema",
      });
    }
    default:
      throw new AppError(
        "unsupported",
        "The response format is text, json_object or json_schema.",
        { param: "response_format.type" },
      );
  }
}

export interface DecodedEmbeddings {
  readonly request: EmbeddingRequest;
  readonly encoding: "float" | "base64";
}

/** Throws `AppError` `invalid_request` or `unsupported`, with `input` as `param`. */
export function decodeEmbeddings(body: EmbeddingsRequest): DecodedEmbeddings {
  const request: EmbeddingRequest = {
    kind: "embedding",
    model: body.model,
    stream: false,
    input: textsOf(body.input),
    ...said({ dimensions: body.dimensions }),
    parameters: {},
  };
  return { request, encoding: body.encoding_format ?? "float" };
}

function textsOf(input: EmbeddingsRequest["input"]): string[] {
  const items = typeof input === "string" ? [input] : input;
  if (items.length === 0) {
    throw new AppError("invalid_request", "Send at least one text.", { param: "input" });
  }
  const texts = items.filter((item) => typeof item === "string");
  if (texts.length < items.length) {
    throw new AppError("unsupported", "Send texts: tokens are not supported.", { param: "input" });
  }
  return texts;
}
