// What a check is: one sentence about a server, in one cell of the matrix. Knows no protocol.

import type { TSchema, Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Server } from "./server.ts";

export const COLUMNS = {
  chat: "OpenAI chat",
  completions: "OpenAI completions",
  responses: "OpenAI responses",
  embeddings: "OpenAI embeddings",
  models: "OpenAI models",
  ollama: "Ollama",
  anthropic: "Anthropic",
} as const;

export type Column = keyof typeof COLUMNS;

/** The rows of the matrix, in their order. */
export const FEATURES = [
  "whole answers",
  "streamed answers",
  "usage",
  "reasoning",
  "tool calls",
  "tool results",
  "tool definitions",
  "images",
  "answers in JSON",
  "stop sequences",
  "roles and contents",
  "unknown fields and nulls",
  "several answers",
  "text between two parts",
  "several prompts, echo",
  "encodings of vectors",
  "kept responses",
  "counting tokens",
  "lists and descriptions",
  "loading and managing",
  "spellings of a name",
  "spellings of a path",
  "key in the address",
  "compressed bodies",
  "content types",
  "request ids",
  "headers about limits",
  "origins",
  "methods",
  "no such route",
  "no such model",
  "malformed bodies",
  "bodies that are too large",
  "bodies of another type",
  "keys",
  "failures",
  "failures in a stream",
] as const;

export type Feature = (typeof FEATURES)[number];

export interface Check {
  readonly column: Column;
  readonly feature: Feature;
  /** What holds when it passes. */
  readonly title: string;
  /** It needs the rehearsal agent, or what only this project's server has: skipped elsewhere. */
  readonly ours?: true;
  /** A model may lack it: elsewhere a 400 that says so is no fault of the server's. */
  readonly ability?: true;
  readonly run: (server: Server) => Promise<void>;
}

export type Outcome =
  { readonly status: "pass" } | { readonly status: "fail" | "skip"; readonly reason: string };

export interface Checked {
  readonly check: Check;
  readonly outcome: Outcome;
}

class Skip extends Error {}

/** Ends a check that says nothing about this server. */
export function skip(reason: string): never {
  throw new Skip(reason);
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** Compares as JSON. */
export function same(what: string, actual: unknown, expected: unknown): void {
  const [is, shall] = [JSON.stringify(actual), JSON.stringify(expected)];
  must(is === shall, `${what} is ${shorten(is)} instead of ${shorten(shall)}`);
}

/** The value as the schema describes it, or a failure that names the first place where it is not. */
export function fits<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const first = Value.Errors(schema, value).First();
  if (first === undefined) return value;
  const place = first.path === "" ? "the body" : first.path;
  throw new Error(`${place}: ${first.message}, and it is ${shorten(JSON.stringify(first.value))}`);
}

/** The only one of a list. */
export function only<T>(what: string, items: readonly T[]): T {
  const [item] = items;
  must(items.length === 1 && item !== undefined, `${items.length} ${what} instead of one`);
  return item;
}

export function shorten(text: string | undefined): string {
  const shown = (text ?? "nothing").replaceAll(/\s+/g, " ");
  return shown.length <= 160 ? shown : `${shown.slice(0, 160)}…`;
}

const FOREIGN = "only for this project's server with its rehearsal agent";

export async function runCheck(check: Check, server: Server): Promise<Outcome> {
  if (check.ours && !server.rehearses) return { status: "skip", reason: FOREIGN };
  try {
    await check.run(server);
    return { status: "pass" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const lacks = check.ability && !server.rehearses && reason.includes(" answers 400: ");
    return { status: error instanceof Skip || lacks ? "skip" : "fail", reason };
  }
}
