// A port's Elysia app: one error handler, CORS only where the guard allowed an origin, and a check in every
// group that the gate let the request in for that group.

import { Elysia } from "elysia";
import type { AnyElysia } from "elysia";
import { AppError, toAppError } from "../core/error.ts";
import type { Log } from "../core/ports.ts";
import type { GuardCaller } from "../security/guard.ts";
import { corsFor } from "./cors.ts";
import { failureResponse } from "./failure.ts";
import type { Fetcher, Refusal } from "./gate.ts";
import type { Visits } from "./visit.ts";

/** Elysia's routes as far as we read them: for the OpenAPI document, `Allow`, and the tests. */
export interface RouteInfo {
  readonly method: string;
  readonly path: string;
  readonly detail: object | undefined;
}

export interface PortApp extends Fetcher {
  readonly routes: readonly RouteInfo[];
}

/** A group of routes, made anew for each app that carries it. */
export type RouteGroup = () => AnyElysia;

/**
 * The groups' routes, refusing whoever the gate did not let in as one of `kinds`. The gate has decided already; this
 * stands for the day when a route is added that the gate's rules do not know.
 */
export function guarded(
  visits: Visits,
  kinds: GuardCaller["kind"] | readonly GuardCaller["kind"][],
  groups: readonly RouteGroup[],
): RouteGroup {
  const allowed = new Set([kinds].flat());
  const name = [...allowed].join("-or-");
  return () => {
    const guard = new Elysia({ name: `guard-${name}` }).onBeforeHandle(
      { as: "scoped" },
      ({ request }) => {
        const visit = visits.of(request);
        if (visit !== undefined && allowed.has(visit.caller.kind)) return;
        throw new AppError("invalid_api_key", "A valid key is required.");
      },
    );
    const app = new Elysia({ name: `guarded-${name}`, normalize: false }).use(guard);
    for (const group of groups) app.use(group());
    return app;
  };
}

export interface PortAppDeps {
  readonly visits: Visits;
  readonly log: Log;
  readonly groups: readonly RouteGroup[];
  /** Hears of every request that came through the gate and was refused behind it. */
  readonly onRefusal: (refusal: Refusal) => void;
}

/** The same routes twice: as they are, and behind CORS for the origins that the guard allowed, from the first of them on. */
export function createPortApps(deps: PortAppDeps): { plain: PortApp; crossOrigin: Fetcher } {
  const build = (withCors: boolean): PortApp => {
    const app = new Elysia({ normalize: false });
    let routes: readonly RouteInfo[] = [];
    app.onError(({ code, error, request }) => {
      const visit = deps.visits.of(request);
      const path = visit?.path ?? "/";
      const failure = translate(code, error, request.method, () => allowed(routes, path));
      if (failure.error.code === "internal") {
        deps.log.error({ requestId: visit?.requestId, err: failure.error.cause }, "request failed");
      }
      if (visit !== undefined) {
        const { requestId, key, peer } = visit;
        const userAgent = request.headers.get("user-agent") ?? undefined;
        const { method } = request;
        const { error: refused } = failure;
        deps.onRefusal({
          error: refused,
          requestId,
          keyId: key?.id,
          peer,
          userAgent,
          method,
          path,
        });
      }
      return failureResponse(failure.error, path, { ...failure.details, request });
    });
    if (withCors) app.use(corsFor(deps.visits));
    for (const group of deps.groups) app.use(group());
    routes = app.routes.map((route) => ({
      method: route.method,
      path: route.path,
      detail: detailOf(route.hooks),
    }));
    return { fetch: (request) => app.fetch(request), routes };
  };
  let behindCors: PortApp | undefined;
  return {
    plain: build(false),
    crossOrigin: { fetch: (request) => (behindCors ??= build(true)).fetch(request) },
  };
}

function detailOf(hooks: unknown): object | undefined {
  if (typeof hooks !== "object" || hooks === null || !("detail" in hooks)) return undefined;
  return typeof hooks.detail === "object" && hooks.detail !== null ? hooks.detail : undefined;
}

interface Failure {
  readonly error: AppError;
  readonly details?: { readonly allow: string };
}

/** The framework's own errors in our words: theirs quote the request. */
function translate(
  code: unknown,
  error: unknown,
  method: string,
  methods: () => readonly string[],
): Failure {
  if (code === "NOT_FOUND") {
    const allow = methods();
    if (allow.length === 0) return { error: new AppError("not_found", "There is no such route.") };
    return {
      error: new AppError("method_not_allowed", `This route does not take ${shownMethod(method)}.`),
      details: { allow: allow.join(", ") },
    };
  }
  if (code === "PARSE")
    return { error: new AppError("invalid_json", "The body is not valid JSON.") };
  if (code === "VALIDATION") {
    return { error: new AppError("invalid_request", "The request is not of the route's form.") };
  }
  return { error: toAppError(error) };
}

function shownMethod(method: string): string {
  return /^[A-Z]{1,12}$/.test(method) ? method : "this method";
}

/** The methods of the routes whose path matches: without the one for preflights, which is there for every path. */
function allowed(routes: readonly RouteInfo[], path: string): readonly string[] {
  const methods = routes
    .filter((route) => route.method !== "OPTIONS" && matches(route.path, path))
    .map((route) => route.method);
  return [...new Set(methods.flatMap((each) => (each === "GET" ? ["GET", "HEAD"] : [each])))];
}

function matches(pattern: string, path: string): boolean {
  const steps = pattern.split("/");
  const given = path.split("/");
  const open = steps.at(-1) === "*";
  if (open ? given.length < steps.length : given.length !== steps.length) return false;
  return steps.every(
    (step, index) => step === "*" || step.startsWith(":") || step === given[index],
  );
}
