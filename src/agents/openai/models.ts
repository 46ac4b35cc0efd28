// The model list of an OpenAI-compatible server (`GET /models`), with what some servers add to it. Pure.

import { type JsonObject, type JsonValue, isJsonObject } from "../../core/json.ts";
import type { Capability, Model } from "../../core/model.ts";

/** What a model is taken to be able to do when its server does not say: the upstream itself refuses what it cannot. */
const ASSUMED_CAPABILITIES: readonly Capability[] = ["completion", "tools", "vision", "insert"];
/** vLLM refuses `suffix` for every model. */
const WITHOUT_SUFFIX: readonly Capability[] = ["completion", "tools", "vision"];

/** How a model is asked to fill a gap: `suffix` of a completion, llama.cpp's `/infill`, Mistral's `/fim/completions`. */
export type Fill = "suffix" | "infill" | "fim";

/** A model as one upstream has it. */
export interface UpstreamModel extends Model {
  /** Without it: `suffix`. */
  readonly fill?: Fill;
}

/** Servers that say more about their models on routes of their own. */
export type ServerKind = "ollama" | "lm-studio" | "llama.cpp" | "other";

/** Who the server's models are said to be owned by. */
const OWNERS: Readonly<Record<string, ServerKind>> = {
  library: "ollama",
  organization_owner: "lm-studio",
  llamacpp: "llama.cpp",
};

export function serverKindOf(answer: JsonValue | undefined): ServerKind {
  const data = isJsonObject(answer) ? answer["data"] : undefined;
  if (!Array.isArray(data)) return "other";
  for (const { owned_by: owner } of data.filter(isJsonObject)) {
    const kind = typeof owner === "string" ? OWNERS[owner] : undefined;
    if (kind !== undefined) return kind;
  }
  return "other";
}

/** `undefined` when this is no model list. Entries without an id are left out. */
export function decodeModels(answer: JsonValue | undefined): readonly UpstreamModel[] | undefined {
  const data = isJsonObject(answer) ? (answer["data"] ?? answer["models"]) : answer;
  if (!Array.isArray(data)) return undefined;
  const models = new Map<string, UpstreamModel>();
  for (const entry of data.filter(isJsonObject)) {
    const id = entry["id"] ?? entry["name"];
    if (typeof id === "string" && id !== "" && !models.has(id)) models.set(id, modelOf(id, entry));
  }
  return [...models.values()];
}

/** A model of which only the name is known. */
export function namedModel(id: string): UpstreamModel {
  return modelOf(id, {});
}

function modelOf(id: string, entry: JsonObject): UpstreamModel {
  const contextLength = contextLengthOf(entry);
  const fill = fillOf(entry);
  return {
    id,
    ...(contextLength === undefined ? {} : { contextLength }),
    capabilities: capabilitiesOf(id, entry),
    ...(fill === undefined ? {} : { fill }),
  };
}

/** Mistral has a word of its own for models that fill gaps, and a route for them; llama.cpp refuses `suffix`. */
function fillOf(entry: JsonObject): Fill | undefined {
  const { owned_by: owner, capabilities } = entry;
  if (isJsonObject(capabilities) && capabilities["completion_fim"] === true) return "fim";
  return owner === "llamacpp" ? "infill" : undefined;
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
  return candidates.map(countOf).find((value) => value !== undefined);
}

/** A whole number above zero. */
export function countOf(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function capabilitiesOf(id: string, entry: JsonObject): readonly Capability[] {
  if (/embed/i.test(id)) return ["embedding"];
  const parameters = entry["supported_parameters"];
  if (Array.isArray(parameters)) return openRouterCapabilities(entry, parameters);
  if (isJsonObject(entry["capabilities"])) return mistralCapabilities(entry["capabilities"]);
  return entry["owned_by"] === "vllm" ? WITHOUT_SUFFIX : ASSUMED_CAPABILITIES;
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
