// Whether the server is well, and what it serves. The first three routes need no key and say no more than that.

import { Elysia } from "elysia";
import { Type } from "@sinclair/typebox";
import type { TSchema } from "@sinclair/typebox";
import type { Clock } from "../core/ports.ts";
import { State } from "./health-schema.ts";
import type { Health as HealthChecks } from "./health.ts";
import { operation } from "./operation.ts";

/** The state of the link between this process and its agents. Times in milliseconds since the epoch. */
export interface LinkHealth {
  /** `embedded`: provider and bridge are one process. */
  readonly status: "embedded" | "connected" | "connecting" | "degraded" | "disconnected";
  readonly lastPingAt: number | undefined;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly pendingRequests: number;
  readonly activeStreams: number;
  /** Links that stand now, where there can be several. */
  readonly links?: number;
  /** All bridges where there are foreign ones; what stands beside it is the default one's. */
  readonly bridges?: readonly (Omit<LinkHealth, "bridges"> & {
    readonly name: string;
    readonly dialect: string;
  })[];
}

export interface OperationsDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly link: () => LinkHealth;
  readonly activeSessions: () => number;
  /** Without it the server takes requests as long as it answers at all. */
  readonly health?: Pick<HealthChecks, "ready">;
}

const nullable = Type.Union([Type.String(), Type.Null()]);

const linkFields = {
  status: Type.String({
    description:
      "embedded, connected, connecting, degraded or disconnected: the link to the bridge.",
  }),
  last_ping: nullable,
  messages_sent: Type.Integer(),
  messages_received: Type.Integer(),
  pending_requests: Type.Integer(),
  active_streams: Type.Integer(),
};

const Health = Type.Object(
  {
    status: State,
    timestamp: Type.String({ description: "RFC 3339." }),
    version: Type.String(),
    uptime_seconds: Type.Integer(),
    active_sessions: Type.Integer(),
    mcp_connection: Type.Object(
      {
        ...linkFields,
        bridges: Type.Optional(
          Type.Array(
            Type.Object(
              { name: Type.String(), dialect: Type.String(), ...linkFields },
              { additionalProperties: false },
            ),
            { description: "Each bridge, where there are foreign ones." },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false, title: "Health" },
);

const Alive = Type.Object(
  { status: Type.Literal("ok") },
  { additionalProperties: false, title: "Alive" },
);

const Ready = Type.Object(
  { status: Type.Union([Type.Literal("ok"), Type.Literal("unavailable")]) },
  { additionalProperties: false, title: "Ready" },
);

export function operationsRoutes(deps: OperationsDeps) {
  const startedAt = deps.clock.monotonic();

  const ready = (): Promise<boolean> => deps.health?.ready() ?? Promise.resolve(true);

  function health(isReady: boolean) {
    const link = deps.link();
    const stands = link.status === "embedded" || link.status === "connected";
    return {
      status: isReady ? (stands ? "healthy" : "degraded") : "unhealthy",
      timestamp: new Date(deps.clock.now()).toISOString(),
      version: deps.version,
      uptime_seconds: Math.floor((deps.clock.monotonic() - startedAt) / 1_000),
      active_sessions: deps.activeSessions(),
      mcp_connection: encodeLinks(link),
    };
  }

  const about = (summary: string, answer: TSchema) => ({
    detail: operation({ summary, tag: "Operations", answer }),
  });

  return () =>
    new Elysia({ name: "operations", normalize: false })
      .get(
        "/health",
        async () => health(await ready()),
        about("How the server and its link are", Health),
      )
      .get("/livez", () => ({ status: "ok" }), about("Whether the process is up", Alive))
      .get(
        "/readyz",
        async ({ set }) => {
          if (await ready()) return { status: "ok" };
          set.status = 503;
          return { status: "unavailable" };
        },
        {
          detail: operation({
            summary: "Whether requests are taken",
            tag: "Operations",
            answer: Ready,
            description: "503 with `unavailable` while the port or the store fails.",
          }),
        },
      );
}

/** The link's state as the guides name its fields, and that of each bridge where there are several. */
export function encodeLinks(link: LinkHealth) {
  return {
    ...encodeLink(link),
    ...(link.bridges !== undefined && {
      bridges: link.bridges.map((bridge) => {
        const { name, dialect } = bridge;
        return Object.assign({ name, dialect }, encodeLink(bridge));
      }),
    }),
  };
}

function encodeLink(link: Omit<LinkHealth, "bridges">) {
  return {
    status: link.status,
    last_ping: link.lastPingAt === undefined ? null : new Date(link.lastPingAt).toISOString(),
    messages_sent: link.messagesSent,
    messages_received: link.messagesReceived,
    pending_requests: link.pendingRequests,
    active_streams: link.activeStreams,
  };
}
