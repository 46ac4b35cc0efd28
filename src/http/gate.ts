// The one way in. Every request of a port, upgrades included, is decided on here, before its body is read and
// before the framework sees it; what is let through carries its visit, and routes do nothing without one.

import type { Server } from "bun";
import { AppError } from "../core/error.ts";
import type { ClientKey, Clock, Log, Random } from "../core/ports.ts";
import type { Guard, GuardVerdict } from "../security/guard.ts";
import { shareRefusal } from "./cors.ts";
import { isAnthropic } from "./error-shape.ts";
import { failureResponse } from "./failure.ts";
import type { RequestWatch } from "./request-watch.ts";
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
  /** Hears of every request that is not let in, and by what. */
  readonly onRefusal: (refusal: Refusal) => void;
  /** Follows every request that is no upgrade, from here to its answer. */
  readonly watch?: Pick<RequestWatch, "started" | "answered">;
  /** Whether more is open than may be: then only what needs no key is answered. */
  readonly crowded?: () => boolean;
  /** `true` while shutting down: nothing new is let in. */
  readonly closing: () => boolean;
}

/** A request that was turned away. `path` holds no secret base path. */
export interface Refusal {
  readonly error: AppError;
  readonly requestId: string;
  readonly keyId: string | undefined;
  readonly peer: string | undefined;
  readonly userAgent: string | undefined;
  readonly method: string;
  readonly path: string;
}

export type Gate<Data> = (
  request: Request,
  server: Server<Data>,
) => Promise<Response | undefined> | Response | undefined;

export function createGate<Data>(deps: GateDeps<Data>): Gate<Data> {
  return (request, server) => {
    const startedAt = deps.clock.monotonic();
    const requestId = deps.random.id("req_");
    const isUpgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    const { path, query, at } = pathOf(request.url);
    const end = server.requestIP(request);
    const peer = end?.address;
    const verdict = deps.guard({
      port: deps.port,
      method: request.method,
      path,
      peer,
      peerPort: end?.port,
      header: (name) => request.headers.get(name),
      isUpgrade,
    });
    const arrival: Arrival<Data> = { request, server, requestId, peer, path, query, at, startedAt };
    if (isUpgrade) return upgrade(arrival, verdict);
    const known = verdict.allow ? verdict.path : "";
    deps.watch?.started(request, requestId, known);
    const finish = (response: Response): Response => {
      deps.watch?.answered({ request, requestId, path: known, response, startedAt });
      if (verdict.origin !== undefined) shareRefusal(response, verdict.origin);
      return stamped(response, arrival, verdict.path);
    };
    const answer = verdict.allow ? forward(arrival, verdict) : refuse(verdict, arrival);
    return answer instanceof Promise ? answer.then(finish) : finish(answer);
  };

  function forward(
    { request, server, requestId, peer, path, query, at, startedAt }: Arrival<Data>,
    verdict: Allowed,
  ): Response | Promise<Response> {
    if (deps.closing()) return failureResponse(stopping(), verdict.path, { request });
    if (isCrowdedOut(verdict)) return tooMany(verdict.path, request);
    const inner = forFramework(request, verdict, { path, query, at });
    const { caller } = verdict;
    deps.visits.enter(inner, {
      requestId,
      caller,
      peer: peer ?? "unknown",
      key: caller.keyId === undefined ? undefined : deps.keyOf(caller.keyId),
      path: verdict.path,
      startedAt,
      takeYourTime: () => server.timeout(request, 0),
    });
    const app = verdict.origin === undefined ? deps.plain : deps.crossOrigin;
    return app.fetch(inner);
  }

  /** Health stays answered: whoever looks after the server has to see that it is up. */
  function isCrowdedOut({ group }: GuardVerdict): boolean {
    return group !== "public" && deps.crowded?.() === true;
  }

  function refuse({ error, ...verdict }: Refused, arrival: Arrival<Data>): Response {
    const { request, requestId, peer } = arrival;
    deps.log.debug({ requestId, code: error.code }, "request refused");
    // The dialect that answers is the one behind a secret base path, and the secret is in no record.
    const path = (verdict.path ?? arrival.path).replace(/^(?:\/+k\/[^/]+)+(?=\/|$)/, "") || "/";
    const userAgent = request.headers.get("user-agent") ?? undefined;
    const { method } = request;
    deps.onRefusal({ error, requestId, keyId: undefined, peer, userAgent, method, path });
    return failureResponse(error, path, { request });
  }

  function upgrade(arrival: Arrival<Data>, verdict: GuardVerdict): Response | undefined {
    const { request, server } = arrival;
    if (!verdict.allow) return stamped(refuse(verdict, arrival), arrival, verdict.path);
    const { path } = verdict;
    if (deps.closing()) return stamped(failureResponse(stopping(), path), arrival, path);
    if (isCrowdedOut(verdict)) return stamped(tooMany(path, request), arrival, path);
    const { kind } = verdict.caller;
    const role = kind === "bridge" ? "provider" : "agent";
    const mayJoin = kind === "bridge" || kind === "agent";
    if (mayJoin && deps.upgrade?.(request, server, role) === true) return undefined;
    const error = new AppError("not_found", "No WebSocket is served here.");
    return stamped(failureResponse(error, path), arrival, path);
  }
}

type Allowed = Extract<GuardVerdict, { allow: true }>;
type Refused = Extract<GuardVerdict, { allow: false }>;

/** A request as it came. */
interface Arrival<Data> extends AskedPath {
  readonly request: Request;
  readonly server: Server<Data>;
  readonly requestId: string;
  readonly peer: string | undefined;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** The connection goes too: it is what there are too many of. */
function tooMany(path: string, request: Request): Response {
  const error = new AppError("too_busy", "Too many connections are open. Try again in a moment.", {
    retryAfterMs: 1_000,
  });
  const response = failureResponse(error, path, { request });
  response.headers.set("connection", "close");
  return response;
}

function stopping(): AppError {
  return new AppError("shutdown", "The provider is shutting down.", { retryAfterMs: 1_000 });
}

/** Anthropic's clients look for the id under its own name. */
function stamped(
  response: Response,
  { request, requestId }: Pick<Arrival<unknown>, "request" | "requestId">,
  path: string | undefined,
): Response {
  response.headers.set("x-request-id", requestId);
  if (path !== undefined && isAnthropic(path, request)) {
    response.headers.set("request-id", requestId);
  }
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

/** The request as the framework is to see it: by its tidied path, HEAD as GET, and no body that must not be read. */
function forFramework(
  request: Request,
  { path, unreadable }: Pick<Allowed, "path" | "unreadable">,
  asked: AskedPath,
): Request {
  const isHead = request.method === "HEAD";
  const isPlain = unreadable === undefined && !isHead;
  if (isPlain && path === asked.path && asked.at >= SHORTEST_ORIGIN) return request;
  const url = `http://127.0.0.1${path}${asked.query}`;
  if (isPlain) return new Request(url, request);
  const headers = new Headers(request.headers);
  if (isHead) return new Request(url, { method: "GET", headers });
  // Its size is that of the body that came.
  headers.delete("content-length");
  const { method } = request;
  const isRead = method === "GET" || unreadable === undefined;
  return new Request(url, { method, headers, ...(!isRead && { body: failing(unreadable) }) });
}

/** A body that fails in this way as soon as it is read. */
function failing(error: AppError): ReadableStream<Uint8Array> {
  return new ReadableStream(
    { pull: (controller) => controller.error(error) },
    { highWaterMark: 0 },
  );
}
