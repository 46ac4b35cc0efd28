// The `keys` table as the core's KeyStore. Holds hashes only: no key can be read back.

import type { Database } from "bun:sqlite";
import { AppError } from "../core/error.ts";
import { parseJson } from "../core/json.ts";
import type { ClientKey, KeyStore } from "../core/ports.ts";
import { synced } from "./sqlite-sessions.ts";
import { attempt } from "./store-error.ts";

interface Row {
  readonly id: string;
  readonly label: string;
  readonly hash: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly models: string | null;
  readonly sessions: string | null;
}

export function createKeyTable(database: Database): KeyStore {
  const load = database.query<Row, []>("SELECT * FROM keys ORDER BY created_at, rowid");
  const save = database.query<unknown, [Record<string, string | number | null>]>(
    `INSERT INTO keys VALUES
       ($id, $label, $hash, $created_at, $expires_at, $revoked_at, $models, $sessions)
     ON CONFLICT (id) DO UPDATE SET
       label = excluded.label, hash = excluded.hash, created_at = excluded.created_at,
       expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
       models = excluded.models, sessions = excluded.sessions`,
  );
  return {
    load: () => attempt(() => load.all().map(fromRow)),
    save: (key) => attempt(() => synced(database, () => save.run(toRow(key)))),
  } satisfies KeyStore;
}

function toRow(key: ClientKey): Record<keyof Row, string | number | null> {
  return {
    id: key.id,
    label: key.label,
    hash: key.hash,
    created_at: Math.round(key.createdAt),
    expires_at: key.expiresAt === null ? null : Math.round(key.expiresAt),
    revoked_at: key.revokedAt === null ? null : Math.round(key.revokedAt),
    models: key.models === null ? null : JSON.stringify(key.models),
    sessions: key.sessions === null ? null : JSON.stringify(key.sessions),
  };
}

function fromRow(row: Row): ClientKey {
  return {
    id: row.id,
    label: row.label,
    hash: row.hash,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    models: readNames(row.models),
    sessions: readNames(row.sessions),
  };
}

/** `null` is all; a list that cannot be read must never become that. @throws AppError internal */
function readNames(text: string | null): readonly string[] | null {
  if (text === null) return null;
  const list: unknown = parseJson(text);
  if (Array.isArray(list) && list.every((name) => typeof name === "string")) return list;
  throw new AppError("internal", "The store holds a key that cannot be read.");
}
