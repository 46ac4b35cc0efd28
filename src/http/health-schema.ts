// The answers of deep health and of the metrics as JSON, with the guides' field names. All figures are measured.

import { Type } from "@sinclair/typebox";
import type { TProperties } from "@sinclair/typebox";

function closed<P extends TProperties>(properties: P, title: string) {
  return Type.Object(properties, { additionalProperties: false, title });
}

const figure = (description: string) => Type.Number({ minimum: 0, description });
const count = (description: string) => Type.Integer({ minimum: 0, description });

export const State = Type.Union(
  [Type.Literal("healthy"), Type.Literal("degraded"), Type.Literal("unhealthy")],
  {
    description:
      "degraded: something is missing that comes back by itself or by a human; unhealthy: requests fail.",
  },
);
const Time = Type.String({ description: "RFC 3339." });

const Component = closed(
  {
    name: Type.String(),
    status: State,
    last_check: Time,
    error_count: count("Checks since the start that found it unhealthy."),
    latency_ms: figure("How long the component took to answer this check."),
    details: Type.Record(Type.String(), Type.Unknown()),
  },
  "ComponentHealth",
);

const System = closed(
  {
    total_requests: count("Requests to inference routes since the start."),
    requests_per_second: figure(
      "Those that ended in the last minute, or since the start, per second.",
    ),
    average_latency_ms: figure("Of the last minute's requests; 0 where there were none."),
    error_rate: figure("Share of the last minute's requests that failed, 0 to 1."),
    active_sessions: count("Sessions that are active now."),
    session_creation_rate: figure("Sessions that came up in the last minute, per second."),
    session_expiry_rate: figure("Sessions that expired in the last minute, per second."),
    cpu_usage_percent: figure("Of one core, since the last check: 200 where two are busy."),
    memory_usage_mb: figure("Resident memory in megabytes."),
    disk_usage_mb: figure("Size of the server's own files in megabytes."),
    connection_pool_size: count("Bridge links that stand now."),
    queue_depth: count("Turns that wait for room at an agent; those that run are not among them."),
  },
  "SystemMetrics",
);

export const DeepHealthAnswer = closed(
  {
    status: State,
    timestamp: Time,
    components: Type.Record(Type.String(), Component, {
      description: "provider, bridge, agents, store, audit: those that the server has.",
    }),
    metrics: System,
  },
  "DeepHealth",
);

export const MetricsAnswer = closed(
  {
    sessions: closed(
      {
        active: count("Sessions that are active now."),
        total_created: count("Sessions that came up since the start."),
        total_expired: count("Sessions that expired since the start."),
      },
      "SessionTotals",
    ),
    requests: closed(
      {
        total: count("Requests to inference routes since the start, running ones too."),
        successful: count("Those that were answered whole."),
        failed: count("Those that were refused or failed; not those whose client hung up."),
        rate_limited: count("Those among the failed that were over a limit."),
      },
      "RequestTotals",
    ),
    performance: closed(
      {
        avg_response_time_ms: figure(
          "From a request's arrival to its answer or, of a stream, to its end.",
        ),
        memory_usage_mb: figure("Resident memory in megabytes."),
      },
      "Performance",
    ),
    mcp: closed(
      {
        connection_status: Type.String({
          description: "embedded, connected, connecting or disconnected.",
        }),
        messages_sent: count("Over all bridge links."),
        messages_received: count("Over all bridge links."),
      },
      "LinkTotals",
    ),
  },
  "Metrics",
);
