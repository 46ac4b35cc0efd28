// The `sessions` table as the core's SessionStore.

import type { Database } from "bun:sqlite";
import { AppError } from "../core/error.ts";
import { parseJson } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { SessionStore, StoredSession } from "../core/ports.ts";
import { isScope } from "../core/session.ts";
import type { Scope, SessionStatus } from "../core/session.ts";
import { attempt } from "./store-error.ts";

interface Row {
  readonly session_id: string;
  readonly agent_id: string;
  readonly label: string;
  readonly connector: string;
  readonly status: SessionStatus;
  readonly requested_scopes: string;
  readonly scopes: string;
  readonly models: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly last_activity_at: number;
  readonly request_count: number;
  readonly token_count: number;
  readonly max_requests: number | null;
  readonly max_tokens: number | null;
  readonly approval_hash: string;
  readonly token_hash: string | null;
}

export function createSessionTable(database: Database): SessionStore {
  const load = database.query<Row, []>("SELECT * FROM sessions ORDER BY created_at, rowid");
  const save = database.query<unknown, [Record<string, string | number | null>]>(
    `INSERT INTO sessions VALUES ($session_id, $agent_id, $label, $connector, $status,
       $requested_scopes, $scopes, $models, $created_at, $expires_at, $last_activity_at,
       $request_count, $token_count, $max_requests, $max_tokens, $approval_hash, $token_hash)
     ON CONFLICT (session_id) DO UPDATE SET
       agent_id = excluded.agent_id, label = excluded.label, connector = excluded.connector,
       status = excluded.status, requested_scopes = excluded.requested_scopes,
       scopes = excluded.scopes, models = excluded.models, created_at = excluded.created_at,
       expires_at = excluded.expires_at, last_activity_at = excluded.last_activity_at,
       request_count = excluded.request_count, token_count = excluded.token_count,
       max_requests = excluded.max_requests, max_tokens = excluded.max_tokens,
       approval_hash = excluded.approval_hash, token_hash = excluded.token_hash`,
  );
  const count = database.query<unknown, [number, number, number, string]>(
    `UPDATE sessions SET request_count = request_count + ?, token_count = token_count + ?,
       last_activity_at = max(last_activity_at, ?) WHERE session_id = ?`,
  );
  const remove = database.query<unknown, [string]>("DELETE FROM sessions WHERE session_id = ?");

  return {
    load: () => attempt(() => load.all().map(fromRow)),
    save: (session) => attempt(() => synced(database, () => save.run(toRow(session)))),
    count: (sessionId, requests, tokens, at) =>
      attempt(() => {
        count.run(Math.round(requests), Math.round(tokens), Math.round(at), sessionId);
      }),
    remove: (sessionId) =>
      attempt(() => {
        remove.run(sessionId);
      }),
  } satisfies SessionStore;
}

/**
 * Records are rare and decide who may do what: they outlive a power cut too, or a revoked session could come
 * back. Counts are frequent and only outlive the process.
 */
export function synced(database: Database, write: () => unknown): void {
  database.run("PRAGMA synchronous = FULL");
  try {
    write();
  } finally {
    database.run("PRAGMA synchronous = NORMAL");
  }
}

function toRow(session: StoredSession): Record<keyof Row, string | number | null> {
  return {
    session_id: session.sessionId,
    agent_id: session.agentId,
    label: session.label,
    connector: session.connector,
    status: session.status,
    requested_scopes: JSON.stringify(session.requestedScopes),
    scopes: JSON.stringify(session.scopes),
    models: JSON.stringify(session.models),
    created_at: Math.round(session.createdAt),
    expires_at: session.expiresAt === null ? null : Math.round(session.expiresAt),
    last_activity_at: Math.round(session.lastActivityAt),
    request_count: session.requestCount,
    token_count: session.tokenCount,
    max_requests: session.maxRequests,
    max_tokens: session.maxTokens,
    approval_hash: session.approvalHash,
    token_hash: session.tokenHash,
  };
}

function fromRow(row: Row): StoredSession {
  return {
    sessionId: row.session_id,
    agentId: row.agent_id,
    label: row.label,
    connector: row.connector,
    status: row.status,
    requestedScopes: readScopes(row.requested_scopes),
    scopes: readScopes(row.scopes),
    models: readModels(row.models),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastActivityAt: row.last_activity_at,
    requestCount: row.request_count,
    tokenCount: row.token_count,
    maxRequests: row.max_requests,
    maxTokens: row.max_tokens,
    approvalHash: row.approval_hash,
    tokenHash: row.token_hash,
  };
}

/** A scope that this version does not know grants nothing. */
function readScopes(text: string): readonly Scope[] {
  return readList(text).filter(
    (scope): scope is Scope => typeof scope === "string" && isScope(scope),
  );
}

/** Written by `toRow` only, into a file that only we may change. */
function readModels(text: string): readonly Model[] {
  return readList(text) as readonly Model[];
}

/** @throws AppError internal */
function readList(text: string): readonly unknown[] {
  const list = parseJson(text);
  if (Array.isArray(list)) return list;
  throw new AppError("internal", "The store holds a session that cannot be read.");
}
