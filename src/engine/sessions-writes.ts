// How sessions reach the store: records at once, counts at once where a limit depends on them, and together
// a little later where none does, so that an unlimited session costs no write per request.

import { AppError } from "../core/error.ts";
import type { Clock, Log, SessionStore, StoredSession } from "../core/ports.ts";
import type { Entry } from "./sessions-book.ts";

export interface Writes {
  /** The whole record, counts included. @throws AppError internal when the store refuses */
  save(entry: Entry, record?: StoredSession): Promise<void>;
  /** The same for a change that has already happened and must not be undone: tried again until it is written. */
  saveLater(entry: Entry): Promise<void>;
  /** @throws AppError internal: nothing may be forwarded that is not counted */
  countNow(entry: Entry): Promise<void>;
  countLater(entry: Entry, requests: number, tokens: number): void;
  remove(entry: Entry): Promise<void>;
  flush(): Promise<void>;
  /** Writes what is left and stops; later counts are written by nobody. */
  close(): Promise<void>;
}

interface Counts {
  requests: number;
  tokens: number;
}

export interface WritesDeps {
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly flushMs: number;
}

export function createWrites({ store, clock, log, flushMs }: WritesDeps): Writes {
  const counts = new Map<Entry, Counts>();
  const unsaved = new Set<Entry>();
  let cancelTimer: (() => void) | undefined;
  let closed = false;

  async function save(entry: Entry, record: StoredSession = entry.record): Promise<void> {
    if (!entry.kept) return;
    // The record carries absolute counts: what waited to be added is in it.
    const waiting = counts.get(entry);
    counts.delete(entry);
    try {
      await store.save(record);
      unsaved.delete(entry);
    } catch (error) {
      if (waiting !== undefined) add(entry, waiting);
      throw notWritten(error);
    }
  }

  async function saveLater(entry: Entry): Promise<void> {
    try {
      await save(entry);
    } catch (error) {
      unsaved.add(entry);
      schedule();
      const { sessionId, status } = entry.record;
      log.error({ err: error, sessionId, status }, "a session was not saved; it is tried again");
    }
  }

  function add(entry: Entry, { requests, tokens }: Counts): void {
    const known = counts.get(entry);
    if (known === undefined) counts.set(entry, { requests, tokens });
    else {
      known.requests += requests;
      known.tokens += tokens;
    }
    schedule();
  }

  function schedule(): void {
    if (closed || cancelTimer !== undefined) return;
    cancelTimer = clock.timer(flushMs, () => {
      cancelTimer = undefined;
      void flush();
    });
  }

  async function flush(): Promise<void> {
    const waiting = [...counts];
    counts.clear();
    const records = [...unsaved];
    unsaved.clear();
    await Promise.all([
      ...records.map(saveLater),
      ...waiting.map(async ([entry, sums]) => {
        try {
          const { sessionId, lastActivityAt } = entry.record;
          await store.count(sessionId, sums.requests, sums.tokens, lastActivityAt);
        } catch (error) {
          add(entry, sums);
          log.error({ err: error, sessionId: entry.record.sessionId }, "counts were not saved");
        }
      }),
    ]);
  }

  return {
    save,
    saveLater,

    async countNow(entry) {
      if (!entry.kept) return;
      const { sessionId, lastActivityAt } = entry.record;
      try {
        await store.count(sessionId, 1, 0, lastActivityAt);
      } catch (error) {
        throw notWritten(error);
      }
    },

    countLater(entry, requests, tokens) {
      if (entry.kept) add(entry, { requests, tokens });
    },

    async remove(entry) {
      counts.delete(entry);
      unsaved.delete(entry);
      if (!entry.kept) return;
      try {
        await store.remove(entry.record.sessionId);
      } catch (error) {
        log.error({ err: error, sessionId: entry.record.sessionId }, "a session was not removed");
      }
    },

    flush,

    async close() {
      closed = true;
      cancelTimer?.();
      cancelTimer = undefined;
      await flush();
    },
  };
}

function notWritten(error: unknown): AppError {
  return new AppError(
    "internal",
    "The session store cannot be written, so nothing was changed. Check the disk of MLP_HOME.",
    { cause: error },
  );
}
