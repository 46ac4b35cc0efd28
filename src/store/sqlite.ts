// The store of one machine: sessions and client keys in one SQLite file that only its owner may read.
// Knows no rule about either; what may change when is decided before it gets here.

import { Database } from "bun:sqlite";
import type { KeyStore, SessionStore } from "../core/ports.ts";
import { createKeyTable } from "./sqlite-keys.ts";
import { migrate } from "./sqlite-migrations.ts";
import { createSessionTable } from "./sqlite-sessions.ts";
import { prepareFile } from "./private-file.ts";
import { storeError } from "./store-error.ts";

export interface Store {
  readonly sessions: SessionStore;
  readonly keys: KeyStore;
  /** Later calls do nothing; the stores reject from then on. */
  close(): void;
}

export interface SqliteOptions {
  /** How long a write waits for another process that holds the file; the whole process waits with it. */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens the file, made with its folder when it is missing (0600 in 0700); `:memory:` is a store for tests.
 * Writes are synchronous within the call, so the calls of one session take effect in their order.
 * @throws AppError when the file is not ours to use, not a store, damaged, or of a newer version
 */
export function openSqliteStore(path: string, options: SqliteOptions = {}): Store {
  if (path !== ":memory:") prepareFile(path);
  let database: Database | undefined;
  try {
    database = new Database(path, { readwrite: true, create: path === ":memory:", strict: true });
    database.run(`PRAGMA busy_timeout = ${Math.trunc(options.busyTimeoutMs ?? 2_000)}`);
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    migrate(database, path);
    return stores(database);
  } catch (error) {
    database?.close();
    throw storeError(error, path);
  }
}

function stores(database: Database): Store {
  let closed = false;
  return {
    sessions: createSessionTable(database),
    keys: createKeyTable(database),
    close() {
      if (closed) return;
      closed = true;
      database.close();
    },
  };
}
