import { beforeEach, describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { ClientKey, KeyStore } from "../../src/core/ports.ts";
import { createKeyRing } from "../../src/security/keys.ts";
import type { KeyRing } from "../../src/security/keys.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import type { FakeClock } from "../support/fake-clock.ts";

const FIXED = "a-key-from-the-environment";

interface MemoryKeys extends KeyStore {
  readonly kept: Map<string, ClientKey>;
  failing: boolean;
}

function createMemoryKeys(): MemoryKeys {
  const kept = new Map<string, ClientKey>();
  const store: MemoryKeys = {
    kept,
    failing: false,
    load: () => Promise.resolve([...kept.values()]),
    save: (key) => {
      if (store.failing) return Promise.reject(new Error("disk full"));
      kept.set(key.id, key);
      return Promise.resolve();
    },
  };
  return store;
}

function hash(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

let clock: FakeClock;
let store: MemoryKeys;
let ring: KeyRing;
beforeEach(async () => {
  clock = createFakeClock();
  store = createMemoryKeys();
  ring = await open();
});

function open(): Promise<KeyRing> {
  const fixed = [{ id: "default", label: "MLP_API_KEY", secret: FIXED }];
  return createKeyRing({ store, hash, clock, random: createFakeRandom(), fixed });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof AppError ? error.code : "foreign";
  }
  return "none";
}

describe("a client key", () => {
  test("is found by its secret, whose text is nowhere but in the answer that shows it", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    expect(secret).toMatch(/^mlp_.{43}$/);
    expect(ring.find(secret)).toEqual(key);
    expect(ring.get(key.id)).toEqual(key);
    expect(key).toMatchObject({
      label: "Void",
      expiresAt: null,
      revokedAt: null,
      models: null,
      sessions: null,
    });
    expect(JSON.stringify([ring.list(), [...store.kept.values()], key])).not.toContain(secret);
  });

  test("is found by nothing that is nearly its secret, nor by its hash or id", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    const near = [
      secret.slice(0, -1),
      `${secret} `,
      secret.toUpperCase(),
      key.hash,
      key.id,
      "",
      "mlp_",
    ];
    expect(near.map((each) => ring.find(each))).toEqual(near.map(() => undefined));
  });

  test("carries its limits", async () => {
    const { key } = await ring.create({ label: "", models: ["m1"], sessions: [], ttlMs: 1_000 });
    expect(key).toMatchObject({ models: ["m1"], sessions: [], expiresAt: clock.now() + 1_000 });
  });

  test("is found after a restart", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    expect((await open()).find(secret)).toEqual(key);
  });

  test("is dead from its last millisecond on, whatever the wall clock says, and after a restart too", async () => {
    const { secret } = await ring.create({ label: "", ttlMs: 1_000 });
    clock.setWall(clock.now() + 10 ** 9);
    clock.advance(999);
    expect(ring.find(secret)).toBeDefined();
    clock.setWall(clock.now() - 2 * 10 ** 9);
    clock.advance(1);
    expect(ring.find(secret)).toBeUndefined();
    clock.setWall(clock.now() + 10 ** 9 + 5_000);
    expect((await open()).find(secret)).toBeUndefined();
  });

  test("is dead at once when it is revoked, for ever, and stays in the list", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    const revoking = ring.revoke(key.id);
    expect(ring.find(secret)).toBeUndefined();
    expect((await revoking).revokedAt).toBe(clock.now());
    clock.advance(50);
    expect((await ring.revoke(key.id)).revokedAt).toBe(clock.now() - 50);
    expect(ring.list().map((each) => each.id)).toEqual(["default", key.id]);
    expect((await open()).find(secret)).toBeUndefined();
    expect(await codeOf(ring.rotate(key.id))).toBe("conflict");
  });

  test("is dead when it is revoked though the disk is full, and the caller hears of the disk", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    store.failing = true;
    expect(await codeOf(ring.revoke(key.id))).not.toBe("none");
    expect(ring.find(secret)).toBeUndefined();
  });

  test("has a new secret after a rotation, keeps all else, and its old secret is dead", async () => {
    const { key, secret } = await ring.create({ label: "Void", ttlMs: 1_000, models: ["m1"] });
    clock.advance(400);
    const rotated = await ring.rotate(key.id);
    expect(rotated.secret).not.toBe(secret);
    expect(rotated.key).toEqual({ ...key, hash: hash(rotated.secret) });
    expect([ring.find(secret), ring.find(rotated.secret)?.id]).toEqual([undefined, key.id]);
    clock.advance(600);
    expect(ring.find(rotated.secret)).toBeUndefined();
    expect(ring.list()).toHaveLength(2);
  });

  test("keeps its secret when the new one cannot be written down", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    store.failing = true;
    expect(await codeOf(ring.rotate(key.id))).not.toBe("none");
    expect(ring.find(secret)?.id).toBe(key.id);
  });

  test("that was revoked while it was rotated stays dead, here and after a restart", async () => {
    const { key, secret } = await ring.create({ label: "Void" });
    const rotating = ring.rotate(key.id);
    const revoking = ring.revoke(key.id);
    const rotated = await rotating;
    await revoking;
    const again = await open();
    for (const each of [secret, rotated.secret]) {
      expect([ring.find(each), again.find(each)]).toEqual([undefined, undefined]);
    }
  });

  test("that was revoked while its rotation was put on record gets no new secret", async () => {
    const { key, secret } = await ring.create({ label: "a" });
    const rotated = ring.rotate(key.id, async (id) => void (await ring.revoke(id)));
    expect(await codeOf(rotated)).toBe("conflict");
    expect(ring.find(secret)).toBeUndefined();
    expect((await open()).get(key.id)?.revokedAt).toBe(clock.now());
  });

  test("is not made when it cannot be written down, or makes no sense", async () => {
    const bad = [
      { label: "a\nb" },
      { label: "a\u202Eb" },
      { label: "x".repeat(129) },
      { label: "", ttlMs: 0 },
      { label: "", ttlMs: -1 },
      { label: "", ttlMs: Number.NaN },
      { label: "", ttlMs: 1.5 },
    ];
    for (const key of bad) expect(await codeOf(ring.create(key))).toBe("invalid_request");
    store.failing = true;
    expect(await codeOf(ring.create({ label: "" }))).not.toBe("none");
    expect(ring.list().map((each) => each.id)).toEqual(["default"]);
  });

  test("that nobody knows can be neither revoked nor rotated", async () => {
    expect(await codeOf(ring.revoke("key_x"))).toBe("not_found");
    expect(await codeOf(ring.rotate("key_x"))).toBe("not_found");
    expect(ring.get("key_x")).toBeUndefined();
  });
});

describe("a fixed key", () => {
  test("works, is listed, is never in the store, and is changed where it came from", async () => {
    expect(ring.find(FIXED)).toMatchObject({ id: "default", label: "MLP_API_KEY" });
    expect(ring.list().map((each) => each.id)).toEqual(["default"]);
    // Whoever made it did so elsewhere.
    expect(ring.list()[0]?.createdAt).toBeNull();
    expect(await codeOf(ring.revoke("default"))).toBe("conflict");
    expect(await codeOf(ring.rotate("default"))).toBe("conflict");
    expect(ring.find(FIXED)).toBeDefined();
    expect(store.kept.size).toBe(0);
  });
});
