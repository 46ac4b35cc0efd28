// The list of models as Anthropic's clients read it (Anthropic API, "Models").

import type { Model } from "../../core/model.ts";
import type { ModelInfo, ModelInfoList } from "./answer-schema.ts";

/** All of them on one page. `created` is in milliseconds since the epoch, the same for every model. */
export function encodeModelList(models: readonly Model[], created: number): ModelInfoList {
  return {
    data: models.map((model) => encodeModel(model, created)),
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  };
}

/** `created` is in milliseconds since the epoch. */
export function encodeModel(model: Model, created: number): ModelInfo {
  return {
    type: "model",
    id: model.id,
    display_name: model.label ?? model.id,
    created_at: new Date(created).toISOString(),
    max_input_tokens: model.contextLength ?? null,
    max_tokens: null,
  };
}
