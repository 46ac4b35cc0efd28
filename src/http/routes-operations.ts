// Whether the server is well, and what it serves. The first three routes need no key and say no more than that.

import { Elysia } from "elysia";
import { Type } from "@sinclair/typebox";
import type { Clock } from "../core/ports.ts";
import { operation } from "./operation.ts";

/** The state of the link between this process and its agents. Times in milliseconds since the epoch. */
export interface LinkHealth {
  /** `embedded`: provider and bridge are one process. */
  readonly status: "embedded" | "connected" | "connecting" | "disconnected";
  readonly lastPingAt: number | undefined;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly pendingRequests: number;
  readonly activeStreams: number;
}

export interface OperationsDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly link: () => LinkHealth;
  readonly activeSessions: () => number;
}

const nullable = Type.Union([Type.String(), Type.Null()]);

const Health = Type.Object(
  {
    status: Type.Literal("healthy"),
    timestamp: Type.String({ description: "RFC 3339." }),
    version: Type.String(),
    uptime_seconds: Type.Integer(),
    active_sessions: Type.Integer(),
    mcp_connection: Type.Object(
      {
        status: Type.String({
          description: "embedded, connected, connecting or disconnected: the link to the bridge.",
        }),
        last_ping: nullable,
        messages_sent: Type.Integer(),
        messages_received: Type.Integer(),
        pending_requests: Type.Integer(),
        active_streams: Type.Integer(),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

const Alive = Type.Object({ status: Type.Literal("ok") }, { additionalProperties: false });

export function operationsRoutes(deps: OperationsDeps) {
  const startedAt = deps.clock.monotonic();

  function health() {
    const link = deps.link();
    return {
      status: "healthy" as const,
      timestamp: new Date(deps.clock.now()).toISOString(),
      version: deps.version,
      uptime_seconds: Math.floor((deps.clock.monotonic() - startedAt) / 1_000),
      active_sessions: deps.activeSessions(),
      mcp_connection: {
        status: link.status,
        last_ping: link.lastPingAt === undefined ? null : new Date(link.lastPingAt).toISOString(),
        messages_sent: link.messagesSent,
        messages_received: link.messagesReceived,
        pending_requests: link.pendingRequests,
        active_streams: link.activeStreams,
      },
    };
  }

  const about = (summary: string, answer: typeof Health | typeof Alive) => ({
    detail: operation({ summary, tag: "Operations", answer }),
  });

  return () =>
    new Elysia({ name: "operations", normalize: false })
      .get("/health", health, about("How the server and its link are", Health))
      .get("/livez", () => ({ status: "ok" }), about("Whether the process is up", Alive))
      .get("/readyz", () => ({ status: "ok" }), about("Whether requests are taken", Alive));
}

export function documentRoutes(deps: { readonly openapi: () => object }) {
  return new Elysia({ name: "documents", normalize: false }).get(
    "/openapi.json",
    () => deps.openapi(),
    { detail: operation({ summary: "This document", tag: "Operations" }) },
  );
}
