// The shape that a failure takes on a path: the one that the path's dialect has for it. For answers and documents.

import type { TSchema } from "@sinclair/typebox";
import type { AppError } from "../core/error.ts";
import * as anthropicSchema from "../dialects/anthropic/answer-schema.ts";
import * as anthropic from "../dialects/anthropic/errors.ts";
import { ErrorAnswer } from "../dialects/ollama/answer-schema.ts";
import * as ollama from "../dialects/ollama/errors.ts";
import * as openai from "../dialects/openai/errors.ts";
import { ErrorResponse } from "../dialects/openai/schema.ts";

export interface ErrorShape {
  /** Of the dialect, for people. */
  readonly name: string;
  readonly schema: TSchema;
  encode(error: AppError): { readonly status: number; readonly body: object };
}

const OPENAI: ErrorShape = {
  name: "OpenAI",
  schema: { ...ErrorResponse, title: "OpenAIError" },
  encode: openai.encodeError,
};

const OLLAMA: ErrorShape = {
  name: "Ollama",
  schema: { ...ErrorAnswer, title: "OllamaError" },
  encode: ollama.encodeError,
};

const ANTHROPIC: ErrorShape = {
  name: "Anthropic",
  schema: { ...anthropicSchema.ErrorAnswer, title: "AnthropicError" },
  encode: anthropic.encodeError,
};

/** What both begin with: other paths, and there are many, are told by it alone. */
const NEAR = "/v1/m";
const ANTHROPIC_PATH = /^\/v1\/messages(?:\/|$)/;
/** OpenAI's clients ask for models here, too. */
const SHARED_PATH = /^\/v1\/models(?:\/|$)/;

/**
 * Whether Anthropic's dialect is spoken on the path: on its own always, on those for models by the `request`s that name
 * the version of its API. Without a request, for documents, these are OpenAI's.
 */
export function isAnthropic(path: string, request?: Request): boolean {
  if (!path.startsWith(NEAR)) return false;
  if (ANTHROPIC_PATH.test(path)) return true;
  return request !== undefined && SHARED_PATH.test(path) && namesVersion(request);
}

/** As all of Anthropic's clients do, and no other's. */
export function namesVersion({ headers }: Request): boolean {
  return headers.has("anthropic-version");
}

/** `path` as the router sees it: tidied, and without a secret base path. */
export function errorShapeOf(path: string, request?: Request): ErrorShape {
  if (isAnthropic(path, request)) return ANTHROPIC;
  return path.startsWith("/api/") || path === "/api" ? OLLAMA : OPENAI;
}
