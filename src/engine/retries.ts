// Editors and SDKs retry; a retry must not make the agent run twice. What is remembered here of each turn
// lets a recognisable retry join it or hear its outcome again, and a failed prompt sent again at once hear
// the failure again. Fingerprints are keyed hashes: no prompt is kept, only answers, for a short while.

import { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { Clock } from "../core/ports.ts";

/** How a request may be recognised. */
export interface Attempt {
  readonly keyId: string;
  /** A keyed hash of route and body. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | undefined;
  /** From `x-stainless-retry-count`: above 0, the client itself says that this is a retry. */
  readonly retryCount: number;
}

export type Ending = { readonly result: TurnResult | undefined } | { readonly error: AppError };

/** What is known of one turn. */
export interface Memory {
  readonly ended: Promise<Ending>;
  agentStarted(): void;
  end(ending: Ending): void;
}

export interface RetryGuard {
  /** The turn that this attempt must not run again. @throws AppError conflict for a key used with another body */
  find(attempt: Attempt): Memory | undefined;
  remember(attempt: Attempt): Memory;
}

export interface RetrySettings {
  readonly clock: Clock;
  /** How long a recognisable retry hears an ended turn's outcome. */
  readonly repeatMs: number;
  /** How long the same request hears a failure again: longer than Void's 2.5 s between attempts. */
  readonly failureMs: number;
  readonly maxTurns: number;
}

interface Entry extends Memory {
  readonly attempt: Attempt;
  started: boolean;
  endedAt: number | undefined;
  failed: boolean;
}

export function createRetryGuard(settings: RetrySettings): RetryGuard {
  const entries = new Set<Entry>();
  const byFingerprint = new Map<string, Entry>();
  const byIdempotencyKey = new Map<string, Entry>();

  function forget(entry: Entry): void {
    entries.delete(entry);
    const { attempt } = entry;
    if (byFingerprint.get(fingerprintKey(attempt)) === entry) {
      byFingerprint.delete(fingerprintKey(attempt));
    }
    const named = idempotencyKey(attempt);
    if (named !== undefined && byIdempotencyKey.get(named) === entry)
      byIdempotencyKey.delete(named);
  }

  function isFresh(entry: Entry, forMs: number): boolean {
    return entry.endedAt === undefined || settings.clock.monotonic() - entry.endedAt <= forMs;
  }

  function find(attempt: Attempt): Memory | undefined {
    const named = idempotencyKey(attempt);
    const sameKey = named === undefined ? undefined : byIdempotencyKey.get(named);
    if (sameKey !== undefined && isFresh(sameKey, settings.repeatMs)) {
      if (sameKey.attempt.fingerprint !== attempt.fingerprint) {
        throw new AppError("conflict", "This Idempotency-Key was used with a different request.");
      }
      return sameKey;
    }
    const same = byFingerprint.get(fingerprintKey(attempt));
    if (same === undefined) return undefined;
    if (attempt.retryCount > 0 && isFresh(same, settings.repeatMs)) return same;
    return same.failed && isFresh(same, settings.failureMs) ? same : undefined;
  }

  function remember(attempt: Attempt): Memory {
    prune();
    const { promise, resolve } = Promise.withResolvers<Ending>();
    const entry: Entry = {
      attempt,
      started: false,
      endedAt: undefined,
      failed: false,
      ended: promise,
      agentStarted: () => {
        entry.started = true;
      },
      end: (ending) => {
        entry.endedAt = settings.clock.monotonic();
        entry.failed = "error" in ending && ending.error.code !== "client_cancelled";
        // An agent that never started leaves nothing to protect: the request may simply be made again.
        if (!entry.started) forget(entry);
        resolve(ending);
      },
    };
    entries.add(entry);
    byFingerprint.set(fingerprintKey(attempt), entry);
    const named = idempotencyKey(attempt);
    if (named !== undefined) byIdempotencyKey.set(named, entry);
    return entry;
  }

  /** Entries stand in the order of their turns' starts: old ones go first, those still running stay. */
  function prune(): void {
    for (const entry of entries) {
      const stale = entry.endedAt !== undefined && !isFresh(entry, settings.repeatMs);
      const crowded = entry.endedAt !== undefined && entries.size >= settings.maxTurns;
      if (stale || crowded) forget(entry);
      else if (entries.size < settings.maxTurns) return;
    }
  }

  return { find, remember };
}

function fingerprintKey(attempt: Attempt): string {
  return `${attempt.keyId} ${attempt.fingerprint}`;
}

function idempotencyKey(attempt: Attempt): string | undefined {
  return attempt.idempotencyKey === undefined
    ? undefined
    : `${attempt.keyId} ${attempt.idempotencyKey}`;
}

/** What a retry hears of a turn that ended: its answer or its failure, and never a second run. */
export function repeatOf(ending: Ending): TurnResult {
  if ("error" in ending) {
    if (ending.error.code !== "client_cancelled") throw ending.error;
    throw new AppError(
      "already_ran",
      "The agent already ran this request, and was stopped when its first attempt hung up. Send it anew to run it again.",
    );
  }
  if (ending.result !== undefined) return ending.result;
  throw new AppError(
    "already_ran",
    "The agent already answered this request, and the answer was too large to keep. Send it anew to run it again.",
  );
}
