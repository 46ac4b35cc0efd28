// The documents that a port has of itself: its HTTP routes, and the bridge link.

import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { operation } from "./operation.ts";

export interface DocumentDeps {
  readonly openapi: () => object;
  readonly asyncapi: () => object;
}

const OpenApi = Type.Object(
  { openapi: Type.String(), info: Type.Object({}), paths: Type.Object({}) },
  { title: "OpenApiDocument", additionalProperties: true },
);
const AsyncApi = Type.Object(
  { asyncapi: Type.String(), info: Type.Object({}), channels: Type.Object({}) },
  { title: "AsyncApiDocument", additionalProperties: true },
);

/** Behind the key that the port's operations need: on the bridge's port that is the control token. */
export function documentRoutes(deps: DocumentDeps) {
  return new Elysia({ name: "documents", normalize: false })
    .get("/openapi.json", () => deps.openapi(), {
      detail: operation({
        summary: "The OpenAPI document of this port",
        tag: "Operations",
        answer: OpenApi,
      }),
    })
    .get("/asyncapi.json", () => deps.asyncapi(), {
      detail: operation({
        summary: "The AsyncAPI document of the bridge link",
        tag: "Operations",
        answer: AsyncApi,
      }),
    });
}
