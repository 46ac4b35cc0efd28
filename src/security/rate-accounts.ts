// What each subject has used in the last minute. Bounded; forgets only subjects of which nothing counts any more,
// so that forgetting changes no answer. Knows no limits.

import type { RateSubject } from "../core/ports.ts";
import { createSlidingWindow, emptyIn, WINDOW_MS } from "./sliding-window.ts";
import type { SlidingWindow } from "./sliding-window.ts";

export interface RateAccount {
  readonly requests: SlidingWindow;
  readonly tokens: SlidingWindow;
}

export interface RateAccounts {
  find(subject: RateSubject): RateAccount | undefined;
  /** The subject's account, a new one if need be: ask `waitForRoom` first, where there is a choice. */
  open(subject: RateSubject): RateAccount;
  /** Milliseconds until all these subjects can have an account; 0: they can. */
  waitForRoom(subjects: readonly RateSubject[], now: number): number;
}

export function createRateAccounts(maxSubjects: number): RateAccounts {
  /** By kind and id: a name made of both for every look-up would cost more than the look-up. */
  const accounts = { key: new Map<string, RateAccount>(), session: new Map<string, RateAccount>() };
  const maps = Object.values(accounts);

  function find({ kind, id }: RateSubject): RateAccount | undefined {
    return accounts[kind].get(id);
  }

  function forgetIdle(now: number): void {
    for (const map of maps) {
      for (const [id, account] of map) if (idleIn(account, now) === 0) map.delete(id);
    }
  }

  function tooMany(wanted: readonly RateSubject[]): number {
    const missing = wanted.filter((subject) => find(subject) === undefined);
    const names = new Set(missing.map(({ kind, id }) => `${kind} ${id}`));
    return accounts.key.size + accounts.session.size + names.size - maxSubjects;
  }

  return {
    find,
    open: (subject) => {
      const known = find(subject);
      if (known !== undefined) return known;
      const account = { requests: createSlidingWindow(), tokens: createSlidingWindow() };
      accounts[subject.kind].set(subject.id, account);
      return account;
    },
    waitForRoom: (subjects, now) => {
      if (tooMany(subjects) <= 0) return 0;
      forgetIdle(now);
      const over = tooMany(subjects);
      if (over <= 0) return 0;
      const wanted = new Set(subjects.map(find));
      const waits: number[] = [];
      for (const map of maps) {
        for (const account of map.values()) {
          if (!wanted.has(account)) waits.push(idleIn(account, now));
        }
      }
      return waits.sort((a, b) => a - b)[over - 1] ?? WINDOW_MS;
    },
  };
}

function idleIn(account: RateAccount, now: number): number {
  return Math.max(emptyIn(account.requests, now), emptyIn(account.tokens, now));
}
