// A recognised retry: it hears the outcome of the turn that it repeats, and starts no agent of its own.

import { AppError, toAppError } from "../core/error.ts";
import { repeatOf } from "./retries.ts";
import type { Ending, Memory } from "./retries.ts";
import type { Sink, TurnEnd } from "./run-turn.ts";
import { eventsOf } from "./whole.ts";

/** Nothing of a repeated answer was measured. */
const UNSEEN = { firstEventAt: undefined, answered: 0 } as const;

/** Who repeats: where the answer goes, and whether he is still there. */
interface Listener {
  readonly sink: Sink | undefined;
  readonly signal: AbortSignal;
}

/** The joined turn's end, replayed. */
export async function replay(
  { started }: Memory,
  ending: Ending,
  { sink, signal }: Listener,
): Promise<TurnEnd> {
  try {
    const result = repeatOf(ending);
    if (sink !== undefined) for (const event of eventsOf(result)) await orGone(sink(event), signal);
    return { outcome: "done", result, usage: result.finish.usage, ...UNSEEN };
  } catch (error) {
    return failedEnd(error, !started);
  }
}

/** What is waited for, unless the client hangs up first: there is no turn of its own that would end then. */
export async function orGone<T>(wanted: Promise<T> | T, signal: AbortSignal): Promise<T> {
  if (!(wanted instanceof Promise)) return wanted;
  const gone = Promise.withResolvers<never>();
  const hangUp = (): void => gone.reject(new AppError("client_cancelled", "The client hung up."));
  if (signal.aborted) hangUp();
  signal.addEventListener("abort", hangUp);
  try {
    return await Promise.race([wanted, gone.promise]);
  } finally {
    signal.removeEventListener("abort", hangUp);
  }
}

/** An end without an answer. `neverRan`: no agent has heard of the request, nor of the one that it repeats. */
export function failedEnd(thrown: unknown, neverRan: boolean): TurnEnd {
  const error = toAppError(thrown);
  return { outcome: error.kind.outcome, error, usage: undefined, neverRan, ...UNSEEN };
}

/** Its client hung up while it waited for room: nothing has run, and the retry is the one that is wanted now. */
export function wasAbandoned(memory: Memory, ending: Ending): boolean {
  return !memory.started && "error" in ending && ending.error.code === "client_cancelled";
}
