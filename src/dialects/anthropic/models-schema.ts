// What Anthropic's clients read about models (Anthropic API, "Models"; the types of its SDK), for the OpenAPI document
// and for the tests, which hold our answers to it.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";
import { closed } from "../kit/schema-kit.ts";

const Support = closed({ supported: Type.Boolean() });
export type Support = Static<typeof Support>;

const ModelCapabilities = closed(
  {
    batch: Support,
    citations: Support,
    code_execution: Support,
    context_management: closed({
      supported: Type.Boolean(),
      clear_thinking_20251015: Support,
      clear_tool_uses_20250919: Support,
      compact_20260112: Support,
    }),
    effort: closed({
      supported: Type.Boolean(),
      low: Support,
      medium: Support,
      high: Support,
      xhigh: Support,
      max: Support,
    }),
    image_input: Support,
    pdf_input: Support,
    server_tools: closed({
      supported: Type.Boolean(),
      code_execution: Support,
      web_search: Support,
    }),
    structured_outputs: Support,
    thinking: closed({
      supported: Type.Boolean(),
      types: closed({
        adaptive: Support,
        between_tools: Support,
        disabled: Support,
        enabled: Support,
      }),
    }),
  },
  {
    description:
      "What is sure of the model. `effort` is passed on to every agent, and not every agent heeds it.",
  },
);
export type ModelCapabilities = Static<typeof ModelCapabilities>;

const TokensOrNull = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const IdOrNull = Type.Union([Type.String(), Type.Null()]);

export const ModelInfo = closed(
  {
    type: Type.Literal("model"),
    id: Type.String({ examples: ["cursor-agent"] }),
    display_name: Type.String({ examples: ["Cursor"] }),
    created_at: Type.String({
      description: "RFC 3339, UTC: the epoch, since nobody says when a model was released.",
    }),
    max_input_tokens: TokensOrNull,
    max_tokens: Type.Null(),
    capabilities: ModelCapabilities,
    lifecycle: Type.Literal("active", { description: "What is listed can be used." }),
    deprecated_at: Type.Null(),
    retires_at: Type.Null(),
    line: Type.Null(),
  },
  { title: "ModelInfo" },
);
export type ModelInfo = Static<typeof ModelInfo>;

export const ModelInfoList = closed(
  {
    data: Type.Array(ModelInfo),
    has_more: Type.Boolean({ description: "Whether there are more in the direction asked for." }),
    first_id: IdOrNull,
    last_id: IdOrNull,
  },
  { title: "ModelInfoList" },
);
export type ModelInfoList = Static<typeof ModelInfoList>;
