// Every failure's way out: one error, shaped as the dialect of the route it happened on wants it.
// Nothing of a request, a stack or an internal message is ever in an answer.

import type { AppError } from "../core/error.ts";
import { RateLimitedError } from "../engine/rate-gate.ts";
import { ListError } from "../engine/turn-list.ts";
import { errorShapeOf, isAnthropic } from "./error-shape.ts";
import { limitHeaders } from "./limit-headers.ts";

interface FailureDetails {
  /** What failed: on a path that two dialects share, it says whose client asks. */
  readonly request?: Request;
  /** Repeating the request would run it twice. */
  readonly agentStarted?: boolean;
  readonly allow?: string;
}

/** A failure as the client of `path` understands it. */
export function failureResponse(
  error: AppError,
  path: string,
  details: FailureDetails = {},
): Response {
  const { status, body } = errorShapeOf(path, details.request).encode(error);
  const headers = new Headers({ "content-type": "application/json" });
  // A request over a limit by itself stays so, however long its client waits.
  const waits = error.code !== "rate_limited" || error.retryAfterMs !== undefined;
  const agentStarted = details.agentStarted === true || error instanceof ListError;
  const mayRetry = error.kind.retryable && waits && !agentStarted;
  if (!mayRetry) headers.set("x-should-retry", "false");
  if (mayRetry && error.retryAfterMs !== undefined) {
    headers.set("retry-after", String(Math.ceil(error.retryAfterMs / 1_000)));
    headers.set("retry-after-ms", String(Math.ceil(error.retryAfterMs)));
  }
  if (error instanceof RateLimitedError && error.limits !== undefined) {
    const dialect = isAnthropic(path) ? "anthropic" : "openai";
    const standing = limitHeaders(error.limits, dialect, error.at);
    for (const [name, value] of Object.entries(standing)) headers.set(name, value);
  }
  if (details.allow !== undefined) headers.set("allow", details.allow);
  if (error.code === "invalid_api_key") headers.set("www-authenticate", "Bearer");
  const text = JSON.stringify(body);
  headers.set("content-length", String(Buffer.byteLength(text)));
  return new Response(text, { status, headers });
}
