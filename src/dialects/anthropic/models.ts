// The list of models as Anthropic's clients read it (Anthropic API, "Models"), a page at a time.

import { AppError } from "../../core/error.ts";
import type { Model } from "../../core/model.ts";
import type { ModelCapabilities, ModelInfo, ModelInfoList, Support } from "./models-schema.ts";

/** As the client wrote them; empty is the same as absent. */
export interface ModelsQuery {
  readonly limit: string | null;
  readonly afterId: string | null;
  readonly beforeId: string | null;
  /** Stages of life that are wanted; none: all. */
  readonly lifecycle: readonly string[];
}

const HIGHEST_LIMIT = 1_000;
const STAGES: ReadonlySet<string> = new Set(["active", "deprecated", "retired"]);

/**
 * Those just after or just before the cursor, in the order of the list either way. Without a limit as many as a page can
 * hold, where Anthropic gives 20: not every client asks for a second page. @throws AppError invalid_request
 */
export function encodeModelPage(models: readonly Model[], query: ModelsQuery): ModelInfoList {
  const limit = limitOf(query.limit);
  const wanted = isWanted(query.lifecycle) ? models : [];
  if (query.afterId && query.beforeId) {
    throw invalid("before_id", "before_id and after_id cannot be combined: send one of them.");
  }
  const end = query.beforeId ? placeOf(query.beforeId, "before_id", models) : undefined;
  const after = query.afterId ? placeOf(query.afterId, "after_id", models) + 1 : 0;
  const from = end === undefined ? after : Math.max(0, end - limit);
  const page = wanted.slice(from, end ?? from + limit);
  return {
    data: page.map(encodeModel),
    has_more: end === undefined ? from + limit < wanted.length : from > 0 && wanted.length > 0,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

export function encodeModel(model: Model): ModelInfo {
  return {
    type: "model",
    id: model.id,
    display_name: model.label ?? model.id,
    created_at: "1970-01-01T00:00:00Z",
    max_input_tokens: model.contextLength ?? null,
    max_tokens: null,
    capabilities: capabilitiesOf(model),
    lifecycle: "active",
    deprecated_at: null,
    retires_at: null,
    line: null,
  };
}

/** The answer's form is held to whichever agent answers; types of thinking are taken whether or not it thinks. */
function capabilitiesOf({ capabilities }: Model): ModelCapabilities {
  const yes: Support = { supported: true };
  const no: Support = { supported: false };
  const can = (capability: Model["capabilities"][number]): Support => ({
    supported: capabilities.includes(capability),
  });
  return {
    batch: no,
    citations: no,
    code_execution: no,
    context_management: {
      ...no,
      clear_thinking_20251015: no,
      clear_tool_uses_20250919: no,
      compact_20260112: no,
    },
    effort: { ...no, low: no, medium: no, high: no, xhigh: no, max: no },
    image_input: can("vision"),
    pdf_input: no,
    server_tools: { ...no, code_execution: no, web_search: no },
    structured_outputs: can("completion"),
    thinking: {
      ...can("thinking"),
      types: { adaptive: yes, between_tools: yes, disabled: yes, enabled: yes },
    },
  };
}

function limitOf(given: string | null): number {
  if (!given) return HIGHEST_LIMIT;
  const limit = /^[0-9]{1,9}$/.test(given) ? Number(given) : 0;
  if (limit >= 1 && limit <= HIGHEST_LIMIT) return limit;
  throw invalid("limit", `limit is a whole number from 1 to ${HIGHEST_LIMIT}.`);
}

function isWanted(lifecycle: readonly string[]): boolean {
  if (lifecycle.some((stage) => !STAGES.has(stage))) {
    throw invalid("lifecycle", "lifecycle is active, deprecated or retired.");
  }
  return lifecycle.length === 0 || lifecycle.includes("active");
}

function placeOf(id: string, param: string, models: readonly Model[]): number {
  const place = models.findIndex((model) => model.id === id);
  if (place >= 0) return place;
  throw invalid(param, `${param} is not the id of a listed model: begin again without it.`);
}

function invalid(param: string, message: string): AppError {
  return new AppError("invalid_request", message, { param });
}
