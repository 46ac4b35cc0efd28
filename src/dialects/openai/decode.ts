// Validated bodies of the OpenAI routes → core requests. Pure. Only what the client said is passed on.

import { AppError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ChatRequest, EmbeddingRequest, ResponseFormat } from "../../core/turn.ts";
import { decodeMessages } from "./decode-messages.ts";
import { decodeParameters, refuseSeveral } from "./decode-parameters.ts";
import { decodeTools, speaksFunctions } from "./decode-tools.ts";
import { said } from "../kit/said.ts";
import type { ChatCompletionRequest, EmbeddingsRequest } from "./schema.ts";

export interface DecodedChat {
  readonly request: ChatRequest;
  /** Whether a stream is to end with a chunk of usage (`stream_options.include_usage`). */
  readonly includeUsage: boolean;
  /** The client offered `functions`: it reads a call from `function_call`, and one only. */
  readonly asFunctions?: true;
}

/** Throws `AppError` `invalid_request` or `unsupported`, with the field at fault as `param`. */
export function decodeChat(body: ChatCompletionRequest): DecodedChat {
  refuseSeveral(body.n, "n");
  const asFunctions = speaksFunctions(body);
  const request: ChatRequest = {
    kind: "chat",
    model: body.model,
    stream: body.stream === true,
    messages: decodeMessages(body.messages),
    parameters: {
      ...decodeParameters(body),
      ...(asFunctions && { parallelToolCalls: false }),
    },
    ...decodeTools(body),
    ...said({ responseFormat: decodeResponseFormat(body) }),
  };
  const includeUsage = body.stream_options?.include_usage === true;
  return { request, includeUsage, ...(asFunctions && { asFunctions }) };
}

function decodeResponseFormat(body: ChatCompletionRequest): ResponseFormat | undefined {
  const format = body.response_format;
  switch (format?.type) {
    case undefined:
    case "text":
      return undefined;
    case "json_object":
      // A schema beside it is how llama.cpp, Together and Fireworks have it.
      return format.schema ? schemaOf(format, format.schema) : { type: "json" };
    case "json_schema": {
      const named = format.json_schema ?? format;
      if (named.schema) return schemaOf(named, named.schema);
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

type NamedSchema = Pick<
  NonNullable<ChatCompletionRequest["response_format"]>,
  "name" | "description" | "strict"
>;

function schemaOf({ name, description, strict }: NamedSchema, schema: JsonObject): ResponseFormat {
  const rest = said({ description, strict });
  return { type: "json-schema", name: name || "response", schema, ...rest };
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
