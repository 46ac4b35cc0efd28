// Failures on the link, and back. Codes of ours pass as they are; a code that nobody here knows is the agent's error.

import { AppError, type ErrorCode, isErrorCode } from "../core/error.ts";
import type { ResultFrame, WireError } from "./frame.ts";

const MAX_MESSAGE = 2000;

export function toWireError(error: AppError): WireError {
  return { code: error.code, message: error.message.slice(0, MAX_MESSAGE) };
}

export function fromWireError(error: WireError): AppError {
  return new AppError(isErrorCode(error.code) ? error.code : "agent_error", error.message);
}

/** The frame that ends a turn by its failure. */
export function failureFrame(id: string, error: AppError): ResultFrame {
  const status = error.kind.outcome === "timeout" ? "timeout" : "error";
  return { type: "model_result", id, status, error: toWireError(error) };
}

/** What a failed `model_result` says. */
export function failureOf(frame: ResultFrame): AppError {
  if (frame.error !== undefined) return fromWireError(frame.error);
  return frame.status === "timeout"
    ? new AppError("agent_timeout", "The agent took too long; try again.")
    : new AppError("agent_error", "The agent failed and did not say why; its log may.");
}

export function agentError(message: string): AppError {
  return new AppError("agent_error", message);
}

/** Why a signal was aborted, as one of our errors. */
export function abortError(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason;
  return reason instanceof AppError ? reason : cancelError("client_cancelled");
}

/** `reason` is what a `cancel` frame said. */
export function cancelError(reason: string): AppError {
  const code: ErrorCode = isErrorCode(reason) ? reason : "client_cancelled";
  return new AppError(code, "The request was cancelled.");
}

/** To whoever waits for an answer over a link that is no more. */
export function linkLost(): AppError {
  return new AppError("agent_lost", "The connection to the agent was lost.");
}

/** To whoever serves a turn when nobody is left to hear the answer. */
export function linkGone(): AppError {
  return new AppError("client_cancelled", "The connection to the asker was lost.");
}
