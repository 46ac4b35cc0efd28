// Who may knock at the tools' door: only an agent that was told the address and the secret of one run. Decides by the
// request alone; knows neither MCP nor the runs.

import { timingSafeEqual } from "node:crypto";

/** `undefined`: let in as far as address and browser are concerned. No browser has any business here. */
export function refuseStranger(request: Request, host: string): Response | undefined {
  if (request.headers.has("origin")) return refusal(403, "Browsers are not served here.");
  if (request.headers.get("host") !== host) return refusal(403, "This is not the address.");
  return undefined;
}

/** Also what agents get that look for a way to log in: a plain 404 tells them that there is none. */
export function notFound(): Response {
  return refusal(404, "There is nothing here.");
}

export function unauthorized(): Response {
  return refusal(401, "The secret of this run is missing or wrong.");
}

export function hasBearer(request: Request, secret: string): boolean {
  const given = Buffer.from(request.headers.get("authorization") ?? "");
  const wanted = Buffer.from(`Bearer ${secret}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A refusal in JSON-RPC's form, for requests that belong to no session of ours. */
export function rpcRefusal(status: number, message: string): Response {
  const error = { jsonrpc: "2.0", error: { code: -32_000, message }, id: null };
  return Response.json(error, { status });
}

function refusal(status: number, message: string): Response {
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain" } });
}
