// The shape of the SQLite file and how an older one becomes today's. A migration that has been released is never
// changed: a new one is added at the end.

import type { Database } from "bun:sqlite";
import { AppError } from "../core/error.ts";

/** "mlp1": tells our file from any other SQLite file. */
const APPLICATION_ID = 0x6d6c7031;

/** `user_version` of a file is how many of these it has had. Times are ms since the epoch, lists are JSON. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE sessions (
     session_id TEXT PRIMARY KEY,
     agent_id TEXT NOT NULL,
     label TEXT NOT NULL,
     connector TEXT NOT NULL,
     status TEXT NOT NULL CHECK (status IN
       ('pending', 'active', 'suspended', 'expired', 'revoked', 'exhausted', 'denied')),
     requested_scopes TEXT NOT NULL,
     scopes TEXT NOT NULL,
     models TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     last_activity_at INTEGER NOT NULL,
     request_count INTEGER NOT NULL,
     token_count INTEGER NOT NULL,
     max_requests INTEGER,
     max_tokens INTEGER,
     approval_hash TEXT NOT NULL,
     token_hash TEXT
   ) STRICT;
   CREATE TABLE keys (
     id TEXT PRIMARY KEY,
     label TEXT NOT NULL,
     hash TEXT NOT NULL UNIQUE,
     created_at INTEGER NOT NULL,
     expires_at INTEGER,
     revoked_at INTEGER,
     models TEXT,
     sessions TEXT
   ) STRICT;`,
];

/** @throws AppError internal: not ours, damaged, or newer than this mlp */
export function migrate(database: Database, path: string): void {
  checkWhole(database, path);
  // Immediate, so that of two processes starting at once one migrates and the other finds it done.
  const run = database.transaction(() => {
    const version = readNumber(database, "user_version");
    refuseForeign(database, path, version);
    if (version > MIGRATIONS.length) {
      throw new AppError(
        "internal",
        `The store ${path} was written by a newer mlp. Use that one, or give this one its own MLP_HOME.`,
      );
    }
    for (const migration of MIGRATIONS.slice(version)) database.run(migration);
    database.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
  run.immediate();
}

function checkWhole(database: Database, path: string): void {
  const row = database.query<Record<string, unknown>, []>("PRAGMA quick_check(1)").get();
  if (row !== null && Object.values(row)[0] === "ok") return;
  throw new AppError(
    "internal",
    `The store ${path} is damaged. Move it away, and a new one is made; sessions need new approval.`,
  );
}

function refuseForeign(database: Database, path: string, version: number): void {
  if (readNumber(database, "application_id") === APPLICATION_ID) return;
  const tables = database.query<{ n: number }, []>("SELECT count(*) AS n FROM sqlite_schema").get();
  if (version === 0 && tables?.n === 0) return;
  throw new AppError(
    "internal",
    `The store ${path} is another program's file. Name another one for mlp.`,
  );
}

function readNumber(database: Database, pragma: "user_version" | "application_id"): number {
  const row = database.query<Record<string, unknown>, []>(`PRAGMA ${pragma}`).get();
  const value = row?.[pragma];
  return typeof value === "number" ? value : 0;
}
