// A validated body of `/v1/responses` → a core request, and what the answer needs of it. Pure: what was kept of
// earlier answers is passed in.

import { AppError } from "../../core/error.ts";
import type { ChatRequest, Message, Parameters, ResponseFormat } from "../../core/turn.ts";
import type { ResponseEcho, ResponseObject } from "./responses-answer-schema.ts";
import { ApiError } from "./errors.ts";
import { decodeItems, isReference } from "./responses-items.ts";
import type { PlacedItem } from "./responses-items.ts";
import type { InputItem, ResponseRequest } from "./responses-schema.ts";
import { decodeResponseTools } from "./responses-tools.ts";
import type { ToolForms } from "./responses-tools.ts";
import { said } from "../kit/said.ts";

/** An answer that can be gone on from. */
export interface KeptResponse {
  readonly response: ResponseObject;
  /** All that was before its output, earlier answers and what they had before them included. */
  readonly input: readonly InputItem[];
}

/** What was kept for the one who asks. */
export interface KeptResponses {
  response(id: string): KeptResponse | undefined;
  /** An item of an answer's output. */
  item(id: string): InputItem | undefined;
}

export interface DecodedResponse {
  readonly request: ChatRequest;
  /** All items before the answer, references put in their place. */
  readonly input: readonly InputItem[];
  readonly forms: ToolForms;
  /** What the answer repeats of the request. */
  readonly echo: ResponseEcho;
  readonly store: boolean;
}

/** @throws AppError invalid_request or unsupported, with the field at fault as `param` */
export function decodeResponse(body: ResponseRequest, kept: KeptResponses): DecodedResponse {
  refuseWhatIsNotHere(body);
  const items = placedItems(body, kept);
  const messages = decodeItems(items);
  if (messages.length === 0) {
    throw new AppError("invalid_request", "Send some input.", { param: "input" });
  }
  const { request: tools, forms, taken } = decodeResponseTools(body);
  const request: ChatRequest = {
    kind: "chat",
    model: body.model,
    stream: body.stream === true,
    messages: [...instructionsOf(body), ...messages],
    parameters: decodeParameters(body),
    ...tools,
    ...said({ responseFormat: decodeFormat(body) }),
  };
  const store = body.store !== false;
  const echo = echoOf(body, [...taken], store);
  return { request, input: items.map(({ item }) => item), forms, echo, store };
}

function refuseWhatIsNotHere(body: ResponseRequest): void {
  const refuse = (param: string, message: string) => {
    throw new AppError("unsupported", message, { param });
  };
  if (body.background === true) {
    refuse("background", "Answers in the background are not supported: leave background out.");
  }
  if (body.conversation) {
    refuse("conversation", "Conversations are not kept here: use previous_response_id instead.");
  }
  if (body.prompt) refuse("prompt", "Prompts are not kept here: send instructions and input.");
}

/** Instructions are of one request: those of an earlier one are not carried over (OpenAI API reference). */
function instructionsOf({ instructions }: ResponseRequest): Message[] {
  return instructions ? [{ role: "system", content: [{ type: "text", text: instructions }] }] : [];
}

/** The kept conversation, and then the request's own items. A reference to what is there already adds nothing. */
function placedItems(body: ResponseRequest, kept: KeptResponses): PlacedItem[] {
  const placed = historyOf(body, kept).map((item) => ({ item, place: "previous_response_id" }));
  const present = new Set(placed.map(({ item }) => item.id));
  for (const [index, given] of itemsOf(body.input).entries()) {
    const place = `input[${index}]`;
    if (!isReference(given)) {
      placed.push({ item: given, place });
      continue;
    }
    if (present.has(given.id)) continue;
    const item = kept.item(given.id ?? "");
    if (item === undefined) throw unknownItem(`${place}.id`);
    placed.push({ item, place });
  }
  return placed;
}

function itemsOf(input: ResponseRequest["input"]): readonly InputItem[] {
  if (!input) return [];
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : input;
}

function historyOf({ previous_response_id: id }: ResponseRequest, kept: KeptResponses) {
  if (!id) return [];
  const previous = kept.response(id);
  if (previous !== undefined) return [...previous.input, ...previous.response.output];
  throw new ApiError(
    "previous_response_not_found",
    "invalid_request",
    "The previous response was not found: it was not stored, or is no longer kept. Send the whole conversation as input.",
    { param: "previous_response_id" },
  );
}

function unknownItem(param: string): AppError {
  return new AppError(
    "invalid_request",
    "The item that is referred to was not found: its response was not stored, or is no longer kept. Send the item itself.",
    { param },
  );
}

function decodeParameters(body: ResponseRequest): Parameters {
  const limit = body.max_output_tokens ?? -1;
  if (limit === 0) {
    throw new AppError("invalid_request", "Ask for at least one token, or leave it out.", {
      param: "max_output_tokens",
    });
  }
  return said({
    maxTokens: limit === -1 ? undefined : limit,
    temperature: body.temperature,
    topP: body.top_p,
    reasoningEffort: body.reasoning?.effort,
    parallelToolCalls: body.parallel_tool_calls,
  });
}

function decodeFormat(body: ResponseRequest): ResponseFormat | undefined {
  const format = body.text?.format;
  switch (format?.type ?? "text") {
    case "text":
      return undefined;
    case "json_object":
      return { type: "json" };
    case "json_schema": {
      const { schema, name, description, strict } = format ?? {};
      if (schema) {
        const rest = said({ description, strict });
        return { type: "json-schema", name: name || "response", schema, ...rest };
      }
      throw new AppError("invalid_request", "The text format needs a JSON Schema.", {
        param: "text.format.schema",
      });
    }
    default:
      throw new AppError("unsupported", "The text format is text, json_object or json_schema.", {
        param: "text.format.type",
      });
  }
}

function echoOf(body: ResponseRequest, tools: ResponseEcho["tools"], store: boolean): ResponseEcho {
  const { reasoning, text } = body;
  return {
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id || null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    store,
    temperature: body.temperature ?? null,
    text: { ...text, format: text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice || "auto",
    tools,
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? "disabled",
    metadata: body.metadata ?? {},
  };
}
