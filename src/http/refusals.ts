// How each kind of route can refuse: sets of error codes for the OpenAPI document, and what each code means to the
// client. The statuses are those of the table of errors, so the two cannot disagree.

import { ERRORS } from "../core/error.ts";
import type { ErrorCode } from "../core/error.ts";

export const REFUSALS = {
  /** Any request, before a route hears of it. */
  guard: ["forbidden", "forbidden_origin", "misdirected", "method_not_allowed"],
  /** Any request of a server that stops, or is at fault. */
  server: ["shutdown", "too_busy", "internal"],
  key: ["invalid_api_key", "rate_limited"],
  token: ["invalid_api_key", "forbidden", "rate_limited"],
  /** A path with something of the client's in it. */
  path: ["invalid_request"],
  query: ["invalid_request"],
  body: ["invalid_request", "invalid_json", "payload_too_large", "unsupported_media_type"],
  model: ["model_not_found"],
  unsupported: ["unsupported"],
  /** A route of the dialect that is there to say no. */
  unserved: ["not_implemented"],
  session: ["session_not_found", "conflict", "invalid_request", "too_busy", "audit_unavailable"],
  clientKey: ["not_found", "conflict", "audit_unavailable"],
  openTurn: ["not_found"],
  /** Something that is looked for among what was kept. */
  kept: ["unsupported", "not_found"],
  turn: [
    "unsupported",
    "model_not_found",
    "session_not_found",
    "consent_required",
    "session_denied",
    "session_expired",
    "session_exhausted",
    "session_revoked",
    "session_suspended",
    "scope_missing",
    "already_ran",
    "parked_turn_unknown",
    "rate_limited",
    "no_active_session",
    "too_busy",
    "audit_unavailable",
    "agent_lost",
    "agent_error",
    "empty_answer",
    "agent_timeout",
  ],
} as const satisfies Record<string, readonly ErrorCode[]>;

export type RefusalSet = keyof typeof REFUSALS;

const MEANINGS: Readonly<Record<ErrorCode, string>> = {
  invalid_request: "The request is not of the route's form; the message names the field.",
  invalid_json: "The body is not JSON in UTF-8.",
  unsupported: "The form is right, but this is not done here, or not by this model.",
  not_found: "There is nothing of this name.",
  method_not_allowed: "The path takes other methods only; `allow` names them.",
  payload_too_large: "The body is larger than `limits.body_bytes`, or than its like for control.",
  unsupported_media_type:
    "Bodies are `application/json`, in no encoding or one that the route takes.",
  not_implemented: "A route of the dialect that is not served here.",
  invalid_api_key: "The key or token is missing, wrong, expired or revoked.",
  forbidden: "The caller may not: another network, or a secret that is for something else.",
  forbidden_origin: "A web page of this origin may not call this.",
  misdirected: "The `Host` is not one that this server answers for.",
  model_not_found: "No agent offers this model, or the key may not use it.",
  session_not_found: "There is no such session.",
  consent_required: "An agent waits for a human's approval.",
  session_denied: "The session that was asked for was denied.",
  session_expired: "The session that was asked for has expired.",
  session_exhausted: "The session that was asked for has used up its requests or tokens.",
  session_revoked: "The session that was asked for was revoked.",
  session_suspended: "The session that was asked for is paused.",
  scope_missing: "The session's grant does not allow this.",
  conflict: "It is not in a state that allows this, or changed since it was shown.",
  no_active_session: "No agent is there to answer.",
  too_busy: "There is no room just now: for one more turn, connection or body.",
  rate_limited: "More requests or tokens per minute than the limits allow, or too many wrong keys.",
  audit_unavailable: "The audit cannot be written, so nothing is forwarded.",
  agent_lost: "The agent went away before its answer was whole.",
  agent_error: "The agent failed.",
  agent_timeout: "The agent took too long.",
  empty_answer: "The agent ended without an answer.",
  parked_turn_unknown: "The turn that waited for these tool results is gone.",
  already_ran: "A repeated request whose first attempt already reached an agent.",
  client_cancelled: "The client hung up.",
  shutdown: "The server is stopping.",
  internal: "A fault of the server; its log has more.",
};

/** What a code means to the client, as one sentence. */
export function meaningOf(code: ErrorCode): string {
  return MEANINGS[code];
}

export interface StatusRefusals {
  readonly status: number;
  /** The sets that the codes come from, in their order: the name of this combination. */
  readonly sets: readonly RefusalSet[];
  readonly codes: readonly ErrorCode[];
}

/** The codes of `sets` by their status, lowest first. */
export function refusalsByStatus(sets: readonly RefusalSet[]): readonly StatusRefusals[] {
  const all = sets.flatMap((set) => REFUSALS[set].map((code) => ({ set, code })));
  const statuses = [...new Set(all.map(({ code }) => ERRORS[code].status))];
  return statuses
    .toSorted((a, b) => a - b)
    .map((status) => {
      const here = all.filter(({ code }) => ERRORS[code].status === status);
      return {
        status,
        sets: [...new Set(here.map(({ set }) => set))],
        codes: [...new Set(here.map(({ code }) => code))],
      };
    });
}
