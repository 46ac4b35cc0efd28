// MCP over Streamable HTTP, on the bridge's port: an MCP client comes here to be an agent. The protocol is whoever's
// `handle` is given; the gate has judged Host, Origin and token before.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import type { Visits } from "./visit.ts";

export interface McpRouteDeps {
  readonly visits: Visits;
  readonly handle: (request: Request) => Promise<Response>;
}

/** Without notes for the OpenAPI document: what is in these requests is MCP's to describe. */
export function mcpRoutes({ visits, handle }: McpRouteDeps) {
  function answer(request: Request): Promise<Response> {
    const visit = visits.of(request);
    if (visit === undefined) throw new AppError("invalid_api_key", "A valid key is required.");
    // Streams and long polls outlive what is allowed to an idle connection.
    visit.takeYourTime();
    return handle(request);
  }
  return () =>
    new Elysia({ name: "mcp", normalize: false })
      .get("/mcp", ({ request }) => answer(request))
      .post("/mcp", ({ request }) => answer(request), { parse: "none" })
      .delete("/mcp", ({ request }) => answer(request), { parse: "none" });
}
