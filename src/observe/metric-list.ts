// Every metric there is: name, unit, labels, meaning. The names that begin with `gen_ai` are those of the
// OpenTelemetry GenAI conventions (open-telemetry/semantic-conventions-genai at 004902b8, all "Development"), spelt as
// Prometheus has it: dots become underscores and the unit is in the name. docs/metrics.md is made of this list.

import type { MetricSpec } from "./tally.ts";

const seconds = "seconds";

/** The conventions' bounds doubled on: a turn of an agent runs for minutes. */
const TURN_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
  327.68, 655.36, 1310.72,
];
const FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160,
];
const TOKENS = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
  67_108_864,
];
const OVERHEAD_SECONDS = [
  0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.003_2, 0.006_4, 0.012_8, 0.025_6,
  0.051_2, 0.102_4, 0.5, 1,
];

const GEN_AI = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] as const;

type Kind = Pick<MetricSpec, "type" | "unit" | "labels"> & { readonly buckets?: readonly number[] };

function metric(name: string, kind: Kind, help: string): MetricSpec {
  return { name, help, ...kind };
}

const counter = (unit: string, ...labels: readonly string[]): Kind => ({
  type: "counter",
  unit,
  labels,
});
const gauge = (unit: string, ...labels: readonly string[]): Kind => ({
  type: "gauge",
  unit,
  labels,
});
const histogram = (unit: string, buckets: readonly number[], labels: readonly string[]): Kind => ({
  type: "histogram",
  unit,
  labels,
  buckets,
});

export const METRICS = {
  buildInfo: metric("mlp_build_info", gauge("1", "version"), "Always 1; the version is the label."),
  requests: metric(
    "mlp_requests_total",
    counter("requests", "route", "method", "status"),
    "HTTP requests answered, the refused ones too. Streams count when their head is sent.",
  ),
  requestsInFlight: metric(
    "mlp_requests_in_flight",
    gauge("requests"),
    "HTTP requests whose answer has not begun.",
  ),
  refused: metric(
    "mlp_requests_refused_total",
    counter("requests", "code", "key_id"),
    "Requests refused before an agent started, by error code: limits (rate_limited, too_busy), sessions, keys, bad input.",
  ),
  turns: metric(
    "mlp_turns_total",
    counter("turns", "model", "connector", "outcome"),
    "Turns ended, each by its one outcome.",
  ),
  keyTurns: metric(
    "mlp_key_turns_total",
    counter("turns", "key_id", "outcome"),
    "The same turns by the client key that asked.",
  ),
  turnsInFlight: metric("mlp_turns_in_flight", gauge("turns"), "Turns admitted and not ended."),
  turnsWaiting: metric(
    "mlp_turns_waiting",
    gauge("turns"),
    "Turns that wait for room at an agent.",
  ),
  agentSessions: metric(
    "mlp_agent_sessions_total",
    counter("chats", "result"),
    "Chats with coding agents of this process: hit, where one went on in a session that knew the conversation, or miss.",
  ),
  agentSessionsSaved: metric(
    "mlp_agent_session_saved_seconds_total",
    counter(seconds),
    "What opening sessions for the hits would have taken, each as long as the last one that was opened.",
  ),
  duration: metric(
    "gen_ai_server_request_duration_seconds",
    histogram(seconds, TURN_SECONDS, [...GEN_AI, "error_type"]),
    "A turn from the agent's start to its end, as the editor waits for it. error_type is the error code of a failed one.",
  ),
  firstToken: metric(
    "gen_ai_server_time_to_first_token_seconds",
    histogram(seconds, FIRST_TOKEN_SECONDS, GEN_AI),
    "From the agent's start to its first word, of turns that ended well.",
  ),
  tokenUsage: metric(
    "gen_ai_client_token_usage",
    histogram("tokens", TOKENS, [...GEN_AI, "gen_ai_token_type"]),
    "Tokens per turn as the agent reported them; estimates are never in here.",
  ),
  estimatedTokens: metric(
    "mlp_estimated_tokens_total",
    counter("tokens", "model", "token_type"),
    "Tokens guessed (four characters each) for agents that report none.",
  ),
  overhead: metric(
    "mlp_overhead_seconds",
    histogram(seconds, OVERHEAD_SECONDS, ["dialect", "stream"]),
    "Our own time per turn: before the agent is asked and, of whole answers, after its end. Never the agent's time.",
  ),
  sessions: metric("mlp_sessions", gauge("sessions", "status"), "Sessions known now, by status."),
  sessionsCreated: metric(
    "mlp_sessions_created_total",
    counter("sessions"),
    "Sessions that have come up since the start.",
  ),
  sessionsEnded: metric(
    "mlp_sessions_ended_total",
    counter("sessions", "status"),
    "Sessions that have ended since the start: expired, revoked, exhausted, denied.",
  ),
  linkUp: metric(
    "mlp_bridge_up",
    gauge("1"),
    "1 while the bridge is in this process or its link stands, else 0.",
  ),
  links: metric("mlp_bridge_links", gauge("links"), "Links that stand now."),
  messages: metric(
    "mlp_bridge_messages_total",
    counter("messages", "direction"),
    "Messages over the links: sent, received.",
  ),
  linkPending: metric(
    "mlp_bridge_pending_requests",
    gauge("requests"),
    "Turns sent over the links that have no answer yet.",
  ),
  linkStreams: metric(
    "mlp_bridge_active_streams",
    gauge("streams"),
    "Turns over the links whose answer has begun.",
  ),
  auditUp: metric(
    "mlp_audit_up",
    gauge("1"),
    "1 while the audit can be written, else 0. No audit, no series.",
  ),
  auditRecords: metric(
    "mlp_audit_records_total",
    counter("records"),
    "Records in the audit's chain, those of earlier starts too.",
  ),
  auditUnsynced: metric(
    "mlp_audit_unsynced_records",
    gauge("records"),
    "Audit records that are written and not yet known to be on the disk.",
  ),
  auditWaiting: metric(
    "mlp_audit_waiting_records",
    gauge("records"),
    "Audit records that wait in memory, since the file cannot be written.",
  ),
  cpu: metric("process_cpu_seconds_total", counter(seconds), "CPU time used, user and system."),
  memory: metric("process_resident_memory_bytes", gauge("bytes"), "Resident memory."),
  startTime: metric("process_start_time_seconds", gauge(seconds), "Start, since the Unix epoch."),
  openFiles: metric("process_open_fds", gauge("files"), "Open file descriptors (Linux)."),
  maxFiles: metric("process_max_fds", gauge("files"), "Most file descriptors allowed (Linux)."),
  loopLag: metric(
    "nodejs_eventloop_lag_seconds",
    gauge(seconds),
    "How late the event loop was at the reading before this one.",
  ),
  loopLagMean: metric(
    "nodejs_eventloop_lag_mean_seconds",
    gauge(seconds),
    "Mean lag of the event loop since the last reading; measured from the first reading on.",
  ),
  loopLagP99: metric(
    "nodejs_eventloop_lag_p99_seconds",
    gauge(seconds),
    "99th percentile of the same.",
  ),
  loopLagMax: metric("nodejs_eventloop_lag_max_seconds", gauge(seconds), "Largest of the same."),
} as const satisfies Record<string, MetricSpec>;

/** Those that prom-client measures itself. Of its others, half are constants under Bun. */
export const PROCESS_METRICS: readonly MetricSpec[] = [
  METRICS.startTime,
  METRICS.openFiles,
  METRICS.maxFiles,
  METRICS.loopLag,
  METRICS.loopLagMean,
  METRICS.loopLagP99,
  METRICS.loopLagMax,
];
