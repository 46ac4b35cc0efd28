// The documents of a port: made when they are asked for, of the routes that it really has. No server needed.

import { asyncApiDocument } from "../bridge/asyncapi.ts";
import { DEFAULT_TIMES } from "../bridge/liveness.ts";
import { linkLimits } from "../bridge/settings.ts";
import type { Config } from "../config/schema.ts";
import type { RouteInfo } from "../http/app.ts";
import { openApiDocument } from "../http/openapi.ts";
import type { DocumentDeps } from "../http/routes-documents.ts";
import { VERSION } from "./version.ts";

export interface DocumentSource {
  readonly port: "provider" | "bridge";
  readonly config: Config;
  readonly routes: () => readonly RouteInfo[];
  /** The port's address; without it the document is about wherever it was read from. */
  readonly server?: string;
  /** The one that the bridge really has; without it, the configured one. */
  readonly bridgePort?: () => number;
}

export function documentsOf(source: DocumentSource): DocumentDeps {
  const { port, config, routes, server = "" } = source;
  const { bridge, limits } = config;
  return {
    openapi: () => openApiDocument(routes(), { port, version: VERSION, server }),
    asyncapi: () =>
      asyncApiDocument({
        version: VERSION,
        host: bridge.host,
        port: source.bridgePort?.() ?? bridge.port,
        limits: { ...linkLimits(limits.body_bytes), answer_bytes: limits.frame_bytes },
        times: DEFAULT_TIMES,
      }),
  };
}
