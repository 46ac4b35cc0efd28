// The client keys: made, found by their digest, revoked. A key itself is shown once and never kept.

import { AppError } from "../core/error.ts";
import type { ClientKey, Clock, KeyStore, Random } from "../core/ports.ts";

/** A key that the environment, a file or the configuration gives: it lives there and is not kept in the store. */
export interface FixedKey {
  readonly id: string;
  readonly label: string;
  readonly secret: string;
}

export interface NewKey {
  readonly label: string;
  /** Milliseconds; absent or `null`: for ever. */
  readonly ttlMs?: number | null;
  /** `null` or absent: all. */
  readonly models?: readonly string[] | null;
  readonly sessions?: readonly string[] | null;
}

/** The only time a secret is seen. */
export interface ShownKey {
  readonly key: ClientKey;
  readonly secret: string;
}

/** Hears the key's id before a change holds or is kept; what it throws, the change ends by. */
type BeforeChange = (id: string) => Promise<void>;

/** As it is listed: a fixed key was made elsewhere, and nobody here knows when. */
export interface ListedKey extends Omit<ClientKey, "createdAt"> {
  readonly createdAt: number | null;
}

export interface KeyRing {
  /** The key of this secret if it is good now: asked at every request, so a revocation counts from the next one on. */
  find(secret: string): ClientKey | undefined;
  get(id: string): ClientKey | undefined;
  /** All that were ever made, revoked and expired ones too, oldest first. */
  list(): readonly ListedKey[];
  /** @throws AppError invalid_request, internal */
  create(key: NewKey, before?: BeforeChange): Promise<ShownKey>;
  /** Revoking twice is harmless. @throws AppError not_found, conflict (a fixed key), internal */
  revoke(id: string): Promise<ClientKey>;
  /** A new secret for the key; the old one is dead. @throws AppError not_found, conflict, internal */
  rotate(id: string, before?: BeforeChange): Promise<ShownKey>;
  /** Other fixed keys in the place of those so far; one that is no longer given is dead at once. */
  setFixed(fixed: readonly FixedKey[]): void;
}

export interface KeyRingDeps {
  readonly store: KeyStore;
  /** SHA-256 in hex. */
  readonly hash: (text: string) => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fixed?: readonly FixedKey[];
}

interface Held {
  readonly key: ClientKey;
  readonly isFixed: boolean;
  /** Monotonic milliseconds: a jump of the wall clock neither ends a key nor keeps it alive. */
  readonly deadline: number | null;
}

const LONGEST_LABEL = 128;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const LONGEST_TTL_MS = 10 * 366 * 24 * 3_600_000;

/** @throws AppError when the store cannot be read */
export async function createKeyRing(deps: KeyRingDeps): Promise<KeyRing> {
  const { store, hash, clock, random, fixed = [] } = deps;
  const byId = new Map<string, Held>();
  const byHash = new Map<string, Held>();

  function hold(key: ClientKey, isFixed = false): void {
    const old = byId.get(key.id);
    if (old !== undefined && old.key.hash !== key.hash) byHash.delete(old.key.hash);
    const left = key.expiresAt === null ? null : key.expiresAt - clock.now();
    const deadline = old?.deadline ?? (left === null ? null : clock.monotonic() + left);
    const held = { key, isFixed, deadline };
    byId.set(key.id, held);
    byHash.set(key.hash, held);
  }

  function need(id: string): ClientKey {
    const held = byId.get(id);
    if (held === undefined) {
      throw new AppError("not_found", "There is no such key. See them with: mlp keys list");
    }
    if (!held.isFixed) return held.key;
    throw new AppError(
      "conflict",
      "This key comes from the environment, the configuration or its own file. Change it there.",
    );
  }

  function needGood(id: string): ClientKey {
    const key = need(id);
    if (key.revokedAt === null) return key;
    throw new AppError("conflict", "A revoked key gets no new secret. Create another key.");
  }

  for (const key of await store.load()) hold(key);
  function setFixed(next: readonly FixedKey[]): void {
    for (const { key, isFixed } of Array.from(byId.values())) {
      if (!isFixed) continue;
      byId.delete(key.id);
      byHash.delete(key.hash);
    }
    const never = { expiresAt: null, revokedAt: null, models: null, sessions: null };
    for (const { id, label, secret } of next) {
      hold({ id, label, hash: hash(secret), createdAt: clock.now(), ...never }, true);
    }
  }

  setFixed(fixed);

  return {
    setFixed,

    find(secret) {
      const held = byHash.get(hash(secret));
      if (held === undefined || held.key.revokedAt !== null) return undefined;
      if (held.deadline !== null && clock.monotonic() >= held.deadline) return undefined;
      return held.key;
    },

    get: (id) => byId.get(id)?.key,
    list: () =>
      Array.from(byId.values(), ({ key, isFixed }) =>
        isFixed ? { ...key, createdAt: null } : key,
      ),

    async create({ label, ttlMs = null, models = null, sessions = null }, before) {
      const secret = random.secret();
      const now = clock.now();
      const key: ClientKey = {
        id: random.id("key_"),
        label: checkLabel(label),
        hash: hash(secret),
        createdAt: now,
        expiresAt: ttlMs === null ? null : now + checkTtl(ttlMs),
        revokedAt: null,
        models,
        sessions,
      };
      await before?.(key.id);
      await store.save(key);
      hold(key);
      return { key, secret };
    },

    async revoke(id) {
      const key = need(id);
      if (key.revokedAt !== null) return key;
      const revoked = { ...key, revokedAt: clock.now() };
      // Dead first, written down after: a disk that is full must not keep a stolen key alive.
      hold(revoked);
      await store.save(revoked);
      return revoked;
    },

    async rotate(id, before) {
      if (before !== undefined) {
        needGood(id);
        await before(id);
      }
      // It may have been revoked meanwhile.
      const key = needGood(id);
      const secret = random.secret();
      const rotated = { ...key, hash: hash(secret) };
      await store.save(rotated);
      // It may have been revoked while the new secret was written down: then it stays so.
      const now = { ...rotated, revokedAt: byId.get(id)?.key.revokedAt ?? null };
      hold(now);
      return { key: now, secret };
    },
  };
}

function checkLabel(label: string): string {
  if (label.length <= LONGEST_LABEL && !HIDDEN.test(label)) return label;
  throw new AppError(
    "invalid_request",
    `A key's label has at most ${LONGEST_LABEL} characters, none of them hidden.`,
    { param: "label" },
  );
}

function checkTtl(ttlMs: number): number {
  if (Number.isSafeInteger(ttlMs) && ttlMs > 0 && ttlMs <= LONGEST_TTL_MS) return ttlMs;
  throw new AppError("invalid_request", "A key's time to live is a whole number above zero.", {
    param: "ttl",
  });
}
