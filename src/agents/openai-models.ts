// The model list of an OpenAI-compatible server (`GET /models`), with what some servers add to it. Pure.

import { type JsonObject, type JsonValue, isJsonObject } from "../core/json.ts";
import type { Capability, Model } from "../core/model.ts";

/** What a model is taken to be able to do when its server does not say: the upstream itself refuses what it cannot. */
const ASSUMED_CAPABILITIES: readonly Capability[] = ["completion", "tools", "vision", "insert"];

/** `undefined` when this is no model list. Entries without an id are left out. */
export function decodeModels(answer: JsonValue | undefined): readonly Model[] | undefined {
  const data = isJsonObject(answer) ? (answer["data"] ?? answer["models"]) : answer;
  if (!Array.isArray(data)) return undefined;
  const models = new Map<string, Model>();
  for (const entry of data.filter(isJsonObject)) {
    const id = entry["id"] ?? entry["name"];
    if (typeof id === "string" && id !== "" && !models.has(id)) models.set(id, modelOf(id, entry));
  }
  return [...models.values()];
}

/** A model of which only the name is known. */
export function namedModel(id: string): Model {
  return modelOf(id, {});
}

function modelOf(id: string, entry: JsonObject): Model {
  const contextLength = contextLengthOf(entry);
  return {
    id,
    ...(contextLength === undefined ? {} : { contextLength }),
    capabilities: capabilitiesOf(id, entry),
  };
}

/** OpenRouter and LM Studio, Groq, vLLM, Mistral; llama.cpp keeps it in `meta`. */
function contextLengthOf(entry: JsonObject): number | undefined {
  const meta = isJsonObject(entry["meta"]) ? entry["meta"] : {};
  const candidates = [
    entry["context_length"],
    entry["context_window"],
    entry["max_model_len"],
    entry["max_context_length"],
    meta["n_ctx"],
    meta["n_ctx_train"],
  ];
  return candidates.find(
    (value): value is number => typeof value === "number" && Number.isInteger(value) && value > 0,
  );
}

function capabilitiesOf(id: string, entry: JsonObject): readonly Capability[] {
  if (/embed/i.test(id)) return ["embedding"];
  const parameters = entry["supported_parameters"];
  if (Array.isArray(parameters)) return openRouterCapabilities(entry, parameters);
  if (isJsonObject(entry["capabilities"])) return mistralCapabilities(entry["capabilities"]);
  return ASSUMED_CAPABILITIES;
}

function openRouterCapabilities(
  entry: JsonObject,
  parameters: readonly JsonValue[],
): readonly Capability[] {
  const architecture = isJsonObject(entry["architecture"]) ? entry["architecture"] : {};
  const inputs = architecture["input_modalities"];
  const capabilities: Capability[] = ["completion"];
  if (parameters.includes("tools")) capabilities.push("tools");
  if (Array.isArray(inputs) && inputs.includes("image")) capabilities.push("vision");
  if (parameters.includes("reasoning")) capabilities.push("thinking");
  return capabilities;
}

function mistralCapabilities(flags: JsonObject): readonly Capability[] {
  const capabilities: Capability[] = [];
  if (flags["completion_chat"] !== false) capabilities.push("completion");
  if (flags["function_calling"] === true) capabilities.push("tools");
  if (flags["vision"] === true) capabilities.push("vision");
  if (flags["completion_fim"] === true) capabilities.push("insert");
  return capabilities;
}
