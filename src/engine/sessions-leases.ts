// The right to run one turn: checked and counted in one step, given back once. Knows no human and no agent's joining.

import { AppError } from "../core/error.ts";
import type { Usage } from "../core/event.ts";
import type { Agent, Clock, Lease, LeaseRequest, Log } from "../core/ports.ts";
import type { Book, Entry, OpenLease } from "./sessions-book.ts";
import type { Endings } from "./sessions-endings.ts";
import { isSpent } from "./sessions-endings.ts";
import { refusalOf } from "./session-machine.ts";
import type { Writes } from "./sessions-writes.ts";

export interface LeasesDeps {
  readonly book: Book;
  readonly endings: Endings;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly log: Log;
}

export type Acquire = (sessionId: string, request: LeaseRequest) => Promise<Lease>;

export function createLeases(deps: LeasesDeps): Acquire {
  const { book, endings, writes, clock } = deps;

  /** No `await` between the checks and the count: that is what makes `max_requests` exact. */
  function take(entry: Entry, request: LeaseRequest): { agent: Agent; lease: CountedLease } {
    const agent = admit(entry, request);
    book.count(entry, {
      requestCount: entry.record.requestCount + 1,
      lastActivityAt: clock.now(),
    });
    const lease = createLease(deps, entry, request);
    entry.leases.add(lease);
    return { agent, lease };
  }

  function admit(entry: Entry, request: LeaseRequest): Agent {
    endings.expireIfDue(entry);
    const refusal = refusalOf(entry.record);
    if (refusal !== undefined) throw refusal;
    const missing = request.scopes.find((scope) => !entry.record.scopes.includes(scope));
    if (missing !== undefined) {
      throw new AppError("scope_missing", `The session does not have the scope "${missing}".`);
    }
    if (isSpent(entry)) {
      throw new AppError(
        "session_exhausted",
        "The session has used up its limits. Start its agent again and approve the new session.",
      );
    }
    if (entry.attachment !== undefined) return entry.attachment.agent;
    throw new AppError(
      "no_active_session",
      "The agent of this session is not connected. Start it again, or wait for it to be back.",
    );
  }

  return async (sessionId, request) => {
    const entry = book.need(sessionId);
    const { agent, lease } = take(entry, request);
    if (entry.record.maxRequests === null) writes.countLater(entry, 1, 0);
    else {
      try {
        await writes.countNow(entry);
      } catch (error) {
        lease.refund();
        throw error;
      }
    }
    const refund = (): void => {
      if (!lease.refund()) return;
      writes.countLater(entry, -1, 0);
      endings.exhaustIfSpent(entry);
    };
    const ended = lease.hand();
    if (ended !== undefined) {
      refund();
      throw ended;
    }
    return {
      session: book.view(entry),
      agent,
      settle: (usage) => lease.settle(usage),
      refund,
    };
  };
}

interface CountedLease extends OpenLease {
  /** From now on the turn hears of the end by `onEnd`. Returns the end where that came before. */
  hand(): AppError | undefined;
  /** Whether it was still open. What has been written down is the caller's to take back. */
  refund(): boolean;
  settle(usage: Usage | undefined): void;
}

function createLease(deps: LeasesDeps, entry: Entry, request: LeaseRequest): CountedLease {
  const { book, endings, writes, clock, log } = deps;
  let handed = false;
  let settled = false;
  let ended: AppError | undefined;

  function release(): boolean {
    if (settled) return false;
    settled = true;
    entry.leases.delete(lease);
    book.touch(entry);
    return true;
  }

  const lease: CountedLease = {
    cut(error) {
      if (settled || ended !== undefined) return;
      ended = error;
      if (!handed) return;
      try {
        request.onEnd(error);
      } catch (thrown) {
        log.error({ err: thrown, sessionId: entry.record.sessionId }, "ending a turn failed");
      }
    },

    hand() {
      handed = ended === undefined;
      return ended;
    },

    refund() {
      if (!release()) return false;
      book.count(entry, { requestCount: Math.max(0, entry.record.requestCount - 1) });
      return true;
    },

    settle(usage) {
      if (!release()) return;
      const tokens = tokensOf(usage);
      book.count(entry, {
        tokenCount: entry.record.tokenCount + tokens,
        lastActivityAt: clock.now(),
      });
      if (tokens > 0) {
        // What a limit depends on does not wait for the timer.
        if (entry.record.maxTokens !== null) writes.countTokens(entry, tokens);
        else writes.countLater(entry, 0, tokens);
      }
      endings.exhaustIfSpent(entry);
    },
  };
  return lease;
}

/** An agent's counts are a claim: what is no count counts as nothing. */
function tokensOf(usage: Usage | undefined): number {
  if (usage === undefined) return 0;
  return whole(usage.promptTokens) + whole(usage.completionTokens);
}

function whole(count: number): number {
  return Number.isFinite(count) && count > 0 ? Math.min(Math.ceil(count), 1e12) : 0;
}
