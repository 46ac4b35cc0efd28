// What every store promises, whatever holds the bytes. Run it with `storeContract(name, place)`, where a place is
// somewhere empty that can be opened again and again, as after a restart.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ClientKey, KeyStore, SessionStore, StoredSession } from "../../src/core/ports.ts";

export interface OpenStore {
  readonly sessions: SessionStore;
  readonly keys: KeyStore;
  close(): void | Promise<void>;
}

export interface StorePlace {
  open(): OpenStore | Promise<OpenStore>;
  /** Removes everything. */
  destroy(): void | Promise<void>;
}

export function aStoredSession(fields: Partial<StoredSession> = {}): StoredSession {
  return {
    sessionId: "session_1",
    agentId: "cursor",
    label: "Ein Agent – 代理 🤖",
    connector: "rehearsal",
    status: "active",
    requestedScopes: ["inference", "agent:exec"],
    scopes: ["inference"],
    models: [
      { id: "m1", label: "Model one", contextLength: 128_000, capabilities: ["completion"] },
      { id: "m2", capabilities: [] },
    ],
    createdAt: 1_700_000_000_000,
    expiresAt: 1_700_000_300_000,
    lastActivityAt: 1_700_000_000_000,
    requestCount: 0,
    tokenCount: 0,
    maxRequests: 100,
    maxTokens: null,
    approvalHash: "a".repeat(64),
    tokenHash: "b".repeat(64),
    ...fields,
  };
}

export function aClientKey(fields: Partial<ClientKey> = {}): ClientKey {
  return {
    id: "key_1",
    label: "Void",
    hash: "c".repeat(64),
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    revokedAt: null,
    models: null,
    sessions: null,
    ...fields,
  };
}

export function storeContract(name: string, createPlace: () => StorePlace): void {
  describe(`${name} keeps sessions`, () => {
    let place: StorePlace;
    let store: OpenStore;
    beforeEach(async () => {
      place = createPlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.destroy();
    });

    async function reopened(): Promise<OpenStore> {
      await store.close();
      store = await place.open();
      return store;
    }

    test("a new store is empty", async () => {
      expect(await store.sessions.load()).toEqual([]);
      expect(await store.keys.load()).toEqual([]);
    });

    test("a session comes back after a restart exactly as it was saved", async () => {
      const first = aStoredSession();
      const second = aStoredSession({
        sessionId: "session_2",
        createdAt: first.createdAt + 1,
        status: "pending",
        expiresAt: null,
        maxRequests: null,
        maxTokens: 5_000,
        tokenHash: null,
        models: [],
        scopes: [],
      });
      await store.sessions.save(first);
      await store.sessions.save(second);
      expect(await (await reopened()).sessions.load()).toEqual([first, second]);
    });

    test("every status comes back", async () => {
      const statuses = [
        "pending",
        "active",
        "suspended",
        "expired",
        "revoked",
        "exhausted",
        "denied",
      ] as const;
      for (const status of statuses) {
        await store.sessions.save(aStoredSession({ sessionId: status, status }));
      }
      const loaded = await (await reopened()).sessions.load();
      expect(loaded.map((each) => each.status)).toEqual([...statuses]);
    });

    test("the later save of a session replaces the earlier one, and its place in the list stays", async () => {
      await store.sessions.save(aStoredSession());
      await store.sessions.save(aStoredSession({ sessionId: "other" }));
      await store.sessions.save(aStoredSession({ status: "revoked", tokenHash: null }));
      const loaded = await store.sessions.load();
      expect(loaded.map((each) => [each.sessionId, each.status])).toEqual([
        ["session_1", "revoked"],
        ["other", "active"],
      ]);
      expect(loaded[0]?.tokenHash).toBeNull();
    });

    test("counts are added, and the time of the last activity never goes back", async () => {
      const session = aStoredSession({ requestCount: 1, tokenCount: 10 });
      await store.sessions.save(session);
      await store.sessions.count("session_1", 1, 0, session.lastActivityAt + 50);
      await store.sessions.count("session_1", 2, 30, session.lastActivityAt + 20);
      expect(await (await reopened()).sessions.load()).toEqual([
        {
          ...session,
          requestCount: 4,
          tokenCount: 40,
          lastActivityAt: session.lastActivityAt + 50,
        },
      ]);
    });

    test("calls for one session take effect in the order they were made, though nobody waits between", async () => {
      const session = aStoredSession();
      await Promise.all([
        store.sessions.save(session),
        store.sessions.count("session_1", 5, 5, session.createdAt),
        store.sessions.save({ ...session, requestCount: 7 }),
        store.sessions.count("session_1", 1, 1, session.createdAt),
      ]);
      const [loaded] = await store.sessions.load();
      expect([loaded?.requestCount, loaded?.tokenCount]).toEqual([8, 1]);
    });

    test("two hundred counts at once are all there", async () => {
      await store.sessions.save(aStoredSession());
      await Promise.all(
        Array.from({ length: 200 }, () => store.sessions.count("session_1", 1, 3, 1)),
      );
      const [loaded] = await store.sessions.load();
      expect([loaded?.requestCount, loaded?.tokenCount]).toEqual([200, 600]);
    });

    test("counting or removing what is not there does nothing", async () => {
      await store.sessions.count("ghost", 1, 1, 1);
      await store.sessions.remove("ghost");
      expect(await store.sessions.load()).toEqual([]);
    });

    test("a removed session is gone after a restart", async () => {
      await store.sessions.save(aStoredSession());
      await store.sessions.remove("session_1");
      expect(await (await reopened()).sessions.load()).toEqual([]);
    });

    test("text that looks like code is only text", async () => {
      const session = aStoredSession({
        sessionId: `'; DROP TABLE sessions; --`,
        label: `"$label" \u2028 {{x}}`,
      });
      await store.sessions.save(session);
      expect(await store.sessions.load()).toEqual([session]);
    });

    test("a closed store rejects instead of losing what it is given", async () => {
      await store.close();
      expect(await store.sessions.save(aStoredSession()).then(saved, failed)).toBe("failed");
      store = await place.open();
      expect(await store.sessions.load()).toEqual([]);
    });

    test("a key comes back after a restart exactly as it was saved", async () => {
      const open = aClientKey();
      const narrow = aClientKey({
        id: "key_2",
        hash: "d".repeat(64),
        createdAt: open.createdAt + 1,
        expiresAt: 5,
        revokedAt: 6,
        models: ["m1"],
        sessions: [],
      });
      await store.keys.save(open);
      await store.keys.save(narrow);
      expect(await (await reopened()).keys.load()).toEqual([open, narrow]);
    });

    test("the later save of a key replaces the earlier one", async () => {
      await store.keys.save(aClientKey());
      await store.keys.save(aClientKey({ revokedAt: 9, hash: "e".repeat(64) }));
      expect(await store.keys.load()).toEqual([aClientKey({ revokedAt: 9, hash: "e".repeat(64) })]);
    });

    test("two keys never share a hash", async () => {
      await store.keys.save(aClientKey());
      const second = store.keys.save(aClientKey({ id: "key_2" }));
      expect(await second.then(saved, failed)).toBe("failed");
      expect(await store.keys.load()).toEqual([aClientKey()]);
    });
  });
}

function saved(): string {
  return "saved";
}

function failed(): string {
  return "failed";
}
