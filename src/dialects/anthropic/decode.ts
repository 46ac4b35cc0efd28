// Validated bodies of the Anthropic routes → core requests. Pure. Only what the client said is passed on.

import { AppError } from "../../core/error.ts";
import type { ChatRequest, Parameters, ResponseFormat } from "../../core/turn.ts";
import { decodeMessages } from "./decode-messages.ts";
import { decodeTools } from "./decode-tools.ts";
import { said } from "../kit/said.ts";
import type { CountTokensRequest, MessagesRequest } from "./schema.ts";

/**
 * What becomes of an agent's thoughts: `shown` in thinking blocks, `omitted` (the blocks are there, and empty), or
 * `hidden`, as clients that did not ask for thinking expect their first block to be the answer.
 */
export type ThinkingDisplay = "shown" | "omitted" | "hidden";

export interface DecodedMessages {
  readonly request: ChatRequest;
  readonly thinking: ThinkingDisplay;
}

/** Throws `AppError` `invalid_request` or `unsupported`, with the field at fault as `param`. */
export function decodeMessagesRequest(body: MessagesRequest): DecodedMessages {
  return {
    request: {
      ...decodePrompt(body),
      stream: body.stream === true,
      parameters: decodeParameters(body),
    },
    thinking: decodeThinking(body.thinking),
  };
}

/** The request whose tokens are to be counted. Throws as `decodeMessagesRequest` does. */
export function decodeCountTokens(body: CountTokensRequest): ChatRequest {
  return decodePrompt(body);
}

function decodePrompt(body: CountTokensRequest): ChatRequest {
  return {
    kind: "chat",
    model: body.model,
    stream: false,
    messages: decodeMessages(body),
    parameters: {},
    ...decodeTools(body),
    ...said({ responseFormat: decodeFormat(body) }),
  };
}

function decodeParameters(body: MessagesRequest): Parameters {
  const { tool_choice: choice, output_config: output } = body;
  const stop = body.stop_sequences?.filter((text) => text !== "") ?? [];
  return said({
    maxTokens: body.max_tokens,
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    stop: stop.length > 0 ? stop : undefined,
    reasoningEffort: output?.effort,
    parallelToolCalls: choice?.disable_parallel_tool_use === true ? false : undefined,
  });
}

/** `disabled` says what nothing said says. Every other type, those of years to come included, asks for thinking. */
function decodeThinking(thinking: MessagesRequest["thinking"]): ThinkingDisplay {
  if (!thinking?.type || thinking.type === "disabled") return "hidden";
  return thinking.display === "omitted" ? "omitted" : "shown";
}

function decodeFormat(body: CountTokensRequest): ResponseFormat | undefined {
  const newer = body.output_config?.format;
  const param = newer ? "output_config.format" : "output_format";
  const format = newer ?? body.output_format;
  if (!format) return undefined;
  if (format.type !== "json_schema" || !format.schema) {
    throw new AppError("unsupported", "The output format is json_schema, with a schema.", {
      param,
    });
  }
  return { type: "json-schema", name: "response", schema: format.schema };
}
