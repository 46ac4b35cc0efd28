// The OpenAPI 3.1 document of a port, made of what its routes say of themselves and of what the guard asks of
// their paths. A pure function: the same routes give the same document, with a server behind them or without.

import { readPath } from "../security/guard-routes.ts";
import type { RouteGroup } from "../security/guard-routes.ts";
import type { RouteInfo } from "./app.ts";
import { errorShapeOf } from "./error-shape.ts";
import {
  accessTo,
  HEADERS,
  PARAMETER_REFS,
  PARAMETERS,
  pathParameter,
  secretServer,
  securityOf,
  securitySchemes,
} from "./openapi-parts.ts";
import type { PortName } from "./openapi-parts.ts";
import { createResponses } from "./openapi-responses.ts";
import type { Responses } from "./openapi-responses.ts";
import { createSchemas } from "./openapi-schemas.ts";
import type { Schemas } from "./openapi-schemas.ts";
import { notesOf } from "./operation.ts";
import type { OperationNotes } from "./operation.ts";
import type { RefusalSet } from "./refusals.ts";

export interface OpenApiSettings {
  readonly port: PortName;
  readonly version: string;
  /** The port's address, without a slash at its end; "" where the document is read from the port itself. */
  readonly server: string;
}

interface Parts {
  readonly settings: OpenApiSettings;
  readonly schemas: Schemas;
  readonly responses: Responses;
}

/** Routes without notes are left out: they are not for clients. */
export function openApiDocument(routes: readonly RouteInfo[], settings: OpenApiSettings): object {
  const schemas = createSchemas("#/components/schemas");
  const parts = { settings, schemas, responses: createResponses(schemas) };
  const paths: Record<string, Record<string, object>> = {};
  const tags = new Set<string>();
  for (const route of routes) {
    const notes = notesOf(route.detail);
    if (notes === undefined) continue;
    tags.add(notes.tag);
    const path = templateOf(route.path);
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationObject(route, notes, parts);
  }
  return {
    openapi: "3.1.0",
    info: { ...infoOf(settings), license: { name: "MIT", identifier: "MIT" } },
    externalDocs: {
      url: `${settings.server}/asyncapi.json`,
      description: "AsyncAPI document of the bridge link.",
    },
    servers: [{ url: settings.server || "/" }],
    tags: [...tags].map((name) => ({ name, description: TAGS[name] ?? name })),
    paths,
    components: {
      securitySchemes: securitySchemes(settings.port),
      parameters: PARAMETERS,
      headers: HEADERS,
      responses: parts.responses.all(),
      schemas: schemas.all(),
    },
  };
}

const TAGS: Readonly<Record<string, string>> = {
  OpenAI: "OpenAI's protocol, for editors and SDKs that speak it.",
  Ollama: "Ollama's protocol, for editors that speak it.",
  Anthropic: "Anthropic's protocol, for editors and SDKs that speak it.",
  Control: "What a human decides about sessions, keys and turns.",
  Operations: "Whether the server is well, and what it serves.",
};

function infoOf({ port, version }: OpenApiSettings) {
  const common =
    "Every answer carries `x-request-id`. GET routes answer HEAD too. Errors take the shape of the route's own " +
    "dialect; their codes and statuses are the same everywhere.";
  return port === "provider"
    ? {
        title: "MCP Local Provider",
        summary: "A local model server, answered by a coding agent.",
        version,
        description: `${common} The routes below \`/v1\` are served without it, too, and with it twice.`,
      }
    : {
        title: "MCP Local Provider: bridge",
        summary: "Where agents and providers meet.",
        version,
        description: `The link itself is a WebSocket at \`/\`: see the AsyncAPI document. MCP clients come to \`/mcp\`, with the agent token. ${common}`,
      };
}

function operationObject(route: RouteInfo, notes: OperationNotes, parts: Parts): object {
  const { settings, schemas, responses } = parts;
  const group = readPath(settings.port, route.path)?.group ?? "unknown";
  const errors = errorShapeOf(route.path);
  const parameters = [
    ...namesIn(route.path).map(pathParameter),
    ...(notes.turn === true ? PARAMETER_REFS : []),
  ];
  return {
    operationId: operationId(route),
    summary: notes.summary,
    ...(notes.description !== undefined && { description: notes.description }),
    tags: [notes.tag],
    ...(hasSecretPath(settings.port, group, route.path) && {
      servers: [{ url: settings.server || "/" }, secretServer(settings.server)],
    }),
    security: securityOf(
      accessTo(settings.port, group),
      notes.forBridges === true && settings.port === "provider",
    ),
    ...(parameters.length > 0 && { parameters }),
    ...(notes.body !== undefined && { requestBody: requestBody(notes, schemas) }),
    responses: {
      ...(notes.unserved !== true && { "200": responses.good(notes, route.path) }),
      ...responses.bad(refusalSets(route, notes, settings.port), errors),
      ...responses.withAnswer(notes, errors),
    },
  };
}

function hasSecretPath(port: PortName, group: RouteGroup, path: string): boolean {
  return port === "provider" && (group === "inference" || path === "/");
}

function refusalSets(route: RouteInfo, notes: OperationNotes, port: PortName): RefusalSet[] {
  const group = readPath(port, route.path)?.group ?? "unknown";
  const access = accessTo(port, group);
  return [
    "guard",
    "server",
    ...(access === "client" ? (["key"] as const) : []),
    ...(access === "control" ? (["token"] as const) : []),
    ...(namesIn(route.path).length > 0 ? (["path"] as const) : []),
    ...(notes.body === undefined ? [] : (["body"] as const)),
    ...(notes.turn === true ? (["turn"] as const) : []),
    ...(notes.unserved === true ? (["unserved"] as const) : []),
    ...(notes.refusals ?? []),
  ];
}

function requestBody(
  { body, bodyMayBeAbsent = false, examples }: OperationNotes,
  schemas: Schemas,
): object | undefined {
  if (body === undefined) return undefined;
  const shown = Object.entries(examples ?? {}).map(
    ([summary, value]) => [exampleName(summary), { summary, value }] as const,
  );
  return {
    required: !bodyMayBeAbsent,
    content: {
      "application/json": {
        schema: schemas.place(body),
        ...(shown.length > 0 && { examples: Object.fromEntries(shown) }),
      },
    },
  };
}

function exampleName(summary: string): string {
  return summary.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/** Elysia's `/sessions/:id` and `/models/*` as OpenAPI's `/sessions/{id}` and `/models/{name}`. */
function templateOf(path: string): string {
  return path.replaceAll(/:(\w+)/g, "{$1}").replace(/\*$/, "{name}");
}

function namesIn(path: string): readonly string[] {
  return Array.from(templateOf(path).matchAll(/\{(\w+)\}/g), ([, name = ""]) => name);
}

function operationId(route: RouteInfo): string {
  const words = templateOf(route.path)
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "");
  return [route.method.toLowerCase(), ...(words.length === 0 ? ["root"] : words)].join("_");
}
