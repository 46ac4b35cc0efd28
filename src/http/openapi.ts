// The OpenAPI 3.1 document of a port, made of what its routes say of themselves.

import type { RouteInfo } from "./app.ts";

export interface OpenApiSettings {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

/** A pure function of the routes. Routes without a `detail` are left out: they are not for clients. */
export function openApiDocument(routes: readonly RouteInfo[], settings: OpenApiSettings): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    if (route.detail === undefined) continue;
    const parameters = parametersOf(route.path);
    const path = templateOf(route.path);
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = {
      operationId: operationId(route),
      ...route.detail,
      ...(parameters.length === 0 ? {} : { parameters }),
    };
  }
  return {
    openapi: "3.1.0",
    info: { ...settings, license: { name: "MIT", identifier: "MIT" } },
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "A client key, or the control token." },
      },
    },
    security: [{ key: [] }],
    paths,
  };
}

/** Elysia's `/sessions/:id` and `/models/*` as OpenAPI's `/sessions/{id}` and `/models/{name}`. */
function templateOf(path: string): string {
  return path.replaceAll(/:(\w+)/g, "{$1}").replace(/\*$/, "{name}");
}

function parametersOf(path: string): readonly object[] {
  return [...templateOf(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function operationId(route: RouteInfo): string {
  const words = route.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [route.method.toLowerCase(), ...words].join("_");
}
