// How a connector ends when its turn is cancelled: always by throwing, with the reason that the signal carries.

import { AppError } from "../core/error.ts";

/** The error of an aborted turn: the `AppError` the signal was aborted with, else `client_cancelled`. */
export function abortError(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason;
  return reason instanceof AppError
    ? reason
    : new AppError("client_cancelled", "The turn was cancelled.");
}

/** Throws `abortError` once the signal has aborted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}

/** Settles by rejecting with `abortError` when the signal aborts; `begin` starts what is waited for and returns its undo. */
export async function waitOrAbort(
  signal: AbortSignal,
  begin: (done: () => void) => () => void,
): Promise<void> {
  throwIfAborted(signal);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  const undo = begin(stop);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    undo();
  }
  throwIfAborted(signal);
}

/** What `promise` gives, unless the signal aborts first. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(abortError(signal));
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
