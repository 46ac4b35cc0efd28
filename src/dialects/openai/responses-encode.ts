// Answers of `/v1/responses` as objects: the items of an output, and the response around them. Streams are in
// responses-stream, and are made of the same.

import type { FinishEvent, FinishReason, TurnResult, Usage } from "../../core/event.ts";
import type { AnswerMeta } from "../../core/stream.ts";
import type {
  ItemStatus,
  OutputItem,
  ResponseEcho,
  ResponseObject,
  ResponseUsage,
} from "./responses-answer-schema.ts";
import { customInput } from "./responses-tools.ts";
import type { ToolForms } from "./responses-tools.ts";

/** What an answer needs of its request. */
export interface ResponseOptions {
  readonly echo: ResponseEcho;
  readonly forms: ToolForms;
}

/** A piece of an answer: what an agent says in one kind before it goes over to another, or one call. */
export type AnswerPiece =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | { readonly kind: "call"; readonly id: string; readonly name: string; readonly text: string };

export interface ItemPlace {
  readonly meta: AnswerMeta;
  readonly index: number;
  readonly forms: ToolForms;
}

export function encodeResponse(
  result: TurnResult,
  meta: AnswerMeta,
  options: ResponseOptions,
): ResponseObject {
  const pieces = piecesOf(result);
  const output = pieces.map((piece, index) => {
    const isLast = index === pieces.length - 1;
    const status = isLast ? lastItemStatus(result.finish.reason) : "completed";
    return encodeItem(piece, status, { meta, index, forms: options.forms });
  });
  return finished(openResponse(meta, options.echo), output, result.finish);
}

/** The response before there is anything in it. `created` in `meta` is in milliseconds. */
export function openResponse(meta: AnswerMeta, echo: ResponseEcho): ResponseObject {
  return {
    id: `resp_${idTail(meta)}`,
    object: "response",
    created_at: Math.floor(meta.created / 1000),
    status: "in_progress",
    error: null,
    incomplete_details: null,
    model: meta.model,
    output: [],
    usage: null,
    ...echo,
  };
}

export function finished(
  response: ResponseObject,
  output: OutputItem[],
  finish: FinishEvent,
): ResponseObject {
  const reason = incompleteReason(finish.reason);
  return {
    ...response,
    status: reason === undefined ? "completed" : "incomplete",
    incomplete_details: reason === undefined ? null : { reason },
    output,
    usage: finish.usage === undefined ? null : encodeResponseUsage(finish.usage),
  };
}

/** Of the item that was being written when the answer ended. */
export function lastItemStatus(reason: FinishReason): ItemStatus {
  return incompleteReason(reason) === undefined ? "completed" : "incomplete";
}

/** Of one item of the answer's output. Its id is the answer's with the item's place: unique, and always the same. */
export function encodeItem(piece: AnswerPiece, status: ItemStatus, place: ItemPlace): OutputItem {
  const tail = `${idTail(place.meta)}_${place.index}`;
  switch (piece.kind) {
    case "text":
      return {
        id: `msg_${tail}`,
        type: "message",
        status,
        role: "assistant",
        content: status === "in_progress" ? [] : [outputText(piece.text)],
      };
    case "reasoning":
      return {
        id: `rs_${tail}`,
        type: "reasoning",
        status,
        summary: status === "in_progress" ? [] : [summaryText(piece.text)],
      };
    case "call": {
      const { custom, name, namespace } = place.forms.get(piece.name) ?? {
        custom: false,
        name: piece.name,
      };
      const called = { call_id: piece.id, name, ...(namespace !== undefined && { namespace }) };
      return custom
        ? {
            id: `ctc_${tail}`,
            type: "custom_tool_call",
            status,
            ...called,
            input: inputOf(piece, status),
          }
        : { id: `fc_${tail}`, type: "function_call", status, ...called, arguments: piece.text };
    }
  }
}

export function outputText(text: string) {
  return { type: "output_text" as const, text, annotations: [], logprobs: [] };
}

export function summaryText(text: string) {
  return { type: "summary_text" as const, text };
}

function inputOf(piece: { readonly text: string }, status: ItemStatus): string {
  return status === "in_progress" ? "" : customInput(piece.text);
}

/** In the order that agents mostly have: thoughts, words, calls. */
function piecesOf({ reasoning, text, toolCalls }: TurnResult): AnswerPiece[] {
  return [
    ...(reasoning === "" ? [] : [{ kind: "reasoning" as const, text: reasoning }]),
    ...(text === "" ? [] : [{ kind: "text" as const, text }]),
    ...toolCalls.map(({ id, name, arguments: text }) => ({
      kind: "call" as const,
      id,
      name,
      text: text || "{}",
    })),
  ];
}

function incompleteReason(
  reason: FinishReason,
): "max_output_tokens" | "content_filter" | undefined {
  if (reason === "length") return "max_output_tokens";
  return reason === "content_filter" ? "content_filter" : undefined;
}

/** The details are wanted by clients that know nothing of their absence; an agent that did not say has none. */
function encodeResponseUsage(usage: Usage): ResponseUsage {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens, estimated } = usage;
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens ?? 0, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: promptTokens + completionTokens,
    ...(estimated === true && { estimated }),
  };
}

/** The answer's id without its prefix, which is not OpenAI's. */
function idTail({ id }: AnswerMeta): string {
  return id.replace(/^[a-z]+_/, "");
}
