// The list of models as OpenAI's clients read it, with the fields of older servers that some still look for.

import type { Model } from "../../core/model.ts";
import type { ModelList, Model as ModelEntry } from "./answer-schema.ts";

/** `created` is in milliseconds since the epoch, the same for every model. */
export function encodeModelList(models: readonly Model[], created: number): ModelList {
  return { object: "list", data: models.map((model) => encodeModel(model, created)) };
}

/** `created` is in milliseconds since the epoch. */
export function encodeModel(model: Model, created: number): ModelEntry {
  return {
    id: model.id,
    object: "model",
    created: Math.floor(created / 1000),
    owned_by: "mcp-local-provider",
    permission: [],
    root: model.id,
    parent: null,
  };
}
