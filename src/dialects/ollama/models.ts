// What we have to offer, as Ollama lists it (Ollama API, "List", "Show", "Running models"). Field for field what editors
// read there; where Ollama speaks of files and weights we have none, and say nothing or zero.

import type { AppError } from "../../core/error.ts";
import type { Model } from "../../core/model.ts";
import { ndjsonLine } from "../../wire/ndjson.ts";
import type {
  Details,
  PsAnswer,
  PullAnswer,
  ShowAnswer,
  StatusAnswer,
  TagsAnswer,
  VersionAnswer,
} from "./answer-schema.ts";
import { encodeError } from "./errors.ts";

/**
 * The Ollama release whose protocol we speak. Editors compare numbers, and only with the least that they need: Copilot
 * Chat turns the whole provider off below 0.6.4, Codex asks for 0.13.4 and its Responses, Claude Code for 0.14 and
 * its Messages.
 */
const OLLAMA_VERSION = "0.32.0";

/** A model, and the kind of agent behind it (`cursor`, `openai`…), which stands where Ollama has the architecture. */
export interface ListedModel {
  readonly model: Model;
  readonly connector: string;
}

/** A model whose agent is connected. `expiresAt` in milliseconds since the epoch; null: its grant does not expire. */
export interface RunningModel extends ListedModel {
  readonly expiresAt: number | null;
}

/** What a listing may not make up itself. */
export interface ListingOptions {
  /** In milliseconds since the epoch; the start of the provider will do. */
  readonly modifiedAt: number;
  /** SHA-256 of a text in hexadecimal: 64 characters, of which clients cut off and show the first 12. */
  readonly sha256: (text: string) => string;
}

/** For a grant without an end. Far, yet a date that clients counting nanoseconds in 64 bits can hold. */
const NEVER = "2200-01-01T00:00:00.000Z";

/**
 * GET /api/tags. The name is the model's id as its agent names it, without a tag: editors send back the name they read
 * (with or without `:latest`, which our catalogue takes too), and some judge a model by the letters of its name.
 */
export function encodeTags(models: readonly ListedModel[], options: ListingOptions): TagsAnswer {
  return {
    models: models.map((listed) => ({
      ...identity(listed.model),
      modified_at: timestamp(options.modifiedAt),
      size: 0,
      digest: options.sha256(listed.model.id),
      details: details(listed),
      capabilities: [...listed.model.capabilities],
    })),
  };
}

/** POST /api/show. `general.basename` is the id, since Copilot Chat shows it as the name and needs it unique. */
export function encodeShow(
  listed: ListedModel,
  options: Pick<ListingOptions, "modifiedAt">,
): ShowAnswer {
  const { model, connector } = listed;
  return {
    license: "",
    modelfile: `# Answered by a live agent (${connector}): there is no model file to build from.\nFROM ${model.id}\n`,
    parameters:
      model.contextLength === undefined ? "" : `${"num_ctx".padEnd(30)} ${model.contextLength}`,
    template: template(model),
    details: details(listed),
    model_info: {
      "general.architecture": connector,
      "general.basename": model.id,
      ...(model.contextLength !== undefined && {
        [`${connector}.context_length`]: model.contextLength,
      }),
    },
    capabilities: [...model.capabilities],
    modified_at: timestamp(options.modifiedAt),
  };
}

/** GET /api/ps. */
export function encodePs(
  models: readonly RunningModel[],
  options: Pick<ListingOptions, "sha256">,
): PsAnswer {
  return {
    models: models.map((running) => ({
      ...identity(running.model),
      size: 0,
      digest: options.sha256(running.model.id),
      details: details(running),
      expires_at: running.expiresAt === null ? NEVER : timestamp(running.expiresAt),
      size_vram: 0,
      context_length: running.model.contextLength ?? 0,
    })),
  };
}

/** GET /api/version. */
export function encodeVersion(): VersionAnswer {
  return { version: OLLAMA_VERSION };
}

/** GET /api/status: there is no cloud behind these models' names. */
export function encodeStatus(): StatusAnswer {
  return { cloud: { disabled: true, source: "config" } };
}

/** POST /api/pull of a listed model, with `stream: false`: it is here already. */
export function encodePull(): PullAnswer {
  return { status: "success" };
}

/** The same as lines. `failure`: of a model that is not listed; as in Ollama, it comes after the first line. */
export function encodePullLines(failure?: AppError): string {
  const last = failure === undefined ? encodePull() : encodeError(failure).body;
  const first: PullAnswer = { status: "pulling manifest" };
  return [first, last].map((line) => ndjsonLine(JSON.stringify(line))).join("");
}

function identity(model: Model): { name: string; model: string } {
  return { name: model.id, model: model.id };
}

function details(listed: ListedModel): Details {
  const { model, connector } = listed;
  return {
    parent_model: "",
    format: "agent",
    family: connector,
    families: [connector],
    parameter_size: "",
    quantization_level: "",
    ...(model.contextLength !== undefined && { context_length: model.contextLength }),
  };
}

/** Nothing is rendered with it: editors look for `.Suffix` (Continue) and `tools` (LiteLLM) in it to learn what works. */
function template(model: Model): string {
  const can = (capability: Model["capabilities"][number]) =>
    model.capabilities.includes(capability);
  const tools = can("tools") ? "{{ if .Tools }}{{ /* tools go to the agent */ }}{{ end }}" : "";
  return `${tools}{{ .Prompt }}${can("insert") ? "{{ .Suffix }}" : ""}`;
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
