// The one way to end a turn early, whoever wants it: the client, the grant, a deadline, the operator, shutdown.
// The first reason counts; a turn that has ended takes none any more.

import type { AppError } from "../core/error.ts";

export interface TurnStop {
  /** For the agent. */
  readonly signal: AbortSignal;
  readonly reason: AppError | undefined;
  stop(reason: AppError): void;
  /** The turn's own listener: one, called at once if the turn is stopped already. */
  onStop(listener: (reason: AppError) => void): void;
  /** From now on `stop` does nothing. */
  settle(): void;
  /** Tells an agent that waits parked that nobody comes back for it: the turn itself has ended long ago. */
  abandon(reason: AppError): void;
}

export function createTurnStop(): TurnStop {
  const controller = new AbortController();
  let reason: AppError | undefined;
  let listener: ((reason: AppError) => void) | undefined;
  let settled = false;
  return {
    signal: controller.signal,
    get reason() {
      return reason;
    },
    stop: (given) => {
      if (settled || reason !== undefined) return;
      reason = given;
      listener?.(given);
      controller.abort(given);
    },
    onStop: (given) => {
      listener = given;
      if (reason !== undefined) given(reason);
    },
    settle: () => {
      settled = true;
      listener = undefined;
    },
    abandon: (given) => {
      if (settled) controller.abort(given);
    },
  };
}
