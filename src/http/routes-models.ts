// The list of models on /v1, which OpenAI's and Anthropic's clients ask for by the same path: those of Anthropic say
// which version of its API they speak, and get its form.

import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import * as Anthropic from "../dialects/anthropic/answer-schema.ts";
import * as anthropic from "../dialects/anthropic/models.ts";
import * as openai from "../dialects/openai/models.ts";
import { Model, ModelList } from "../dialects/openai/schema.ts";
import { namesVersion } from "./error-shape.ts";
import { named, operation } from "./operation.ts";
import type { DialectDeps } from "./routes-openai.ts";

const FORMS =
  "A request with the header `anthropic-version` gets Anthropic's form, of errors too, any other OpenAI's.";

export function modelRoutes({
  catalog,
  sessions,
  startedAt,
}: Pick<DialectDeps, "catalog" | "sessions" | "startedAt">) {
  function list(request: Request): object {
    const models = catalog.list(sessions.list()).map((each) => each.model);
    return formFor(request).encodeModelList(models, startedAt);
  }

  function model(request: Request, name: string): object {
    const found = catalog.find(name, sessions.list());
    if (found === undefined) {
      throw new AppError("model_not_found", "No agent offers this model.", { param: "model" });
    }
    return formFor(request).encodeModel(found.model, startedAt);
  }

  return (
    new Elysia({ name: "models", normalize: false })
      .get("/v1/models", ({ request }) => list(request), {
        detail: operation({
          summary: "List the models",
          tag: "OpenAI",
          description: FORMS,
          answer: Type.Union([ModelList, named("AnthropicModelList", Anthropic.ModelInfoList)]),
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

function formFor(request: Request): typeof anthropic | typeof openai {
  return namesVersion(request) ? anthropic : openai;
}
