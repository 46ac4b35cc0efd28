// Editors and SDKs retry; a retry must not make the agent run twice. What is remembered here of each turn
// lets a recognisable retry join it or hear its outcome again, and a failed prompt sent again at once hear
// the failure again. Fingerprints are keyed hashes: no prompt is kept, only answers, for a short while.

import { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { Clock } from "../core/ports.ts";

/** How a request may be recognised. */
export interface Attempt {
  /** Unguessable, and never used twice. */
  readonly requestId: string;
  readonly keyId: string;
  /** A keyed hash of client key, route and body: different keys never have the same one. */
  readonly fingerprint: string;
  readonly idempotencyKey: string | undefined;
  /** From `x-stainless-retry-count`: above 0, the client itself says that this is a retry. */
  readonly retryCount: number;
  /** The request that this is one turn of, where that has several. */
  readonly list?: ListMemory;
}

/** The turns of one request that has several. Until all of it has ended none of them is forgotten. */
export interface ListMemory {
  readonly turns: Set<Memory>;
}

export type Ending = { readonly result: TurnResult | undefined } | { readonly error: AppError };

/** What is known of one turn. */
export interface Memory {
  readonly attempt: Attempt;
  /** Whether an agent may have begun: from then on the turn must not run again. */
  started: boolean;
  readonly ending: Ending | undefined;
}

export interface RetryGuard {
  /** The turn that this attempt must not run again. @throws AppError conflict for a key used with another body */
  find(attempt: Attempt): Memory | undefined;
  remember(attempt: Attempt): Memory;
  end(memory: Memory, ending: Ending): void;
  whenEnded(memory: Memory): Promise<Ending>;
  /** For a request of several turns: its attempts name it. */
  openList(): ListMemory;
  /**
   * The request has ended as a whole. Where it `failed`, the same request hears of those of its turns that had been
   * answered, too, as long as of the one that failed.
   */
  endList(list: ListMemory, failed: boolean): void;
}

export interface RetrySettings {
  readonly clock: Clock;
  /** How long a recognisable retry hears an ended turn's outcome. */
  readonly repeatMs: number;
  /** How long the same request hears a failure again: longer than Void's 2.5 s between attempts. */
  readonly failureMs: number;
  readonly maxTurns: number;
  /** About how much memory the answers may take together. The oldest go first: their retries are refused then. */
  readonly maxBytes: number;
}

interface Entry extends Memory {
  ending: Ending | undefined;
  endedAt: number;
  /** What its answer takes, in bytes. */
  weight: number;
  joined: ((ending: Ending) => void)[];
  /** How many requests of several turns it is part of that have not ended. */
  openLists: number;
  /** Whether the last of those that have failed. */
  failedInList: boolean;
}

export function createRetryGuard(settings: RetrySettings): RetryGuard {
  /** In the order of the turns' starts. One prompt may have several, each known by another key. */
  const entries = new Set<Entry>();
  const byFingerprint = new Map<string, Entry>();
  const byIdempotencyKey = new Map<string, Entry>();
  let weight = 0;

  function isFresh(entry: Entry, forMs: number): boolean {
    if (entry.ending === undefined || entry.openLists > 0) return true;
    return settings.clock.monotonic() - entry.endedAt <= forMs;
  }

  function find(attempt: Attempt): Memory | undefined {
    const known = lookUp(attempt);
    if (known !== undefined) join(known, attempt.list);
    return known;
  }

  function lookUp(attempt: Attempt): Entry | undefined {
    const named = idempotencyKey(attempt);
    const sameKey = named === undefined ? undefined : byIdempotencyKey.get(named);
    if (sameKey !== undefined && isFresh(sameKey, settings.repeatMs)) {
      if (sameKey.attempt.fingerprint !== attempt.fingerprint) {
        throw new AppError("conflict", "This Idempotency-Key was used with a different request.");
      }
      return sameKey;
    }
    const same = byFingerprint.get(attempt.fingerprint);
    if (same === undefined) return undefined;
    if (attempt.retryCount > 0 && isFresh(same, settings.repeatMs)) return same;
    return hasFailed(same) && isFresh(same, settings.failureMs) ? same : undefined;
  }

  function remember(attempt: Attempt): Memory {
    prune();
    const before = byFingerprint.get(attempt.fingerprint);
    // Nobody can ask for it any more.
    if (before !== undefined && idempotencyKey(before.attempt) === undefined) forget(before);
    const entry: Entry = {
      attempt,
      started: false,
      ending: undefined,
      endedAt: 0,
      weight: 0,
      joined: [],
      openLists: 0,
      failedInList: false,
    };
    join(entry, attempt.list);
    entries.add(entry);
    byFingerprint.set(attempt.fingerprint, entry);
    const named = idempotencyKey(attempt);
    if (named !== undefined) byIdempotencyKey.set(named, entry);
    return entry;
  }

  /** Old ones go first; those that are still running stay, and those whose request is. */
  function prune(): void {
    for (const entry of entries) {
      const isCrowded = entries.size >= settings.maxTurns;
      if (!isCrowded && isFresh(entry, settings.repeatMs)) return;
      if (entry.ending !== undefined && entry.openLists === 0) forget(entry);
    }
  }

  /** The entry is part of this request from now on, be it that it runs for it or is repeated. */
  function join(entry: Entry, list: ListMemory | undefined): void {
    if (list === undefined || list.turns.has(entry)) return;
    list.turns.add(entry);
    entry.openLists += 1;
  }

  function endList(list: ListMemory, failed: boolean): void {
    const turns = Array.from(list.turns, (memory) => memory as Entry);
    list.turns.clear();
    // One that only repeated others must not keep them fresh: its retries would hear of them for ever.
    const hasRun = turns.some(({ attempt, started }) => started && attempt.list === list);
    const now = settings.clock.monotonic();
    for (const entry of turns) {
      entry.openLists -= 1;
      if (!hasRun) continue;
      entry.failedInList = failed;
      entry.endedAt = now;
    }
  }

  function forget(entry: Entry): void {
    const { attempt } = entry;
    entries.delete(entry);
    weigh(entry, 0);
    if (byFingerprint.get(attempt.fingerprint) === entry) byFingerprint.delete(attempt.fingerprint);
    const named = idempotencyKey(attempt);
    if (named !== undefined && byIdempotencyKey.get(named) === entry)
      byIdempotencyKey.delete(named);
  }

  function weigh(entry: Entry, bytes: number): void {
    weight += bytes - entry.weight;
    entry.weight = bytes;
  }

  function lighten(): void {
    for (const entry of entries) {
      if (weight <= settings.maxBytes) return;
      if (entry.weight === 0) continue;
      weigh(entry, 0);
      entry.ending = { result: undefined };
    }
  }

  return {
    find,
    remember,
    end: (memory, ending) => {
      const entry = memory as Entry;
      entry.ending = ending;
      entry.endedAt = settings.clock.monotonic();
      // An agent that never started leaves nothing to protect: the request may simply be made again.
      if (!entry.started) forget(entry);
      // One that was forgotten while it ran is kept by nobody.
      if (entries.has(entry)) weigh(entry, weightOf(ending));
      lighten();
      for (const hear of entry.joined) hear(ending);
    },
    whenEnded: (memory) => {
      const entry = memory as Entry;
      if (entry.ending !== undefined) return Promise.resolve(entry.ending);
      return new Promise((resolve) => entry.joined.push(resolve));
    },
    openList: () => ({ turns: new Set() }),
    endList,
  };
}

const BYTES_PER_CHARACTER = 2;
const BYTES_PER_NUMBER = 8;

function weightOf(ending: Ending): number {
  if ("error" in ending || ending.result === undefined) return 0;
  const { text, reasoning, toolCalls, vectors } = ending.result;
  const calls = toolCalls.reduce((sum, call) => sum + call.id.length + call.arguments.length, 0);
  const numbers = vectors.reduce((sum, vector) => sum + vector.length, 0);
  return (
    (text.length + reasoning.length + calls) * BYTES_PER_CHARACTER + numbers * BYTES_PER_NUMBER
  );
}

/** By itself, or answered for a request that failed as a whole. What its client ended did not fail. */
function hasFailed({ ending, failedInList }: Entry): boolean {
  if (ending === undefined) return false;
  return "error" in ending ? ending.error.code !== "client_cancelled" : failedInList;
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
