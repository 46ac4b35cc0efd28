// Validated bodies of the completions routes → core `CompletionRequest`s. Pure.

import { AppError } from "../../core/error.ts";
import type { CompletionRequest as Completion } from "../../core/turn.ts";
import type { CompletionRequest, FimRequest } from "./completions-schema.ts";
import { decodeParameters, refuseSeveral } from "./decode-parameters.ts";
import { said } from "../kit/said.ts";

export interface DecodedCompletion {
  readonly request: Completion;
  /** Whether a stream is to end with a chunk of usage (`stream_options.include_usage`). */
  readonly includeUsage: boolean;
  /** What the answer is to begin with: the prompt, where the client asked for its echo, or "". */
  readonly echo: string;
}

/** Throws `AppError` `invalid_request` or `unsupported`, with the field at fault as `param`. */
export function decodeCompletion(body: CompletionRequest): DecodedCompletion {
  refuseSeveral(body.n, "n");
  refuseSeveral(body.best_of, "best_of");
  const prompt = promptOf(body.prompt);
  // An empty suffix is one, too: the cursor is at the end of its file, and the client is an autocomplete all the same.
  if (prompt === "" && typeof body.suffix !== "string") throw nothingToGoOnFrom();
  return {
    request: {
      kind: "completion",
      model: body.model,
      stream: body.stream === true,
      prompt,
      ...said({ suffix: body.suffix }),
      parameters: decodeParameters(body),
    },
    includeUsage: wantsUsage(body),
    echo: body.echo === true ? prompt : "",
  };
}

/** Filling in, whether or not there is anything after the cursor. Throws as `decodeCompletion` does. */
export function decodeFim(body: FimRequest): Omit<DecodedCompletion, "echo"> {
  const { request, includeUsage } = decodeCompletion({ ...body, suffix: body.suffix ?? "" });
  return { request, includeUsage };
}

/** Each prompt would be a run of an agent: several are refused (docs/adr/0018-one-prompt-a-request.md). */
function promptOf(prompt: CompletionRequest["prompt"]): string {
  if (typeof prompt === "string") return prompt;
  const items = prompt ?? [];
  if (items.some((item) => typeof item !== "string")) {
    throw new AppError("unsupported", "Send the prompt as text: tokens are not supported.", {
      param: "prompt",
    });
  }
  const [text = "", ...others] = items.filter((item) => typeof item === "string");
  if (others.length === 0) return text;
  throw new AppError(
    "unsupported",
    "One prompt at a time is supported: send each in a request of its own.",
    { param: "prompt" },
  );
}

function wantsUsage({ stream_options: options }: CompletionRequest): boolean {
  return options?.include_usage === true;
}

function nothingToGoOnFrom(): AppError {
  return new AppError("invalid_request", "Send a prompt to go on from.", { param: "prompt" });
}
