// What some servers say about their models beside OpenAI's list, on routes of their own. Each decoder takes what is
// known and returns it with what the answer adds; an answer of another shape adds nothing. Pure.

import { type JsonObject, type JsonValue, isJsonObject } from "../../core/json.ts";
import type { Capability } from "../../core/model.ts";
import { type UpstreamModel, countOf } from "./models.ts";

const CAPABILITIES: readonly Capability[] = [
  "completion",
  "tools",
  "insert",
  "vision",
  "embedding",
  "thinking",
];

/** Ollama's `POST /api/show`: the same words as ours, and the length under the name of the architecture. */
export function withOllamaShow(model: UpstreamModel, show: JsonValue | undefined): UpstreamModel {
  if (!isJsonObject(show)) return model;
  const said = show["capabilities"];
  const capabilities = Array.isArray(said)
    ? CAPABILITIES.filter((capability) => said.includes(capability))
    : [];
  const info = isJsonObject(show["model_info"]) ? show["model_info"] : {};
  const key = Object.keys(info).find((name) => name.endsWith(".context_length"));
  return {
    ...withContext(model, key === undefined ? undefined : countOf(info[key])),
    ...(capabilities.length === 0 ? {} : { capabilities }),
  };
}

/** LM Studio's `GET /api/v0/models`: kind, tools, and the length that the model is loaded with. */
export function withLmStudioList(
  models: readonly UpstreamModel[],
  answer: JsonValue | undefined,
): readonly UpstreamModel[] {
  const data = isJsonObject(answer) ? answer["data"] : undefined;
  if (!Array.isArray(data)) return models;
  const entries = new Map(data.filter(isJsonObject).map((entry) => [entry["id"], entry]));
  return models.map((model) => {
    const entry = entries.get(model.id);
    return entry === undefined ? model : withLmStudioEntry(model, entry);
  });
}

function withLmStudioEntry(model: UpstreamModel, entry: JsonObject): UpstreamModel {
  const length = countOf(entry["loaded_context_length"]) ?? countOf(entry["max_context_length"]);
  return { ...withContext(model, length), capabilities: lmStudioCapabilities(model, entry) };
}

function lmStudioCapabilities(
  { capabilities }: UpstreamModel,
  { type }: JsonObject,
): readonly Capability[] {
  if (type === "embeddings") return ["embedding"];
  if (type !== "llm" && type !== "vlm") return capabilities;
  // It has no word for models that fill gaps, and gives tools to models that were not trained for them, too.
  return ["completion", "tools", "insert", ...(type === "vlm" ? (["vision"] as const) : [])];
}

/** llama.cpp's `GET /props`: the length of one slot, which is what a request may fill, and whether it sees. */
export function withLlamaProps(model: UpstreamModel, props: JsonValue | undefined): UpstreamModel {
  if (!isJsonObject(props)) return model;
  const settings = props["default_generation_settings"];
  const length = isJsonObject(settings) ? countOf(settings["n_ctx"]) : undefined;
  const modalities = props["modalities"];
  const isBlind = isJsonObject(modalities) && modalities["vision"] === false;
  const { capabilities } = model;
  return {
    ...withContext(model, length),
    capabilities: isBlind ? capabilities.filter((each) => each !== "vision") : capabilities,
  };
}

function withContext(model: UpstreamModel, contextLength: number | undefined): UpstreamModel {
  return contextLength === undefined ? model : { ...model, contextLength };
}
