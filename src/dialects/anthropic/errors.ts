// Failures as Anthropic's clients read them: a status, and {type: "error", error: {type, message, details}}.

import type { AppError } from "../../core/error.ts";
import type { ErrorAnswer } from "./answer-schema.ts";

export interface EncodedError {
  readonly status: number;
  readonly body: ErrorAnswer;
}

export function encodeError(error: AppError): EncodedError {
  return {
    status: error.kind.status,
    body: {
      type: "error",
      error: {
        type: errorType(error),
        message: messageOf(error),
        details: { error_code: error.code },
      },
    },
  };
}

/** There is no field for the field at fault: the message names it, as the published ones do. */
function messageOf({ message, param }: AppError): string {
  return param === undefined || message.includes(param) ? message : `${param}: ${message}`;
}

/**
 * Anthropic's names for classes of failure ("Errors", and the types of its SDK). Claude Code sends a request again
 * when it reads `overloaded_error`, whatever the headers say: only what no agent has begun is called so.
 */
function errorType({ code, kind }: AppError): string {
  if (code === "too_busy") return "overloaded_error";
  switch (kind.status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 409:
      return "conflict_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    default:
      return kind.fault === "client" && kind.status < 499 ? "invalid_request_error" : "api_error";
  }
}
