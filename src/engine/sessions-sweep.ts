// What a start finds in the store, and what the passing of time leaves to be put away.

import type { Clock, StoredSession } from "../core/ports.ts";
import type { Book, Entry } from "./sessions-book.ts";
import type { Endings } from "./sessions-endings.ts";
import type { SessionSettings } from "./sessions-grant.ts";
import { hasEnded } from "./session-machine.ts";
import type { Writes } from "./sessions-writes.ts";

export interface SweepDeps {
  readonly book: Book;
  readonly endings: Endings;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly settings: SessionSettings;
}

export interface Sweep {
  start(): void;
  close(): void;
}

/**
 * Sessions come back as they were recorded: none connected, none running, those whose time or use is over
 * ended. Only here is the wall clock asked how much time is left: no other clock outlives a process.
 */
export function restore(records: readonly StoredSession[], deps: SweepDeps): void {
  const { book, endings, clock } = deps;
  for (const record of records) {
    const ended = hasEnded(record.status);
    const entry = book.add(record, {
      kept: true,
      seenAt: clock.monotonic(),
      endedAt: ended ? clock.monotonic() - (clock.now() - record.lastActivityAt) : null,
    });
    if (ended || record.expiresAt === null) continue;
    endings.expireIn(entry, record.expiresAt - clock.now());
    endings.expireIfDue(entry);
  }
  for (const entry of book.entries()) endings.exhaustIfSpent(entry);
}

export function createSweep({ book, endings, writes, clock, settings }: SweepDeps): Sweep {
  let cancel: (() => void) | undefined;

  function start(): void {
    cancel = clock.timer(settings.cleanupIntervalMs, () => {
      for (const entry of book.entries()) sweep(entry);
      start();
    });
  }

  function sweep(entry: Entry): void {
    const now = clock.monotonic();
    if (entry.endedAt !== null && now - entry.endedAt >= settings.keepEndedMs) {
      // A turn may outlive its exhausted session; its last count is then of no interest to anybody.
      book.remove(entry);
      void writes.remove(entry);
    } else if (isAbandoned(entry, now)) {
      void endings.stop(entry, "deny");
    }
  }

  /** Nobody answered, and nobody waits for the answer any more. */
  function isAbandoned(entry: Entry, now: number): boolean {
    if (entry.record.status !== "pending" || entry.deciding) return false;
    return entry.attachment === undefined && now - entry.seenAt >= settings.pendingTtlMs;
  }

  return { start, close: () => cancel?.() };
}
