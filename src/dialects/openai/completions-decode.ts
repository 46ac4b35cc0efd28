// Validated bodies of the completions routes → core `CompletionRequest`s. Pure.

import { AppError } from "../../core/error.ts";
import type { CompletionRequest as Completion } from "../../core/turn.ts";
import type { CompletionRequest, FimRequest } from "./completions-schema.ts";
import { decodeParameters, refuseSeveral } from "./decode-parameters.ts";
import { said } from "../kit/said.ts";

export interface DecodedCompletion {
  /** One for each prompt, in their order. */
  readonly requests: readonly [Completion, ...Completion[]];
  /** Whether a stream is to end with a chunk of usage (`stream_options.include_usage`). */
  readonly includeUsage: boolean;
  /** What each answer is to begin with: its prompt, where the client asked for the echo, or "". */
  readonly echoes: readonly string[];
}

/** As many as LangChain puts into one request. */
const MOST_PROMPTS = 20;

/** Throws `AppError` `invalid_request` or `unsupported`, with the field at fault as `param`. */
export function decodeCompletion(body: CompletionRequest): DecodedCompletion {
  refuseSeveral(body.n, "n");
  refuseSeveral(body.best_of, "best_of");
  const [first, ...others] = promptsOf(body);
  const suffix = said({ suffix: body.suffix });
  const parameters = decodeParameters(body);
  const request = (prompt: string): Completion => ({
    kind: "completion",
    model: body.model,
    stream: body.stream === true,
    prompt,
    ...suffix,
    parameters,
  });
  return {
    requests: [request(first), ...others.map(request)],
    includeUsage: wantsUsage(body),
    echoes: [first, ...others].map((prompt) => (body.echo === true ? prompt : "")),
  };
}

/** Filling in, whether or not there is anything after the cursor. Throws as `decodeCompletion` does. */
export function decodeFim(body: FimRequest): {
  readonly request: Completion;
  readonly includeUsage: boolean;
} {
  const { requests, includeUsage } = decodeCompletion({ ...body, suffix: body.suffix ?? "" });
  return { request: requests[0], includeUsage };
}

/** Each is a turn of its own (docs/adr/0018-several-prompts.md), so that all are looked at before any of them runs. */
function promptsOf({ prompt, suffix }: CompletionRequest): [string, ...string[]] {
  const items = typeof prompt === "string" ? [prompt] : (prompt ?? [""]);
  const texts = items.filter((item) => typeof item === "string");
  if (texts.length < items.length) throw tokens();
  const [first, ...others] = texts;
  if (first === undefined) throw nothingToGoOnFrom("prompt");
  if (texts.length > MOST_PROMPTS) throw tooMany();
  // An empty suffix is one, too: the cursor is at the end of its file, and the client is an autocomplete all the same.
  const empty = typeof suffix === "string" ? -1 : texts.indexOf("");
  if (empty >= 0) throw nothingToGoOnFrom(texts.length === 1 ? "prompt" : `prompt[${empty}]`);
  return [first, ...others];
}

function wantsUsage({ stream_options: options }: CompletionRequest): boolean {
  return options?.include_usage === true;
}

function nothingToGoOnFrom(param: string): AppError {
  return new AppError("invalid_request", "Send a prompt to go on from.", { param });
}

function tooMany(): AppError {
  return new AppError(
    "invalid_request",
    `A request may have ${MOST_PROMPTS} prompts at most: send the others in a request of their own.`,
    { param: "prompt" },
  );
}

function tokens(): AppError {
  return new AppError("unsupported", "Send the prompt as text: tokens are not supported.", {
    param: "prompt",
  });
}
