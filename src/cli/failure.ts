// How a command fails: the message that a person reads, and the exit code that a script reads.

import { AppError } from "../core/error.ts";
import { toLoggableError } from "../observe/log-error.ts";
import { visible } from "../observe/visible.ts";

/** The command was called wrongly, or its configuration is wrong: exit code 2. The message is one line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command was right, and it did not work: exit code 1. The message is one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** 0 is success, 1 failure, 2 usage. */
export type ExitCode = 0 | 1 | 2;

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof UsageError ? 2 : 1;
}

/** One line for every failure that we know; a stack for a fault of our own, so that it can be reported. */
export function failureText(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommandError || error instanceof AppError) {
    return `mlp: ${visible(error.message)}`;
  }
  if (!(error instanceof Error)) return `mlp: ${visible(String(error))}`;
  if (isSystemError(error)) return `mlp: ${visible(error.message)}`;
  const { type, message, at = [] } = toLoggableError(error);
  return [
    `mlp: unexpected failure: ${type}: ${visible(message)}`,
    ...at.map((frame) => `    ${visible(frame)}`),
  ].join("\n");
}

/** What the configuration and the specs complain of is the caller's to mend. */
export async function asUsage<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_request") {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/** Port taken, permission denied, disk full…: the system's message says it. */
function isSystemError(error: Error): boolean {
  return "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}
