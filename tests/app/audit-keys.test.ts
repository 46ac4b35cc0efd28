// What the audit says of client keys that are made, renewed and revoked.

import { beforeEach, expect, test } from "bun:test";

import { auditedKeys } from "../../src/app/audit.ts";
import type { Trail } from "../../src/app/audit.ts";
import { AppError } from "../../src/core/error.ts";
import type { AuditEntry } from "../../src/core/ports.ts";
import { createKeyRing } from "../../src/security/keys.ts";
import type { KeyRing } from "../../src/security/keys.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";

let entries: AuditEntry[];
let isFull: boolean;
let keys: KeyRing;

beforeEach(async () => {
  entries = [];
  isFull = false;
  const audit: Trail["audit"] = {
    write: () => undefined,
    writeTogether: () => Promise.resolve(),
    writeThrough: (entry) => {
      if (isFull) return Promise.reject(new AppError("audit_unavailable", "The disk is full."));
      entries.push(entry);
      return Promise.resolve();
    },
    writeWhenPossible: (entry) => entries.push(entry),
    synced: () => Promise.resolve(true),
    status: () => ({ healthy: true, seq: 0, unsynced: 0, waiting: 0 }),
  };
  const ring = await createKeyRing({
    store: { load: () => Promise.resolve([]), save: () => Promise.resolve() },
    hash: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    clock: createFakeClock(),
    random: createFakeRandom(),
    fixed: [{ id: "default", label: "", secret: "mlp_fixed" }],
  });
  keys = auditedKeys(ring, { audit, promptHash: () => "" });
});

const said = () => entries.map(({ event, keyId }) => [event, keyId]);

test("each record says which key it is about, also that of a new one", async () => {
  const { key } = await keys.create({ label: "zed" });
  await keys.rotate(key.id);
  await keys.revoke(key.id);
  expect(said()).toEqual([
    ["key_create", key.id],
    ["key_rotate", key.id],
    ["key_revoke", key.id],
  ]);
});

test("what is refused before it happens is not on record as if it had", async () => {
  await expect(keys.create({ label: "x".repeat(500) })).rejects.toThrow("label");
  await expect(keys.rotate("key_x")).rejects.toThrow("no such key");
  await expect(keys.rotate("default")).rejects.toThrow("Change it there");
  await expect(keys.revoke("key_x")).rejects.toThrow("no such key");
  expect(said()).toEqual([]);
});

test("where the audit cannot be written no key is made and none is renewed", async () => {
  const { key, secret } = await keys.create({ label: "zed" });
  isFull = true;
  await expect(keys.create({ label: "void" })).rejects.toThrow("full");
  await expect(keys.rotate(key.id)).rejects.toThrow("full");
  expect(keys.list().map(({ id }) => id)).toEqual(["default", key.id]);
  expect(keys.find(secret)?.id).toBe(key.id);
});
