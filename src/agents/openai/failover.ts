// Which failures of an upstream leave a turn free to go to another one: those in which no model can have run, and those
// with which the server itself says that it did not. Pure. Everything else stays a failure: it may have run.

import type { AppError } from "../../core/error.ts";

/** One upstream's failure to take a turn, before a byte of an answer. */
export interface UpstreamFailure {
  readonly error: AppError;
  /** What is wrong with it in a few words, for a list of several; without anything that the upstream said. */
  readonly reason: string;
  /** Whether the turn may go to another upstream. */
  readonly movable: boolean;
  /** How long the upstream wants to be left alone. */
  readonly retryAfterMs?: number;
}

/** The connection never stood, so the request was never sent. Node's names, which Bun's `fetch` uses. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
]);
/** A certificate is judged before the request is sent. */
const CERTIFICATE = /CERT|^UNABLE_TO_(?:GET|VERIFY|DECODE|DECRYPT)_/;

/**
 * Too many requests, not ready, overloaded. Not 502: a gateway says it of a server that is away, and of one that took the
 * request and then made no answer of it, and a provider such as ours of an agent that failed.
 */
const MOVABLE_STATUSES: ReadonlySet<number> = new Set([429, 503, 529]);

/** An upstream that asks for more than this is asked again all the same. */
const LONGEST_REST_MS = 5 * 60_000;

/** `cause` is what `fetch` rejected with. A reset is not among these: the server may have read the request. */
export function wasNeverSent(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (NEVER_SENT.has(code) || CERTIFICATE.test(code)) return true;
  return code === "EPROTO" && cause instanceof Error && /handshake/i.test(cause.message);
}

/** Beside 429, a server that asks for no retry (`x-should-retry: false`) may have begun before it gave up. */
export function isMovableStatus(status: number, headers?: Pick<Headers, "get">): boolean {
  if (!MOVABLE_STATUSES.has(status)) return false;
  return status === 429 || headers?.get("x-should-retry") !== "false";
}

/**
 * `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 10.2.3), in milliseconds from `now` (wall clock)
 * and within bounds; `undefined` when neither says anything of use.
 */
export function retryAfterOf(headers: Pick<Headers, "get">, now: () => number): number | undefined {
  const ms = Number(headers.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(ms)) return within(ms);
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}(?:\.\d+)?$/.test(text)) return within(Number(text) * 1_000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : within(date - now());
}

function within(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), LONGEST_REST_MS) : undefined;
}
