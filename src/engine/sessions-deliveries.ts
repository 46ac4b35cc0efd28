// Whether a session's newest token has reached its agent, as whoever told it the agent found out. Until that is known,
// what opened the session before opens it still.

import type { Book, Entry } from "./sessions-book.ts";
import { BY_CLAIMS, isSettled, newestHash, offerBeside } from "./sessions-tokens.ts";
import type { Writes } from "./sessions-writes.ts";

/** A token that is no session's newest is of no interest any more. */
export interface Deliveries {
  /** The agent keeps this token: what opened its session before does so no longer. */
  keepsToken(token: string): void;
  /** The agent may never have got it: where it had none before, the claims that were approved open its session. */
  lostToken(token: string): void;
}

export interface DeliveriesDeps {
  readonly book: Book;
  readonly writes: Writes;
  readonly hash: (text: string) => string;
}

export function createDeliveries({ book, writes, hash }: DeliveriesDeps): Deliveries {
  function find(newest: string): Entry | undefined {
    const entry = book.findByToken(newest);
    return newestHash(entry?.record.tokenHash ?? null) === newest ? entry : undefined;
  }

  function change(entry: Entry, tokenHash: string): void {
    book.change(entry, { tokenHash });
    void writes.saveLater(entry);
  }

  return {
    keepsToken: (token) => {
      const newest = hash(token);
      const entry = find(newest);
      if (entry !== undefined && !isSettled(entry.record.tokenHash)) change(entry, newest);
    },
    lostToken: (token) => {
      const newest = hash(token);
      const entry = find(newest);
      if (entry === undefined || !isSettled(entry.record.tokenHash)) return;
      change(entry, offerBeside(newest, BY_CLAIMS));
    },
  };
}
