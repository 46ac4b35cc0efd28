// How a session's grant stops: by time, by use, or by a human. Time is the monotonic clock: a jump of the wall
// clock ends nothing early and keeps nothing alive.

import type { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import type { Book, Entry } from "./sessions-book.ts";
import type { SessionStep } from "./session-machine.ts";
import { hasEnded, nextStatus, refusalOf } from "./session-machine.ts";
import type { Writes } from "./sessions-writes.ts";

type Stop = Extract<SessionStep, "deny" | "suspend" | "revoke" | "expire" | "exhaust">;

export interface Endings {
  /** Changes the status now and ends the turns in flight at once; writes it down after. @throws AppError conflict */
  stop(entry: Entry, step: Stop): Promise<void>;
  /** Ends the session `ms` from now; `null`: never. */
  expireIn(entry: Entry, ms: number | null): void;
  /** Expires a session whose time is over, though its timer may be late. */
  expireIfDue(entry: Entry): void;
  /** Ends a session that has spent its limits once its last turn is over: what was admitted may finish. */
  exhaustIfSpent(entry: Entry): void;
  close(): void;
}

/** Timers longer than about 24 days fire at once in JavaScript. */
const LONGEST_TIMER_MS = 24 * 60 * 60_000;

export interface EndingsDeps {
  readonly book: Book;
  readonly writes: Writes;
  readonly clock: Clock;
}

export function createEndings({ book, writes, clock }: EndingsDeps): Endings {
  const timers = new Map<Entry, () => void>();

  function disarm(entry: Entry): void {
    timers.get(entry)?.();
    timers.delete(entry);
  }

  function arm(entry: Entry): void {
    disarm(entry);
    if (entry.deadline === null) return;
    const wait = Math.ceil(entry.deadline - clock.monotonic());
    const cancel = clock.timer(Math.min(Math.max(wait, 1), LONGEST_TIMER_MS), () => {
      timers.delete(entry);
      expireIfDue(entry);
      if (!hasEnded(entry.record.status)) arm(entry);
    });
    timers.set(entry, cancel);
  }

  function stop(entry: Entry, step: Stop): Promise<void> {
    const status = nextStatus(entry.record.status, step);
    book.change(entry, { status, lastActivityAt: clock.now() });
    if (hasEnded(status)) {
      entry.endedAt = clock.monotonic();
      disarm(entry);
    }
    const reason = refusalOf(entry.record);
    if (reason !== undefined) cutAll(entry, reason);
    book.emit(entry);
    return writes.saveLater(entry);
  }

  function expireIfDue(entry: Entry): void {
    if (entry.deadline === null || clock.monotonic() < entry.deadline) return;
    if (entry.record.status === "active" || entry.record.status === "suspended") {
      void stop(entry, "expire");
    }
  }

  return {
    stop,
    expireIfDue,

    expireIn(entry, ms) {
      entry.deadline = ms === null ? null : clock.monotonic() + ms;
      arm(entry);
    },

    exhaustIfSpent(entry) {
      if (entry.leases.size > 0 || !isSpent(entry)) return;
      if (entry.record.status === "active" || entry.record.status === "suspended") {
        void stop(entry, "exhaust");
      }
    },

    close() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
    },
  };
}

/** Whether the next request is one too many. */
export function isSpent({ record }: Pick<Entry, "record">): boolean {
  const { requestCount, maxRequests, tokenCount, maxTokens } = record;
  return (
    (maxRequests !== null && requestCount >= maxRequests) ||
    (maxTokens !== null && tokenCount >= maxTokens)
  );
}

function cutAll(entry: Entry, reason: AppError): void {
  for (const lease of entry.leases) lease.cut(reason);
}
