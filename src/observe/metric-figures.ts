// The plain data that metrics are made of and given out as. No prompt, answer, secret, request id or session id is in it.

import type { Outcome, Usage } from "../core/event.ts";
import type { SessionStatus } from "../core/session.ts";
import type { TurnLabels } from "./tallies.ts";

/** An HTTP request whose answer is there, or, of a stream, has begun. */
export interface RequestFigures {
  /** The route's pattern, never the path. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
  /** Whether it asked an agent: what the totals of requests count. */
  readonly inference: boolean;
  /** Its end is told by `recordStreamEnd`. */
  readonly streamed: boolean;
}

/** A stream that is over, however many turns it had, and whether an agent was started at all. */
export interface StreamFigures {
  readonly outcome: Outcome;
  /** An `ErrorCode`; `undefined` where it ended well. */
  readonly errorCode: string | undefined;
  /** Since the request arrived. */
  readonly durationMs: number;
}

/** A turn that has ended: the engine's record of it and the connector that ran it. */
export interface TurnFigures extends TurnLabels {
  readonly keyId: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly firstEventMs: number | undefined;
  readonly usage: Usage | undefined;
}

/** Our own time, in milliseconds, without the agent's. */
export interface OverheadFigures {
  readonly dialect: string;
  readonly stream: boolean;
  readonly ms: number;
}

export interface LinkFigures {
  readonly status: string;
  readonly links: number;
  /** Over all links so far: they never go down. */
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly pendingRequests: number;
  readonly activeStreams: number;
}

export interface AuditFigures {
  readonly healthy: boolean;
  /** Number of the last record. */
  readonly seq: number;
  readonly unsynced: number;
  readonly waiting: number;
}

/** Chats, by whether an agent of this process went on in a session that knew the conversation. They never go down. */
export interface AgentSessionFigures {
  readonly hits: number;
  readonly misses: number;
  /** What opening sessions for the hits would have taken, in milliseconds. */
  readonly savedMs: number;
}

/** What is looked up when somebody asks. Never called before the first question. */
export interface MetricSources {
  readonly sessions: () => readonly { readonly status: SessionStatus }[];
  readonly turnsInFlight: () => number;
  /** Turns admitted that wait for room at an agent. */
  readonly turnsWaiting: () => number;
  readonly link: () => LinkFigures;
  readonly audit?: () => AuditFigures;
  readonly agentSessions?: () => AgentSessionFigures;
}

/** `GET /metrics` as JSON, the first guide's document. All since the start; 0 where nothing was measured. */
export interface GuideMetrics {
  readonly sessions: {
    readonly active: number;
    readonly total_created: number;
    readonly total_expired: number;
  };
  readonly requests: {
    readonly total: number;
    readonly successful: number;
    readonly failed: number;
    readonly rate_limited: number;
  };
  readonly performance: {
    readonly avg_response_time_ms: number;
    readonly memory_usage_mb: number;
  };
  readonly mcp: {
    readonly connection_status: string;
    readonly messages_sent: number;
    readonly messages_received: number;
  };
}

/** The second guide's SystemMetrics, but for the disk, which takes time to measure. */
export interface SystemFigures {
  readonly total_requests: number;
  readonly requests_per_second: number;
  readonly average_latency_ms: number;
  readonly error_rate: number;
  readonly active_sessions: number;
  readonly session_creation_rate: number;
  readonly session_expiry_rate: number;
  readonly cpu_usage_percent: number;
  readonly memory_usage_mb: number;
  readonly connection_pool_size: number;
  readonly queue_depth: number;
}
