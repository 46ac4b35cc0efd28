// An error as fields for the log. The text of an error that is not ours may hold anything, a prompt included.

import { AppError } from "../core/error.ts";

export interface LoggableError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  /** Where, without the message that a stack begins with. */
  readonly at?: readonly string[];
  readonly cause?: LoggableError;
}

const MAX_MESSAGE = 200;
const MAX_FRAMES = 8;
const MAX_CAUSES = 4;

/** Our own messages whole; others cut, and those of parsers left out, since they quote what they could not parse. */
export function toLoggableError(error: Error, depth = 0): LoggableError {
  const code = codeOf(error);
  const at = framesOf(error);
  return {
    type: error.name,
    message: messageOf(error),
    ...(code !== undefined && { code }),
    ...(at.length > 0 && { at }),
    ...(error.cause instanceof Error &&
      depth < MAX_CAUSES && { cause: toLoggableError(error.cause, depth + 1) }),
  };
}

function messageOf(error: Error): string {
  if (error instanceof AppError) return error.message;
  return error instanceof SyntaxError ? "not shown" : error.message.slice(0, MAX_MESSAGE);
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function framesOf(error: Error): readonly string[] {
  return (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim());
}
