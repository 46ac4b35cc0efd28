// How a session becomes, and stays, active: the one-time decision, the way back from a suspension, more time.
// Each is written down before it takes effect: a grant that the store does not know does not exist.

import { AppError } from "../core/error.ts";
import type { Clock, Random, StoredSession } from "../core/ports.ts";
import type { Book, Entry } from "./sessions-book.ts";
import type { Endings } from "./sessions-endings.ts";
import { checkDuration } from "./sessions-grant.ts";
import type { FullGrant } from "./sessions-grant.ts";
import { hasEnded, nextStatus } from "./session-machine.ts";
import type { Writes } from "./sessions-writes.ts";

export interface Decisions {
  /** Once per session, whoever asks first. Answers with the session token. @throws AppError conflict, internal */
  approve(entry: Entry, grant: FullGrant, approvalHash?: string): Promise<string>;
  /** @throws AppError conflict, internal */
  resume(entry: Entry): Promise<void>;
  /** @throws AppError conflict, invalid_request, internal */
  extend(entry: Entry, ms: number): Promise<void>;
}

export interface DecisionsDeps {
  readonly book: Book;
  readonly endings: Endings;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly random: Random;
  readonly hash: (text: string) => string;
}

export function createDecisions(deps: DecisionsDeps): Decisions {
  const { book, endings, writes, clock, random, hash } = deps;

  /** Saves first, then applies. Only the patch is applied: the counts may have moved on meanwhile. */
  async function decide(entry: Entry, patch: Partial<StoredSession>): Promise<void> {
    if (entry.deciding) throw new AppError("conflict", "The session is being decided just now.");
    entry.deciding = true;
    try {
      await writes.save(entry, { ...entry.record, ...patch });
    } finally {
      entry.deciding = false;
    }
  }

  return {
    async approve(entry, grant, approvalHash) {
      const status = nextStatus(entry.record.status, "approve");
      if (approvalHash !== undefined && approvalHash !== entry.record.approvalHash) {
        throw new AppError(
          "conflict",
          "The request has changed since it was shown. Look at it again, then approve it.",
        );
      }
      const token = random.secret();
      const now = clock.now();
      const patch = {
        status,
        scopes: grant.scopes,
        maxRequests: grant.maxRequests,
        maxTokens: grant.maxTokens,
        expiresAt: grant.ttlMs === null ? null : now + grant.ttlMs,
        lastActivityAt: now,
        tokenHash: hash(token),
      };
      await decide(entry, patch);
      book.change(entry, patch);
      endings.expireIn(entry, grant.ttlMs);
      return token;
    },

    async resume(entry) {
      endings.expireIfDue(entry);
      const patch = {
        status: nextStatus(entry.record.status, "resume"),
        lastActivityAt: clock.now(),
      };
      await decide(entry, patch);
      // It may have been revoked, or have expired, while this was written: then it stays so, here and there.
      nextStatus(entry.record.status, "resume");
      book.change(entry, patch);
      book.emit(entry);
    },

    async extend(entry, ms) {
      const more = checkDuration(ms, "ms");
      endings.expireIfDue(entry);
      const { status, expiresAt } = entry.record;
      if (status === "pending" || hasEnded(status)) {
        throw new AppError("conflict", `A session that is ${status} cannot be extended.`);
      }
      if (expiresAt === null || entry.deadline === null) return;
      await decide(entry, { expiresAt: expiresAt + more });
      if (hasEnded(entry.record.status)) return;
      book.change(entry, { expiresAt: expiresAt + more });
      endings.expireIn(entry, entry.deadline - clock.monotonic() + more);
      book.emit(entry);
    },
  };
}
