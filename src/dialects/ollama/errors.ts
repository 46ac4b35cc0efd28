// A failure in Ollama's shape. Its clients read `error` as text: an object there would be shown as "[object Object]".

import type { AppError } from "../../core/error.ts";
import type { ErrorAnswer } from "./answer-schema.ts";

/** The status and body of a refused request (Ollama API, "Errors"). */
export function encodeError(error: AppError): { status: number; body: ErrorAnswer } {
  return { status: error.kind.status, body: { error: error.message } };
}
