// OpenAI's `/v1/responses`: an answer that is kept for a while, so that its client can go on from it by its id. What
// a field means is in dialects/openai; here it meets HTTP and what was kept.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import type { AnswerMeta } from "../core/stream.ts";
import * as Answer from "../dialects/openai/responses-answer-schema.ts";
import type { ResponseObject } from "../dialects/openai/responses-answer-schema.ts";
import { decodeResponse } from "../dialects/openai/responses-decode.ts";
import type { KeptResponse, KeptResponses } from "../dialects/openai/responses-decode.ts";
import { encodeResponse } from "../dialects/openai/responses-encode.ts";
import { encodeDeleted, encodeInputItems } from "../dialects/openai/responses-kept.ts";
import { ResponseRequest } from "../dialects/openai/responses-schema.ts";
import { createResponseStream } from "../dialects/openai/responses-stream.ts";
import type { KeptAnswers } from "../engine/kept-answers.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import { OPENAI_RESPONSES } from "./examples-responses.ts";
import type { Inference } from "./inference.ts";
import { operation } from "./operation.ts";
import type { Visits } from "./visit.ts";

export interface ResponsesDeps {
  readonly inference: Inference;
  readonly visits: Visits;
  readonly limits: BodyLimits;
  /** Shared by all apps that carry the routes. */
  readonly kept: KeptAnswers<KeptResponse>;
}

export function responsesRoutes(deps: ResponsesDeps) {
  const body = createBodyReader(ResponseRequest, deps.limits);

  /** Whose answers they are: the key's, or, where none is needed, the address's. */
  function ownerOf(request: Request): string {
    const visit = deps.visits.of(request);
    if (visit === undefined) throw new AppError("invalid_api_key", "A key is required.");
    return visit.key?.id ?? visit.peer;
  }

  function keptFor(owner: string): KeptResponses {
    return {
      response: (id) => deps.kept.find(owner, id),
      item: (id) => deps.kept.findByPart(owner, id)?.response.output.find((item) => item.id === id),
    };
  }

  async function create(request: Request): Promise<Response> {
    const { value, bytes } = await body.read(request);
    const owner = ownerOf(request);
    const { request: turn, input, store, ...options } = decodeResponse(value, keptFor(owner));
    const keep = (response: ResponseObject): void => {
      if (!store) return;
      const { id, output } = response;
      deps.kept.keep(owner, { id, value: { response, input }, parts: output });
    };
    return deps.inference.answer(
      request,
      { request: turn, bytes },
      {
        dialect: "openai",
        streamType: "text/event-stream",
        stream: (meta: AnswerMeta) => createResponseStream(meta, { ...options, onFinish: keep }),
        whole: (result, meta) => {
          const response = encodeResponse(result, meta, options);
          keep(response);
          return response;
        },
      },
    );
  }

  function find(request: Request, id: string): KeptResponse {
    const found = deps.kept.find(ownerOf(request), id);
    if (found === undefined) throw notFound();
    return found;
  }

  function retrieve(request: Request, id: string): ResponseObject {
    if (new URL(request.url).searchParams.get("stream") === "true") {
      throw new AppError("unsupported", "A kept response cannot be streamed again.", {
        param: "stream",
      });
    }
    return find(request, id).response;
  }

  function listInput(request: Request, id: string): object {
    const { searchParams: query } = new URL(request.url);
    const [order, limit, after] = [query.get("order"), query.get("limit"), query.get("after")];
    return encodeInputItems(find(request, id), { order, limit, after });
  }

  function remove(request: Request, id: string): object {
    if (!deps.kept.forget(ownerOf(request), id)) throw notFound();
    return encodeDeleted(id);
  }

  return new Elysia({ name: "openai-responses", normalize: false })
    .post("/v1/responses", ({ request }) => create(request), {
      parse: "none",
      detail: operation({
        summary: "Answer a conversation, as a response that can be gone on from",
        tag: "OpenAI",
        description: KEPT,
        body: ResponseRequest,
        examples: OPENAI_RESPONSES,
        answer: Answer.ResponseObject,
        streams: "text/event-stream",
        endsItself: true,
        item: Answer.ResponseStreamEvent,
        turn: true,
      }),
    })
    .get("/v1/responses/:id", ({ request, params }) => retrieve(request, params.id), {
      detail: operation({
        summary: "A response that is kept",
        tag: "OpenAI",
        answer: Answer.ResponseObject,
        refusals: ["kept"],
      }),
    })
    .delete("/v1/responses/:id", ({ request, params }) => remove(request, params.id), {
      detail: operation({
        summary: "Forget a response",
        tag: "OpenAI",
        answer: Answer.DeletedResponse,
        refusals: ["kept"],
      }),
    })
    .get("/v1/responses/:id/input_items", ({ request, params }) => listInput(request, params.id), {
      detail: operation({
        summary: "What a response that is kept was an answer to",
        tag: "OpenAI",
        answer: Answer.ResponseInputItems,
        refusals: ["kept"],
      }),
    });
}

const KEPT =
  "Unless `store` is false the response is kept for an hour, in memory and for its own key only: " +
  "`previous_response_id` goes on from it. The oldest are forgotten earlier when there are very many or very large ones.";

function notFound(): AppError {
  return new AppError(
    "not_found",
    "There is no such response: it was not stored, or is no longer kept.",
  );
}
