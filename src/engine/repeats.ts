// A recognised retry: it hears the outcome of the turn that it repeats, and starts no agent of its own.

import { toAppError } from "../core/error.ts";
import { repeatOf } from "./retries.ts";
import type { Ending, Memory } from "./retries.ts";
import type { Sink, TurnEnd } from "./run-turn.ts";
import { eventsOf } from "./whole.ts";

/** Nothing of a repeated answer was measured. */
const UNSEEN = { firstEventAt: undefined, answered: 0 } as const;

/** The joined turn's end, replayed. */
export async function replay(
  { started }: Memory,
  ending: Ending,
  sink: Sink | undefined,
): Promise<TurnEnd> {
  try {
    const result = repeatOf(ending);
    if (sink !== undefined) for (const event of eventsOf(result)) await sink(event);
    return { outcome: "done", result, usage: result.finish.usage, ...UNSEEN };
  } catch (error) {
    return failedEnd(error, !started);
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
