// What an answer's headers say of the rate limits. Pure: a state in, headers out.
// `x-ratelimit-*`: OpenAI, "Rate limits in headers". `anthropic-ratelimit-*`: Anthropic, "Rate limits, response headers".

import type { RateState } from "../core/ports.ts";

/** Whose route it is. */
export type HeaderDialect = "openai" | "ollama" | "anthropic";

const UNITS = ["requests", "tokens"] as const;

/** Every name there is, for pages that have to be allowed to read them. */
export const LIMIT_HEADERS: readonly string[] = UNITS.flatMap((unit) =>
  ["limit", "remaining", "reset"].flatMap((what) => [
    `x-ratelimit-${what}-${unit}`,
    `anthropic-ratelimit-${unit}-${what}`,
  ]),
);

/**
 * OpenAI's family, which all kinds of clients read; on Anthropic's routes its own too. Nothing for a limit that there is
 * not. `now`: milliseconds since the epoch.
 */
export function limitHeaders(
  state: RateState,
  dialect: HeaderDialect,
  now: number,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const unit of UNITS) {
    const { limit, remaining, resetMs } = standing(state, unit);
    if (limit === null) continue;
    headers[`x-ratelimit-limit-${unit}`] = String(limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(remaining ?? limit);
    headers[`x-ratelimit-reset-${unit}`] = duration(resetMs);
    if (dialect !== "anthropic") continue;
    headers[`anthropic-ratelimit-${unit}-limit`] = String(limit);
    headers[`anthropic-ratelimit-${unit}-remaining`] = String(remaining ?? limit);
    headers[`anthropic-ratelimit-${unit}-reset`] = instant(now + resetMs);
  }
  return headers;
}

function standing(state: RateState, unit: "requests" | "tokens") {
  return unit === "requests"
    ? {
        limit: state.limitRequests,
        remaining: state.remainingRequests,
        resetMs: state.resetRequestsMs,
      }
    : { limit: state.limitTokens, remaining: state.remainingTokens, resetMs: state.resetTokensMs };
}

/** As Go writes durations, which is how OpenAI does: `0s`, `20ms`, `1.5s`, `6m0s`. Rounded up to milliseconds. */
function duration(milliseconds: number): string {
  const whole = Math.ceil(milliseconds);
  if (whole <= 0) return "0s";
  if (whole < 1_000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = `${(whole % 60_000) / 1_000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}

/** RFC 3339 in whole seconds, rounded up: at that time the limit is free. */
function instant(at: number): string {
  return new Date(Math.ceil(at / 1_000) * 1_000).toISOString().replace(".000Z", "Z");
}
