// What was kept of an answer, as `/v1/responses/{id}` shows it. The answer itself is kept as it was sent.

import { AppError } from "../../core/error.ts";
import type { DeletedResponse, ResponseInputItems } from "./responses-answer-schema.ts";
import type { KeptResponse } from "./responses-decode.ts";
import type { InputItem } from "./responses-schema.ts";

/** As the client wrote them. */
export interface ListQuery {
  readonly order: string | null;
  readonly limit: string | null;
  readonly after: string | null;
}

const DEFAULT_LIMIT = 20;
const HIGHEST_LIMIT = 100;

/** The items that an answer was made from, the newest first unless `order` is `asc`. @throws AppError invalid_request */
export function encodeInputItems(kept: KeptResponse, query: ListQuery): ResponseInputItems {
  const limit = limitOf(query.limit);
  const all = kept.input.map(shownItem);
  const ordered = isAscending(query.order) ? all : all.toReversed();
  const from = query.after ? placeOf(query.after, ordered) + 1 : 0;
  const data = ordered.slice(from, from + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < ordered.length,
  };
}

export function encodeDeleted(id: string): DeletedResponse {
  return { id, object: "response", deleted: true };
}

/** Items that came without an id are called by their place, which is the same at every look. */
function shownItem(item: InputItem, index: number) {
  const type = item.type ?? "message";
  const shown = { ...item, id: item.id || `item_${index}`, type };
  if (type !== "message" || typeof item.content !== "string") return shown;
  const part = item.role === "assistant" ? "output_text" : "input_text";
  return { ...shown, content: [{ type: part, text: item.content }] };
}

function isAscending(order: string | null): boolean {
  if (!order || order === "desc") return false;
  if (order === "asc") return true;
  throw new AppError("invalid_request", "order is asc or desc.", { param: "order" });
}

function placeOf(id: string, items: readonly { readonly id: string }[]): number {
  const place = items.findIndex((item) => item.id === id);
  if (place >= 0) return place;
  throw new AppError("invalid_request", "after is not the id of an item of this response.", {
    param: "after",
  });
}

function limitOf(given: string | null): number {
  const limit = given === null ? DEFAULT_LIMIT : Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= HIGHEST_LIMIT) return limit;
  throw new AppError("invalid_request", `limit is a number from 1 to ${HIGHEST_LIMIT}.`, {
    param: "limit",
  });
}
