// The routes that clients ask, one for each column: how each is asked, and in what form it refuses.

import type { TSchema } from "@sinclair/typebox";
import { ErrorAnswer as AnthropicError } from "./anthropic/shape.ts";
import { ErrorAnswer as OpenAiError } from "./openai/chat-shape.ts";
import { fits, must, same, shorten, skip } from "./check.ts";
import type { Column } from "./check.ts";
import { ErrorAnswer as OllamaError } from "./ollama/shape.ts";
import * as prompt from "./prompts.ts";
import type { Answer, Call, Server } from "./server.ts";

export interface Route {
  readonly column: Column;
  readonly path: string;
  /** `undefined`: it is read with GET. */
  readonly body?: (server: Server, content: string) => object;
  readonly error: TSchema;
  /** Where clients also look for it. */
  readonly paths: readonly string[];
  /** Whether a turn of the rehearsal agent can be told to fail there. */
  readonly fails: boolean;
  /** Content encodings of its bodies. */
  readonly encodings: readonly ("gzip" | "zstd")[];
  /** A path beside it that is none. */
  readonly nowhere: string;
  /** Headers about limits. */
  readonly limits: readonly string[];
}

const messages = (content: string) => [{ role: "user", content }];
const OPENAI_LIMITS = ["requests", "tokens"].flatMap((what) =>
  ["limit", "remaining", "reset"].map((which) => `x-ratelimit-${which}-${what}`),
);
const ANTHROPIC_LIMITS = ["requests", "tokens"].flatMap((what) =>
  ["limit", "remaining", "reset"].map((which) => `anthropic-ratelimit-${what}-${which}`),
);

const openai = (column: Column, name: string, body?: Route["body"]): Route => ({
  column,
  path: `/v1${name}`,
  ...(body !== undefined && { body }),
  error: OpenAiError,
  paths: [name, `/v1/v1${name}`, `//v1//${name.slice(1)}`, `/v1${name}/`, `${name}/`],
  fails: body !== undefined && column !== "embeddings",
  encodings: body === undefined ? [] : ["gzip", "zstd"],
  nowhere: "/v1/nowhere",
  limits: body === undefined ? [] : OPENAI_LIMITS,
});

export const ROUTES: readonly Route[] = [
  openai("chat", "/chat/completions", ({ model }, content) => ({
    model,
    messages: messages(content),
  })),
  openai("completions", "/completions", ({ model }, content) => ({ model, prompt: content })),
  openai("responses", "/responses", ({ model }, content) => ({ model, input: content })),
  openai("embeddings", "/embeddings", ({ model }, content) => ({ model, input: content })),
  openai("models", "/models"),
  {
    column: "ollama",
    path: "/api/chat",
    body: ({ model }, content) => ({ model, messages: messages(content), stream: false }),
    error: OllamaError,
    paths: ["//api//chat", "/api/chat/"],
    fails: true,
    encodings: [],
    nowhere: "/api/nowhere",
    limits: [],
  },
  {
    column: "anthropic",
    path: "/v1/messages",
    body: ({ model }, content) => ({ model, max_tokens: 500, messages: messages(content) }),
    error: AnthropicError,
    paths: [
      "/messages",
      "/v1/v1/messages",
      "//v1//messages",
      "/v1/messages/",
      "/v1/messages?beta=true",
    ],
    fails: true,
    encodings: ["gzip", "zstd"],
    nowhere: "/v1/messages/nowhere",
    limits: ANTHROPIC_LIMITS,
  },
];

export const bodyOf = (route: Route, server: Server, content = prompt.say(prompt.SPOKEN)): Call =>
  route.body === undefined ? {} : { body: route.body(server, content) };

export function succeeds(path: string, answer: Answer): void {
  must(answer.status === 200, `${path} answers ${answer.status}: ${shorten(answer.text)}`);
}

/** Of another server: what it does not have at all, or its model cannot do, and how it says so. */
export async function lackingRoutes(server: Server): Promise<ReadonlyMap<Column, string>> {
  const lacking = new Map<Column, string>();
  for (const route of ROUTES) {
    const { status, text } = await server.send(route.path, bodyOf(route, server));
    const isMissing = [404, 405, 501].includes(status);
    const cannot = status === 400 && route.column === "embeddings";
    if (!isMissing && !cannot) continue;
    lacking.set(route.column, `it answers ${status} to a plain request: ${shorten(text)}`);
  }
  return lacking;
}

/** A refusal in the dialect's own form, and as JSON. */
export function refuses(route: Route, answer: Answer, status: number | readonly number[]): void {
  const allowed = [status].flat();
  must(
    allowed.includes(answer.status),
    `it answers ${answer.status} instead of ${allowed.join(" or ")}: ${shorten(answer.text)}`,
  );
  same("the content type", answer.type, "application/json");
  fits(route.error, answer.json);
}

export function unslowed(answer: Answer): Answer {
  if (answer.status === 429) skip("it heard too many wrong keys: try again in a minute");
  return answer;
}
