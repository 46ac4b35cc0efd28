// Failures as OpenAI's clients read them: a status, and {error: {message, type, param, code}} with all four present.

import { AppError } from "../../core/error.ts";
import type { ErrorCode, ErrorDetails } from "../../core/error.ts";
import type { ErrorResponse } from "./answer-schema.ts";

export interface EncodedError {
  readonly status: number;
  readonly body: ErrorResponse;
}

/** A failure for which OpenAI has a code of its own, that clients test for. The table's code still gives the status. */
export class ApiError extends AppError {
  readonly apiCode: string;

  constructor(apiCode: string, code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, message, details);
    this.apiCode = apiCode;
  }
}

export function encodeError(error: AppError): EncodedError {
  const { status } = error.kind;
  const { message, param } = error;
  const code = error instanceof ApiError ? error.apiCode : error.code;
  return {
    status,
    body: { error: { message, type: errorType(status), param: param ?? null, code } },
  };
}

/** OpenAI's names for classes of failure, with Ollama's `api_error` for what is not the client's fault. */
export function errorType(status: number): string {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 400 && status < 500 ? "invalid_request_error" : "api_error";
  }
}
