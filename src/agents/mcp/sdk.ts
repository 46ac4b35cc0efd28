// The MCP SDK, for whichever of our servers is asked first, and what both of them read from a request. Loaded then and
// not before: it is large, and most processes never meet an MCP client.

import type { ServerContext } from "@modelcontextprotocol/server";
import type * as Sdk from "@modelcontextprotocol/server";

export type McpSdk = typeof Sdk;

export async function loadMcpSdk(): Promise<McpSdk> {
  return await import("@modelcontextprotocol/server");
}

/** Aborts when the client no longer wants the answer, or the connection on which it would travel is gone. */
export function signalOf({ mcpReq, http }: ServerContext): AbortSignal {
  const request = http?.req;
  return request === undefined ? mcpReq.signal : AbortSignal.any([mcpReq.signal, request.signal]);
}

/** A way to tell the client that its request is alive; `undefined` where it did not ask for that. */
export function progressOf({ mcpReq }: ServerContext, message: string): (() => void) | undefined {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  let progress = 0;
  return () => {
    progress += 1;
    const params = { progressToken, progress, message };
    // A client that has gone is noticed by its connection, not by this.
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
  };
}
