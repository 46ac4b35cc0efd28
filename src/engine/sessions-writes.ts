// How sessions reach the store: records at once, counts at the end of the moment where a limit depends on them, and
// together a little later where none does, so that an unlimited session costs no write per request.

import { AppError } from "../core/error.ts";
import type { Clock, Log, SessionStore, StoredSession } from "../core/ports.ts";
import type { Entry } from "./sessions-book.ts";

export interface Writes {
  /** The whole record, counts included. @throws AppError internal when the store refuses */
  save(entry: Entry, record?: StoredSession): Promise<void>;
  /** The same for a change that has already happened and must not be undone: tried again until it is written. */
  saveLater(entry: Entry): Promise<void>;
  /**
   * One request, written together with the other counts of this moment.
   * @throws AppError internal: nothing may be forwarded that is not counted
   */
  countNow(entry: Entry): Promise<void>;
  /** One request's tokens, the same way. What is not written now is tried again. */
  countTokens(entry: Entry, tokens: number): void;
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

/** What is counted at one moment, and who waits for it to be written. */
interface Moment extends Counts {
  readonly written: PromiseWithResolvers<void>;
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
  const moments = new Map<Entry, Moment>();
  /** Moments that are over and on their way to the store. */
  const ending = new Set<Promise<void>>();
  let cancelTimer: (() => void) | undefined;
  let closed = false;

  async function save(entry: Entry, record: StoredSession = entry.record): Promise<void> {
    if (!entry.kept) return;
    // The record carries absolute counts: what waited to be added is in it.
    const waiting = counts.get(entry);
    const moment = moments.get(entry);
    counts.delete(entry);
    moments.delete(entry);
    try {
      await store.save({ ...record });
      unsaved.delete(entry);
      moment?.written.resolve();
    } catch (error) {
      if (waiting !== undefined) add(entry, waiting);
      moment?.written.reject(error);
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
    const records = [...unsaved];
    unsaved.clear();
    // Begins with the records: the counts of theirs are in them, and no longer among those that wait.
    const saved = records.map(saveLater);
    const waiting = [...counts];
    counts.clear();
    await Promise.all([
      ...saved,
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

  /** One write for all that is counted of a session at this moment: each for itself would cost more than its turn. */
  function momentOf(entry: Entry): Moment {
    const open = moments.get(entry);
    if (open !== undefined) return open;
    const moment: Moment = { requests: 0, tokens: 0, written: Promise.withResolvers() };
    moments.set(entry, moment);
    clock.soon(() => endMoment(entry, moment));
    return moment;
  }

  /** Nothing, where a whole record has been saved meanwhile. */
  function endMoment(entry: Entry, { requests, tokens, written }: Moment): void {
    if (moments.get(entry)?.written !== written) return;
    moments.delete(entry);
    const { sessionId, lastActivityAt } = entry.record;
    ending.add(written.promise);
    store
      .count(sessionId, requests, tokens, lastActivityAt)
      .then(written.resolve, written.reject)
      .finally(() => ending.delete(written.promise));
  }

  return {
    save,
    saveLater,

    async countNow(entry) {
      if (!entry.kept) return;
      const moment = momentOf(entry);
      moment.requests += 1;
      try {
        await moment.written.promise;
      } catch (error) {
        throw notWritten(error);
      }
    },

    countTokens(entry, tokens) {
      if (!entry.kept) return;
      const moment = momentOf(entry);
      moment.tokens += tokens;
      moment.written.promise.catch((error: unknown) => {
        add(entry, { requests: 0, tokens });
        log.error({ err: error, sessionId: entry.record.sessionId }, "counts were not saved");
      });
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
      for (const [entry, moment] of moments) endMoment(entry, moment);
      await Promise.allSettled(ending);
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
