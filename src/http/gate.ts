// The one way in. Every request of a port, upgrades included, is decided on here, before its body is read and
// before the framework sees it; what is let through carries its visit, and routes do nothing without one.

import type { Server } from "bun";
import { AppError } from "../core/error.ts";
import type { ClientKey, Clock, Log, Random } from "../core/ports.ts";
import type { Guard, GuardVerdict } from "../security/guard.ts";
import { failureResponse } from "./failure.ts";
import type { Visits } from "./visit.ts";

export interface Fetcher {
  fetch(request: Request): Response | Promise<Response>;
}

/** The port's WebSocket side. `false`: the upgrade did not come about. */
export type Upgrade<Data> = (
  request: Request,
  server: Server<Data>,
  role: "agent" | "provider",
) => boolean;

export interface GateDeps<Data> {
  readonly port: "provider" | "bridge";
  readonly guard: Guard;
  readonly visits: Visits;
  readonly keyOf: (keyId: string) => ClientKey | undefined;
  /** For requests without an `Origin`, and the same routes behind CORS for those with an allowed one. */
  readonly plain: Fetcher;
  readonly crossOrigin: Fetcher;
  readonly upgrade?: Upgrade<Data>;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** `true` while shutting down: nothing new is let in. */
  readonly closing: () => boolean;
}

export type Gate<Data> = (
  request: Request,
  server: Server<Data>,
) => Promise<Response | undefined> | Response | undefined;

export function createGate<Data>(deps: GateDeps<Data>): Gate<Data> {
  return (request, server) => {
    const requestId = deps.random.id("req_");
    const isUpgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const asked = pathOf(request.url);
    const peer = server.requestIP(request)?.address;
    const verdict = deps.guard({
      port: deps.port,
      method: request.method,
      path: asked.path,
      peer,
      header: (name) => request.headers.get(name),
      isUpgrade,
    });
    if (!verdict.allow) return refuse(verdict, requestId, asked.path);
    if (deps.closing()) {
      const error = new AppError("shutdown", "The provider is shutting down.", {
        retryAfterMs: 1_000,
      });
      return stamped(failureResponse(error, verdict.path), requestId);
    }
    if (isUpgrade) return upgrade(request, server, { verdict, requestId });
    const inner = forFramework(request, verdict.path, asked);
    const { caller } = verdict;
    deps.visits.enter(inner, {
      requestId,
      caller,
      peer: peer ?? "unknown",
      key: caller.keyId === undefined ? undefined : deps.keyOf(caller.keyId),
      path: verdict.path,
      startedAt: deps.clock.monotonic(),
      takeYourTime: () => server.timeout(request, 0),
    });
    const app = verdict.origin === undefined ? deps.plain : deps.crossOrigin;
    const answer = app.fetch(inner);
    return answer instanceof Promise
      ? answer.then((response) => stamped(response, requestId))
      : stamped(answer, requestId);
  };

  function refuse(
    verdict: Extract<GuardVerdict, { allow: false }>,
    requestId: string,
    path: string,
  ): Response {
    deps.log.debug({ requestId, code: verdict.error.code }, "request refused");
    // The dialect that answers is the one behind a secret base path.
    const shaped = path.replace(/^\/+k\/[^/]+(?=\/)/, "");
    return stamped(failureResponse(verdict.error, shaped), requestId);
  }

  function upgrade(
    request: Request,
    server: Server<Data>,
    { verdict, requestId }: { verdict: Extract<GuardVerdict, { allow: true }>; requestId: string },
  ): Response | undefined {
    const { kind } = verdict.caller;
    const role = kind === "bridge" ? "provider" : "agent";
    const mayJoin = kind === "bridge" || kind === "agent";
    if (mayJoin && deps.upgrade?.(request, server, role) === true) return undefined;
    const error = new AppError("not_found", "No WebSocket is served here.");
    return stamped(failureResponse(error, verdict.path), requestId);
  }
}

function stamped(response: Response, requestId: string): Response {
  response.headers.set("x-request-id", requestId);
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

interface AskedPath {
  readonly path: string;
  readonly query: string;
  /** Where the path begins in the URL. */
  readonly at: number;
}

/** The URL's path by hand: `new URL` throws on what a malformed Host header makes of `request.url`. */
function pathOf(url: string): AskedPath {
  const scheme = url.indexOf("://");
  const slash = url.indexOf("/", scheme < 0 ? 0 : scheme + 3);
  const at = slash < 0 ? url.length : slash;
  const mark = url.indexOf("?", at);
  const end = mark < 0 ? url.length : mark;
  return { path: url.slice(at, end) || "/", query: url.slice(end), at };
}

/** Elysia looks for the path from the twelfth character of the URL on: shorter hosts would be misread. */
const SHORTEST_ORIGIN = 11;

/** The request as the framework is to see it: without a secret base path, and HEAD as GET. */
function forFramework(request: Request, path: string, asked: AskedPath): Request {
  const isHead = request.method === "HEAD";
  if (path === asked.path && asked.at >= SHORTEST_ORIGIN && !isHead) return request;
  const url = `http://127.0.0.1${path}${asked.query}`;
  return new Request(url, isHead ? { method: "GET", headers: request.headers } : request);
}
