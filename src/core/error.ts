// Every failure we know, in one table. Thrown anywhere, mapped once at the edge, shaped by the dialect.

import type { Outcome } from "./event.ts";

type Fault = "client" | "agent" | "operator" | "ours";

interface ErrorKind {
  readonly status: number;
  readonly fault: Fault;
  /** Whether the same request may succeed by itself a little later. Never true once an agent has started. */
  readonly retryable: boolean;
  readonly outcome: Exclude<Outcome, "done">;
}

function kind(
  status: number,
  fault: Fault,
  outcome: ErrorKind["outcome"],
  retryable = false,
): ErrorKind {
  return { status, fault, retryable, outcome };
}

/** code → HTTP status, whose fault, retryable, outcome. The codes are part of our interface. */
export const ERRORS = {
  // The request itself.
  invalid_request: kind(400, "client", "refused"),
  invalid_json: kind(400, "client", "refused"),
  unsupported: kind(400, "client", "refused"),
  not_found: kind(404, "client", "refused"),
  method_not_allowed: kind(405, "client", "refused"),
  payload_too_large: kind(413, "client", "refused"),
  unsupported_media_type: kind(415, "client", "refused"),
  not_implemented: kind(501, "client", "refused"),
  // Who asks, and from where.
  invalid_api_key: kind(401, "client", "refused"),
  forbidden: kind(403, "client", "refused"),
  forbidden_origin: kind(403, "client", "refused"),
  misdirected: kind(421, "client", "refused"),
  // Models and sessions.
  model_not_found: kind(404, "client", "refused"),
  session_not_found: kind(404, "client", "refused"),
  consent_required: kind(403, "operator", "refused"),
  session_denied: kind(403, "operator", "refused"),
  session_expired: kind(403, "operator", "refused"),
  session_exhausted: kind(403, "operator", "refused"),
  session_revoked: kind(403, "operator", "refused"),
  session_suspended: kind(403, "operator", "refused"),
  scope_missing: kind(403, "operator", "refused"),
  conflict: kind(409, "client", "refused"),
  // Nobody to answer, or no room.
  no_active_session: kind(503, "operator", "refused"),
  too_busy: kind(503, "ours", "refused", true),
  rate_limited: kind(429, "client", "refused", true),
  audit_unavailable: kind(503, "operator", "refused", true),
  // The agent.
  agent_lost: kind(502, "agent", "agent_lost"),
  agent_error: kind(502, "agent", "error"),
  agent_timeout: kind(504, "agent", "timeout"),
  empty_answer: kind(502, "agent", "error"),
  parked_turn_unknown: kind(409, "agent", "error"),
  already_ran: kind(409, "client", "refused"),
  // Ends that are nobody's failure, and the rest.
  client_cancelled: kind(499, "client", "client_cancelled"),
  shutdown: kind(503, "ours", "shutdown", true),
  internal: kind(500, "ours", "error"),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

export interface ErrorDetails {
  /** The request field at fault, as the dialect names it. */
  readonly param?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** A failure with a code of the table. `message` is read by users: it says what to do, and quotes no body and no secret. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.param = details.param;
    this.retryAfterMs = details.retryAfterMs;
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }
}

/** Whatever was thrown, as an `AppError`. A foreign error keeps its text as `cause` only: it may hold anything. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("internal", "Something went wrong inside the provider; its log has more.", {
    cause: error,
  });
}
