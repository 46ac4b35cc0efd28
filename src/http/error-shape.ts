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

const ANTHROPIC_PATH = /^\/v1\/messages(?:\/|$)/;

/** Whether the path is of Anthropic's dialect alone. The list of models is not: both dialects have it there. */
export function isAnthropic(path: string): boolean {
  return ANTHROPIC_PATH.test(path);
}

/** `path` as the router sees it: tidied, and without a secret base path. */
export function errorShapeOf(path: string): ErrorShape {
  if (isAnthropic(path)) return ANTHROPIC;
  return path.startsWith("/api/") ? OLLAMA : OPENAI;
}
