// What a route answers, good and bad, as OpenAPI has it. Pure.

import { AppError } from "../core/error.ts";
import { errorShapeOf, isAnthropic } from "./error-shape.ts";
import type { ErrorShape } from "./error-shape.ts";
import { headerRefs, rateHeaders } from "./openapi-parts.ts";
import type { Schemas } from "./openapi-schemas.ts";
import type { OperationNotes } from "./operation.ts";
import { meaningOf, refusalsByStatus } from "./refusals.ts";
import type { RefusalSet, StatusRefusals } from "./refusals.ts";

export interface Responses {
  good(notes: OperationNotes, path: string): object;
  /** By status, each a reference. */
  bad(sets: readonly RefusalSet[], errors: ErrorShape): Readonly<Record<string, object>>;
  /** Those that say the answer itself with another status than 200; or that refuse. */
  withAnswer(notes: OperationNotes, errors: ErrorShape): Readonly<Record<string, object>>;
  /** By name, all that was referred to. */
  all(): Readonly<Record<string, object>>;
}

export function createResponses(schemas: Schemas): Responses {
  const named = new Map<string, object>();

  function good(notes: OperationNotes, path: string): object {
    const streamed =
      notes.streams === undefined ? "" : " Streamed or whole, as `stream` of the request says.";
    return {
      description: `The answer.${streamed}`,
      headers: headerRefs({
        "x-request-id": "RequestId",
        ...(isAnthropic(path) && { "request-id": "RequestId" }),
        ...(notes.turn === true && {
          "x-session-id": "SessionId",
          "openai-processing-ms": "ProcessingMs",
          "x-mlp-notice": "Notice",
          ...(notes.streams !== undefined && { "x-mlp-queued": "Queued" }),
          ...rateHeaders(path),
        }),
      }),
      content: {
        ...wholeContent(notes, schemas),
        ...streamContent(notes, errorShapeOf(path), schemas),
      },
    };
  }

  function bad(sets: readonly RefusalSet[], errors: ErrorShape): Readonly<Record<string, object>> {
    return Object.fromEntries(
      refusalsByStatus(sets).map((refusal) => {
        const name = [errors.name, refusal.status, ...refusal.sets].join(".");
        if (!named.has(name)) named.set(name, refusalResponse(refusal, errors, schemas));
        return [refusal.status, { $ref: `#/components/responses/${name}` }];
      }),
    );
  }

  function withAnswer(notes: OperationNotes, errors: ErrorShape): Readonly<Record<string, object>> {
    const forms = [notes.answer, errors.schema].filter((schema) => schema !== undefined);
    return Object.fromEntries(
      (notes.answerStatuses ?? []).map((status) => [
        status,
        {
          description: "The answer, where the status says that something is wrong; or a refusal.",
          headers: headerRefs({ "x-request-id": "RequestId" }),
          content: {
            "application/json": { schema: { anyOf: forms.map((form) => schemas.place(form)) } },
          },
        },
      ]),
    );
  }

  return { good, bad, withAnswer, all: () => Object.fromEntries(named) };
}

function wholeContent({ answer, text }: OperationNotes, schemas: Schemas): object {
  const schema = answer === undefined ? { type: "object" } : schemas.place(answer);
  return {
    ...(text !== undefined && {
      [text.type]: { schema: { type: "string" }, example: text.example },
    }),
    ...((answer !== undefined || text === undefined) && { "application/json": { schema } }),
  };
}

/** OpenAPI 3.1 cannot say what is in a stream; `x-item-schema` says it in the manner of 3.2's `itemSchema`. */
function streamContent(
  { streams, endsItself, item }: OperationNotes,
  errors: ErrorShape,
  schemas: Schemas,
): object {
  if (streams === undefined) return {};
  const one = streams === "text/event-stream" ? "The data of each event" : "Each line";
  const last = errors.name === "OpenAI" && endsItself !== true ? ", and the last is `[DONE]`" : "";
  return {
    [streams]: {
      schema: {
        type: "string",
        description: `${one} is one JSON value${last}. A failure in mid-stream is an error of the dialect, and ends it.`,
      },
      ...(item !== undefined && {
        "x-item-schema": { anyOf: [schemas.place(item), schemas.place(errors.schema)] },
      }),
    },
  };
}

function refusalResponse(
  { status, codes }: StatusRefusals,
  errors: ErrorShape,
  schemas: Schemas,
): object {
  const lines = codes.map((code) => `- \`${code}\`: ${meaningOf(code)}`);
  const examples = codes.map((code) => {
    const { body } = errors.encode(new AppError(code, meaningOf(code)));
    return [code, { value: body }] as const;
  });
  return {
    description: lines.join("\n"),
    headers: headerRefs({
      "x-request-id": "RequestId",
      ...(errors.name === "Anthropic" && { "request-id": "RequestId" }),
      "x-should-retry": "ShouldRetry",
      ...((status === 429 || status === 503) && {
        "retry-after": "RetryAfter",
        "retry-after-ms": "RetryAfterMs",
      }),
      // Of limits on requests and tokens; too many wrong keys have none.
      ...(status === 429 && rateHeaders(errors.name === "Ollama" ? "/api/" : "/v1/")),
      ...(status === 401 && { "www-authenticate": "Authenticate" }),
      ...(status === 405 && { allow: "Allow" }),
    }),
    content: {
      "application/json": {
        schema: schemas.place(errors.schema),
        examples: Object.fromEntries(examples),
      },
    },
  };
}
