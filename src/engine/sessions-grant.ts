// What a session is granted: the defaults, the numbers a human may give, and the policies that approve by
// themselves. Pure.

import { AppError } from "../core/error.ts";
import type { AgentInfo } from "../core/ports.ts";
import type { Scope } from "../core/session.ts";
import { checkScopes } from "./sessions-claims.ts";

/** Times in milliseconds; a limit of `null` is none. */
export interface SessionSettings {
  /** A human's or a policy's approval that does not say otherwise. */
  readonly ttlMs: number;
  readonly maxRequests: number | null;
  readonly maxTokens: number | null;
  readonly scopes: readonly Scope[];
  /** A bare `/control/register`. */
  readonly registerTtlMs: number;
  readonly registerMaxRequests: number | null;
  /** Sessions waiting for a human at once, and sessions not yet ended at once. */
  readonly maxPending: number;
  readonly maxLive: number;
  /** A pending session whose agent has gone is denied after this. */
  readonly pendingTtlMs: number;
  readonly cleanupIntervalMs: number;
  /** An ended session stays in the list and in the store for this long. */
  readonly keepEndedMs: number;
  /** Counts of sessions without limits reach the store this late at most. */
  readonly flushMs: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const SESSION_DEFAULTS: SessionSettings = {
  ttlMs: 8 * HOUR,
  maxRequests: 100,
  maxTokens: null,
  scopes: ["inference", "tools", "agent:read"],
  registerTtlMs: 5 * MINUTE,
  registerMaxRequests: 100,
  maxPending: 64,
  maxLive: 1_000,
  pendingTtlMs: HOUR,
  cleanupIntervalMs: MINUTE,
  keepEndedMs: 24 * HOUR,
  flushMs: 1_000,
};

/** What an approval may say; what it does not say is the default. Times in milliseconds, `null` is no limit. */
export interface Grant {
  readonly ttlMs?: number | null;
  readonly maxRequests?: number | null;
  readonly maxTokens?: number | null;
  readonly scopes?: readonly string[];
}

export interface FullGrant {
  readonly ttlMs: number | null;
  readonly maxRequests: number | null;
  readonly maxTokens: number | null;
  readonly scopes: readonly Scope[];
}

/** As the configuration file has it. A `*` in a pattern stands for any text; what is not named matches all. */
export interface SessionPolicy {
  readonly match: {
    readonly agent_id?: string;
    readonly connector?: string;
    readonly label?: string;
  };
  readonly grant: {
    readonly scopes?: readonly string[];
    readonly ttl_seconds?: number;
    readonly max_requests?: number | null;
    readonly max_tokens?: number | null;
  };
}

/** @throws AppError invalid_request with `param` */
export function completeGrant(grant: Grant, defaults: FullGrant): FullGrant {
  return {
    ttlMs: checkCount(grant.ttlMs, defaults.ttlMs, "ttl"),
    maxRequests: checkCount(grant.maxRequests, defaults.maxRequests, "max_requests"),
    maxTokens: checkCount(grant.maxTokens, defaults.maxTokens, "max_tokens"),
    scopes: grant.scopes === undefined ? defaults.scopes : checkScopes(grant.scopes, "scopes"),
  };
}

/** What the in-process agent gets unless configured: everything but what runs or writes, for as long as it lives. */
export function embeddedDefaults(settings: SessionSettings): FullGrant {
  return { ttlMs: null, maxRequests: null, maxTokens: null, scopes: settings.scopes };
}

/** The grant of the first policy that fits, if there is one. */
export function policyGrant(
  policies: readonly SessionPolicy[],
  info: AgentInfo,
): Grant | undefined {
  const policy = policies.find(
    ({ match }) =>
      fits(match.agent_id, info.agentId) &&
      fits(match.connector, info.connector) &&
      fits(match.label, info.label),
  );
  return policy && grantOf(policy);
}

/** @throws AppError invalid_request when a policy grants what cannot be granted */
export function checkPolicies(policies: readonly SessionPolicy[], defaults: FullGrant): void {
  for (const policy of policies) completeGrant(grantOf(policy), defaults);
}

function grantOf({ grant }: SessionPolicy): Grant {
  const { scopes, ttl_seconds: seconds, max_requests, max_tokens } = grant;
  return {
    ...(scopes !== undefined && { scopes }),
    ...(seconds !== undefined && { ttlMs: seconds * 1_000 }),
    ...(max_requests !== undefined && { maxRequests: max_requests }),
    ...(max_tokens !== undefined && { maxTokens: max_tokens }),
  };
}

/** A time to add. @throws AppError invalid_request with `param` */
export function checkDuration(ms: number, param: string): number {
  return checkCount(ms, null, param) ?? ms;
}

function fits(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = text.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return text.length >= from + last.length && text.endsWith(last);
}

/** Ten years in milliseconds: beyond that a number is a mistake, and dates stop being exact. */
const MAX_COUNT = 10 * 366 * 24 * HOUR;

function checkCount(
  value: number | null | undefined,
  fallback: number | null,
  param: string,
): number | null {
  if (value === undefined) return fallback;
  if (value === null) return null;
  if (Number.isSafeInteger(value) && value > 0 && value <= MAX_COUNT) return value;
  throw new AppError("invalid_request", `${param} must be a whole number above zero.`, { param });
}
