// The pattern of a path, for metrics and traces: never the path itself, which may hold ids and whatever a client writes.

import type { RouteInfo } from "./app.ts";
import { notesOf } from "./operation.ts";

export interface RouteName {
  /** As it is registered, `/control/sessions/:id`; "other" where there is no such route. */
  readonly route: string;
  /** "other" where no route of ours could take it. */
  readonly method: string;
  /** Whether it asks an agent. */
  readonly inference: boolean;
}

export type RouteNames = (method: string, path: string) => RouteName;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const OTHER = "other";

/** `path` as the guard read it, without query and secret base path. Only as many names as there are routes. */
export function createRouteNames(routes: readonly RouteInfo[]): RouteNames {
  const asking = new Set(
    routes.filter(({ detail }) => notesOf(detail)?.turn === true).map(({ path }) => path),
  );
  const paths = [...new Set(routes.map(({ path }) => path)), OTHER];
  const names = new Map(paths.map((path) => [path, namesOf(path, asking.has(path))]));
  const patterns = paths.filter((path) => /[:*]/.test(path)).map((path) => path.split("/"));

  function patternOf(path: string): string {
    const given = path.split("/");
    return patterns.find((steps) => matches(steps, given))?.join("/") ?? OTHER;
  }

  return (method, path) => {
    const of = names.get(path) ?? names.get(patternOf(path));
    return of?.get(method) ?? of?.get(OTHER) ?? { route: OTHER, method: OTHER, inference: false };
  };
}

function namesOf(route: string, asksAgent: boolean): ReadonlyMap<string, RouteName> {
  return new Map(
    [...METHODS, OTHER].map((method) => [
      method,
      { route, method, inference: asksAgent && method === "POST" },
    ]),
  );
}

function matches(steps: readonly string[], given: readonly string[]): boolean {
  if (steps.at(-1) === "*") return given.length >= steps.length && same(steps.slice(0, -1), given);
  return steps.length === given.length && same(steps, given);
}

function same(steps: readonly string[], given: readonly string[]): boolean {
  return steps.every((step, index) => step.startsWith(":") || step === given[index]);
}
