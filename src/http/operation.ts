// What a route tells the OpenAPI document about itself. Kept in the route's `detail`, where Elysia ignores it.

import type { TSchema } from "@sinclair/typebox";
import type { DocumentDecoration } from "elysia";

export interface OperationNotes {
  readonly summary: string;
  readonly tag: string;
  readonly body?: TSchema;
  readonly answer?: TSchema;
  /** The media type of the answer when it is streamed. */
  readonly streams?: string;
}

/** An OpenAPI 3.1 operation object; TypeBox schemas are JSON Schema and go in as they are. */
export function operation(notes: OperationNotes): DocumentDecoration {
  const content: Record<string, { schema: object }> = {};
  if (notes.answer !== undefined) content["application/json"] = { schema: notes.answer };
  if (notes.streams !== undefined) content[notes.streams] = { schema: { type: "string" } };
  const body = notes.body && {
    required: true,
    content: { "application/json": { schema: notes.body } },
  };
  return {
    summary: notes.summary,
    tags: [notes.tag],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { "200": { description: "The answer.", content } },
  };
}
