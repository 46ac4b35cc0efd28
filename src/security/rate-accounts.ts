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
  const accounts = new Map<string, RateAccount>();

  function forgetIdle(now: number): void {
    for (const [name, account] of accounts) if (idleIn(account, now) === 0) accounts.delete(name);
  }

  function tooMany(wanted: ReadonlySet<string>): number {
    let size = accounts.size;
    for (const name of wanted) if (!accounts.has(name)) size += 1;
    return size - maxSubjects;
  }

  return {
    find: (subject) => accounts.get(nameOf(subject)),
    open: (subject) => {
      const name = nameOf(subject);
      const known = accounts.get(name);
      if (known !== undefined) return known;
      const account = { requests: createSlidingWindow(), tokens: createSlidingWindow() };
      accounts.set(name, account);
      return account;
    },
    waitForRoom: (subjects, now) => {
      const wanted = new Set(subjects.map(nameOf));
      if (tooMany(wanted) <= 0) return 0;
      forgetIdle(now);
      const over = tooMany(wanted);
      if (over <= 0) return 0;
      const waits: number[] = [];
      for (const [name, account] of accounts) {
        if (!wanted.has(name)) waits.push(idleIn(account, now));
      }
      return waits.sort((a, b) => a - b)[over - 1] ?? WINDOW_MS;
    },
  };
}

function nameOf(subject: RateSubject): string {
  return subject.kind === "key" ? `k${subject.id}` : `s${subject.id}`;
}

function idleIn(account: RateAccount, now: number): number {
  return Math.max(emptyIn(account.requests, now), emptyIn(account.tokens, now));
}
