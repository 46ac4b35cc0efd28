// Sessions that a foreign bridge approved on its side and registers here: `POST /control/register` of the guides'
// bridges. The bridge is their authority; a human here can still suspend or revoke them.

import { AppError } from "../core/error.ts";
import type { AgentInfo } from "../core/ports.ts";
import type { Model } from "../core/model.ts";
import { registeredConnector } from "./sessions-book.ts";
import type { Entry } from "./sessions-book.ts";
import { checkClaims, checkSessionId, checkText } from "./sessions-claims.ts";
import { completeGrant } from "./sessions-grant.ts";
import { makeRoom, newRecord, withClaims } from "./sessions-joins.ts";
import type { JoinsDeps } from "./sessions-joins.ts";

/** What a bridge says of a session. Absent: 300 s, 100 requests, no scopes, the label of the agent id. */
export interface Registration {
  readonly sessionId: string;
  readonly agentId: string;
  /** Kept as its hash only. */
  readonly sessionToken: string;
  readonly scopes?: readonly string[];
  readonly ttlMs?: number;
  readonly maxRequests?: number | null;
  readonly label?: string;
  readonly models?: readonly Model[];
  /** The name of the bridge whose token was used; nobody else may register the same id. */
  readonly owner: string;
}

export type Register = (registration: Registration) => Promise<Entry>;

/**
 * A new session, active at once; or, of the same owner, a new grant under an id that it already has: time and
 * counts begin again. What a human revoked stays revoked.
 */
export function createRegister(deps: JoinsDeps): Register {
  const { book, clock, hash, settings, writes, endings } = deps;

  return async (registration) => {
    const { ttlMs, ...limits } = completeGrant(registration, {
      ttlMs: settings.registerTtlMs,
      maxRequests: settings.registerMaxRequests,
      maxTokens: null,
      scopes: [],
    });
    const now = clock.now();
    const blank = newRecord(checkSessionId(registration.sessionId), now, {
      status: "active",
      expiresAt: ttlMs === null ? null : now + ttlMs,
      tokenHash: hash(registration.sessionToken),
      ...limits,
    });
    const record = withClaims(blank, claimsOf(registration, limits.scopes), hash);
    const known = book.find(record.sessionId);
    if (known === undefined) makeRoom(book, settings);
    else refuseStranger(known, record.connector);

    const entry =
      known ?? book.add(record, { kept: true, seenAt: clock.monotonic(), endedAt: null });
    book.change(entry, record);
    entry.endedAt = null;
    endings.expireIn(entry, ttlMs);
    try {
      await writes.save(entry);
    } catch (error) {
      if (known === undefined) {
        endings.expireIn(entry, null);
        book.remove(entry);
      }
      throw error;
    }
    book.emit(entry);
    return entry;
  };
}

function claimsOf(registration: Registration, scopes: AgentInfo["requestedScopes"]): AgentInfo {
  const { agentId, label = agentId, models = [], owner } = registration;
  const claims = { agentId, label, models, requestedScopes: scopes, connector: "bridge" };
  checkText(owner, "owner");
  return { ...checkClaims(claims), connector: registeredConnector(owner) };
}

/** @throws AppError conflict */
function refuseStranger(known: Entry, connector: string): void {
  const { connector: owner, status } = known.record;
  if (owner !== connector) {
    throw new AppError("conflict", "This session id is taken. Choose another one.");
  }
  if (status === "revoked" || status === "suspended" || status === "denied") {
    throw new AppError("conflict", `The session was ${status} here. Register a new id.`);
  }
}
