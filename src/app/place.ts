// What a server finds or makes in its folders before it serves: the store, the secrets, the client keys.

import { createBuffers } from "../engine/buffers.ts";
import type { Buffers } from "../engine/buffers.ts";
import { createAuthFailures } from "../security/auth-failures.ts";
import type { AuthFailures } from "../security/auth-failures.ts";
import { createKeyRing } from "../security/keys.ts";
import type { FixedKey, KeyRing } from "../security/keys.ts";
import { loadSecrets } from "../security/secrets.ts";
import type { Secrets } from "../security/secrets.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/sqlite.ts";
import type { AuditOwner } from "../observe/audit-files.ts";
import { auditedKeys, openTrail } from "./audit.ts";
import type { Trail } from "./audit.ts";
import type { Base } from "./start.ts";
import type { StartNotes } from "./types.ts";

export interface Place {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly keys: KeyRing;
  readonly trail: Trail;
  readonly buffers: Buffers;
  /** Wrong keys, on whichever of our ports they are shown. */
  readonly failures: AuthFailures;
  readonly keyNotes: Pick<StartNotes, "apiKey" | "apiKeyFile">;
}

/** @throws AppError when a file is not ours to use, cannot be written, or is damaged */
export async function openPlace(base: Base, owner: AuditOwner): Promise<Place> {
  const { config, env, paths, system, shutdown } = base;
  const secrets = loadSecrets({ dir: paths.secrets, env });
  const store = openSqliteStore(databasePath(config.store.url, paths.database));
  shutdown.onClose("store", () => store.close());
  // The key that every installation has from its first start, and the one of the configuration.
  const fixed = (): readonly FixedKey[] => {
    const configured = base.current().security.api_key;
    return [
      { id: "default", label: "default", secret: secrets.apiKey.value },
      ...(configured === null ? [] : [{ id: "config", label: "config", secret: configured }]),
    ];
  };
  const keys = await createKeyRing({
    store: store.keys,
    hash: system.sha256,
    clock: system.clock,
    random: system.random,
    fixed: fixed(),
  });
  base.onReload(() => keys.setFixed(fixed()));
  const trail = await openTrail(base, owner);
  return {
    store,
    secrets,
    keys: auditedKeys(keys, trail),
    trail,
    buffers: createBuffers(config.limits.total_buffer_bytes),
    failures: createAuthFailures({ clock: system.clock }),
    keyNotes: { apiKey: secrets.apiKey.value, apiKeyFile: secrets.apiKey.file ?? null },
  };
}

function databasePath(url: string, fallback: string): string {
  return url.slice("sqlite:".length) || fallback;
}
