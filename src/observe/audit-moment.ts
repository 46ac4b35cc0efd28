// Records that may wait until all that has arrived at this moment has been heard, to be written in one piece: a write
// to the file costs more than all else about a record. Knows neither file nor form.

import type { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import type { StampedEntry } from "./audit-record.ts";

/** What becomes of a record: one of the two is called, once. */
export interface Gathered {
  readonly record: StampedEntry;
  written(): void;
  failed(error: AppError): void;
}

export interface Moment {
  add(gathered: Gathered): void;
  /** Those that wait now, in their order; they are the caller's from here on. */
  take(): readonly Gathered[];
  readonly size: number;
}

/** `flush` is called at the end of a moment in which something was added, unless it was taken before. */
export function createMoment(clock: Pick<Clock, "soon">, flush: () => void): Moment {
  let waiting: Gathered[] = [];
  let scheduled = false;

  function end(): void {
    scheduled = false;
    if (waiting.length > 0) flush();
  }

  return {
    add: (gathered) => {
      waiting.push(gathered);
      if (scheduled) return;
      scheduled = true;
      clock.soon(end);
    },
    take: () => {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    get size() {
      return waiting.length;
    },
  };
}
