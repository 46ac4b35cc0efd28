// The list of models on /v1, which OpenAI's and Anthropic's clients ask for by the same path: those of Anthropic say
// which version of its API they speak, and get its form.

import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import * as Anthropic from "../dialects/anthropic/models-schema.ts";
import * as anthropic from "../dialects/anthropic/models.ts";
import * as openai from "../dialects/openai/models.ts";
import { Model, ModelList } from "../dialects/openai/schema.ts";
import { namesVersion } from "./error-shape.ts";
import { named, operation } from "./operation.ts";
import type { DialectDeps } from "./routes-openai.ts";

const FORMS =
  "A request with the header `anthropic-version` gets Anthropic's form, of errors too, any other OpenAI's.";
const PAGES =
  "Anthropic's form has pages: `limit` (1 to 1000, and 1000 without it), `after_id` or `before_id`, and `lifecycle`.";

export function modelRoutes({ models, startedAt }: Pick<DialectDeps, "models" | "startedAt">) {
  function list(request: Request): object {
    const listed = models.list(request).map((each) => each.model);
    if (!namesVersion(request)) return openai.encodeModelList(listed, startedAt);
    return anthropic.encodeModelPage(listed, pageOf(request));
  }

  function model(request: Request, name: string): object {
    const found = models.find(request, name);
    if (found === undefined) {
      throw new AppError("model_not_found", "No agent offers this model.", { param: "model" });
    }
    if (!namesVersion(request)) return openai.encodeModel(found.model, startedAt);
    return anthropic.encodeModel(found.model);
  }

  return (
    new Elysia({ name: "models", normalize: false })
      .get("/v1/models", ({ request }) => list(request), {
        detail: operation({
          summary: "List the models",
          tag: "OpenAI",
          description: `${FORMS} ${PAGES}`,
          answer: Type.Union([ModelList, named("AnthropicModelList", Anthropic.ModelInfoList)]),
          refusals: ["query"],
        }),
      })
      // The framework leaves the rest of a path as it came; that it can be decoded the guard has seen to.
      .get(
        "/v1/models/*",
        ({ request, params }) => model(request, decodeURIComponent(params["*"])),
        {
          detail: operation({
            summary: "Describe a model",
            tag: "OpenAI",
            description: FORMS,
            answer: Type.Union([Model, named("AnthropicModel", Anthropic.ModelInfo)]),
            refusals: ["model"],
          }),
        },
      )
  );
}

/** Anthropic's SDKs write a list as `lifecycle[]=…`, once for each. */
function pageOf({ url }: Request): anthropic.ModelsQuery {
  const { searchParams: query } = new URL(url);
  return {
    limit: query.get("limit"),
    afterId: query.get("after_id"),
    beforeId: query.get("before_id"),
    lifecycle: [...query.getAll("lifecycle[]"), ...query.getAll("lifecycle")],
  };
}
