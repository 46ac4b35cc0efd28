// How long to wait before dialling again. Pure; chance is passed in.

export interface BackoffDelays {
  readonly firstMs: number;
  readonly longestMs: number;
  /** After a refusal (401, 403): asking again quickly would not help. */
  readonly refusedMs: number;
}

export const DEFAULT_DELAYS: BackoffDelays = {
  firstMs: 250,
  longestMs: 30_000,
  refusedMs: 30_000,
};

/** Milliseconds before attempt number `attempt` (from 1): doubling to the longest, half of it by chance (0 ≤ `fraction` < 1). */
export function backoff(attempt: number, fraction: number, delays: BackoffDelays): number {
  const doubled = delays.firstMs * 2 ** Math.min(attempt - 1, 30);
  return spread(Math.min(doubled, delays.longestMs), fraction);
}

/** Between half of `ms` and all of it, so that many who lost the same hub do not come back in step. */
export function spread(ms: number, fraction: number): number {
  return Math.round(ms / 2 + (ms / 2) * fraction);
}
