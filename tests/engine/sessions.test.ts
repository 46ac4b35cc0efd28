import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { StoredSession } from "../../src/core/ports.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import {
  USAGE,
  activeSession,
  anAgent,
  anInfo,
  codeOf,
  createMemoryStore,
  hold,
  openHouse,
} from "./sessions-support.ts";

const HOUR = 3_600_000;

describe("approval", () => {
  test("grants the defaults: eight hours, a hundred requests, and nothing that writes or runs", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    expect(house.sessions.get(id)).toMatchObject({
      status: "active",
      scopes: ["inference", "tools", "agent:read"],
      maxRequests: 100,
      maxTokens: null,
      expiresAt: house.clock.now() + 8 * HOUR,
    });
  });

  test("grants what it says", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, {
      ttlMs: 5_000,
      maxRequests: null,
      maxTokens: 10,
      scopes: ["agent:exec", "inference", "inference"],
    });
    expect(house.sessions.get(id)).toMatchObject({
      scopes: ["inference", "agent:exec"],
      maxRequests: null,
      maxTokens: 10,
      expiresAt: house.clock.now() + 5_000,
    });
  });

  test("refuses unknown scopes, no scopes and impossible numbers, and the request stays pending", async () => {
    const { sessions } = await openHouse();
    const { session } = await sessions.join({ info: anInfo() });
    const bad = [
      { scopes: ["root"] },
      { scopes: [] },
      { ttlMs: 0 },
      { ttlMs: Number.POSITIVE_INFINITY },
      { maxRequests: -1 },
      { maxTokens: 0.5 },
    ];
    for (const approval of bad) {
      expect(await codeOf(sessions.approve(session.sessionId, approval))).toBe("invalid_request");
    }
    expect(sessions.get(session.sessionId)?.status).toBe("pending");
  });

  test("is for what was shown: a request that has changed since is a conflict", async () => {
    const { sessions } = await openHouse();
    const { session } = await sessions.join({ info: anInfo() });
    await sessions.join({ info: anInfo({ label: "Swapped" }) });
    const { sessionId, approvalHash } = session;
    expect(await codeOf(sessions.approve(sessionId, { approvalHash }))).toBe("conflict");
    expect(sessions.get(sessionId)?.status).toBe("pending");
    const now = sessions.get(sessionId)?.approvalHash ?? "";
    expect((await sessions.approve(sessionId, { approvalHash: now })).status).toBe("active");
  });

  test("is for one time: of two hundred at once, one succeeds, and one token is issued", async () => {
    for (let round = 0; round < 20; round += 1) {
      const house = await openHouse();
      const { session } = await house.sessions.join({ info: anInfo() });
      const { sessionId, approvalHash } = session;
      const codes = await Promise.all(
        Array.from({ length: 200 }, () =>
          codeOf(house.sessions.approve(sessionId, { approvalHash })),
        ),
      );
      expect(codes.filter((code) => code === "none")).toHaveLength(1);
      expect(codes.filter((code) => code === "conflict")).toHaveLength(199);
      expect(house.changes.filter((change) => change.token !== undefined)).toHaveLength(1);
    }
  });

  test("while it is written down lets nobody else decide, or change what was shown", async () => {
    const house = await openHouse();
    const { session } = await house.sessions.join({ info: anInfo() });
    const release = house.store.hold();
    const approving = house.sessions.approve(session.sessionId);
    expect(await codeOf(house.sessions.deny(session.sessionId))).toBe("conflict");
    expect(await codeOf(house.sessions.approve(session.sessionId))).toBe("conflict");
    const joining = house.sessions.join({ info: anInfo({ label: "Swapped" }) });
    release();
    expect((await approving).label).toBe("Cursor on laptop");
    expect((await joining).session.sessionId).not.toBe(session.sessionId);
  });

  test("that cannot be written down is no approval, and can be tried again", async () => {
    const house = await openHouse();
    const { session } = await house.sessions.join({ info: anInfo() });
    house.store.failing = true;
    expect(await codeOf(house.sessions.approve(session.sessionId))).toBe("internal");
    expect(house.sessions.get(session.sessionId)?.status).toBe("pending");
    house.store.failing = false;
    expect((await house.sessions.approve(session.sessionId)).status).toBe("active");
  });

  test("answers with no token: it goes to the agent by the change", async () => {
    const house = await openHouse();
    const { session } = await house.sessions.join({ info: anInfo() });
    const answer = await house.sessions.approve(session.sessionId);
    const token = house.changes.at(-1)?.token ?? "none";
    expect(token).toMatch(/^mlp_/);
    expect(JSON.stringify(answer)).not.toContain(token);
    expect(JSON.stringify(answer)).not.toContain("tokenHash");
  });

  test("every administration of an unknown session says that there is none", async () => {
    const { sessions } = await openHouse();
    const all = [
      sessions.approve("ghost"),
      sessions.deny("ghost"),
      sessions.suspend("ghost"),
      sessions.resume("ghost"),
      sessions.revoke("ghost"),
      sessions.extend("ghost", 1),
      hold(await openHouse(), "ghost"),
    ];
    expect(await Promise.all(all.map(codeOf))).toEqual(all.map(() => "session_not_found"));
    expect(sessions.get("ghost")).toBeUndefined();
  });

  test("a denied or pending session takes no other step", async () => {
    const { sessions } = await openHouse();
    const { session } = await sessions.join({ info: anInfo() });
    const { sessionId } = session;
    expect(await codeOf(sessions.revoke(sessionId))).toBe("conflict");
    expect(await codeOf(sessions.suspend(sessionId))).toBe("conflict");
    expect(await codeOf(sessions.extend(sessionId, 1_000))).toBe("conflict");
    await sessions.deny(sessionId);
    expect(await codeOf(sessions.approve(sessionId))).toBe("conflict");
    expect(await codeOf(sessions.deny(sessionId))).toBe("conflict");
  });
});

/** The fake clock's moments are as long as what is under way. */
const endOfMoment = (): Promise<void> => Promise.resolve();

describe("a turn", () => {
  test("is refused with its reason for every status but active", async () => {
    const house = await openHouse();
    const { session } = await house.sessions.join({ info: anInfo() });
    house.sessions.attach(session.sessionId, anAgent());
    expect(await codeOf(hold(house, session.sessionId))).toBe("consent_required");
    await house.sessions.approve(session.sessionId);
    expect(await codeOf(hold(house, session.sessionId))).toBe("none");
    await house.sessions.suspend(session.sessionId);
    expect(await codeOf(hold(house, session.sessionId))).toBe("session_suspended");
    await house.sessions.revoke(session.sessionId);
    expect(await codeOf(hold(house, session.sessionId))).toBe("session_revoked");
    const denied = await house.sessions.join({ info: anInfo({ agentId: "other" }) });
    await house.sessions.deny(denied.session.sessionId);
    expect(await codeOf(hold(house, denied.session.sessionId))).toBe("session_denied");
  });

  test("needs every scope in the record; what the agent asked for counts for nothing", async () => {
    const house = await openHouse();
    const { id } = await activeSession(
      house,
      { scopes: ["inference"] },
      {
        requestedScopes: ["inference", "tools"],
      },
    );
    expect(await codeOf(hold(house, id, ["inference"]))).toBe("none");
    const error: unknown = await hold(house, id, ["inference", "tools"]).catch((thrown) => thrown);
    expect(String(error)).toContain('"tools"');
    expect(house.sessions.get(id)?.requestCount).toBe(1);
  });

  test("that is refused costs nothing", async () => {
    const house = await openHouse();
    const { id, detach } = await activeSession(house, { maxRequests: 1 });
    expect(await codeOf(hold(house, id, ["agent:exec"]))).toBe("scope_missing");
    detach();
    expect(await codeOf(hold(house, id))).toBe("no_active_session");
    house.sessions.attach(id, anAgent());
    expect(await codeOf(hold(house, id))).toBe("none");
  });

  test("is seen while it runs, and its tokens after", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    const lease = await hold(house, id);
    expect(lease.session).toMatchObject({ sessionId: id, inFlight: 1, requestCount: 1 });
    house.clock.advance(500);
    lease.settle(USAGE);
    lease.settle(USAGE);
    expect(house.sessions.get(id)).toMatchObject({
      inFlight: 0,
      requestCount: 1,
      tokenCount: 42,
      lastActivityAt: house.clock.now(),
    });
  });

  test("with a usage that is no number counts no tokens", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    for (const bad of [Number.NaN, -5, Number.POSITIVE_INFINITY]) {
      (await hold(house, id)).settle({ promptTokens: bad, completionTokens: 1 });
    }
    expect(house.sessions.get(id)?.tokenCount).toBe(3);
  });

  test("the last of max_requests is admitted and runs to its end; then the session is exhausted", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 2 });
    const first = await hold(house, id);
    const second = await hold(house, id);
    expect(await codeOf(hold(house, id))).toBe("session_exhausted");
    expect(house.sessions.get(id)?.status).toBe("active");
    first.settle(USAGE);
    expect(house.sessions.get(id)?.status).toBe("active");
    second.settle(USAGE);
    expect(house.sessions.get(id)?.status).toBe("exhausted");
    expect([...first.ends, ...second.ends]).toEqual([]);
    expect(await codeOf(hold(house, id))).toBe("session_exhausted");
    expect(house.store.records.get(id)).toMatchObject({ status: "exhausted", requestCount: 2 });
  });

  test("of five hundred at once, exactly max_requests are admitted", async () => {
    for (const held of [false, true]) {
      const house = await openHouse();
      const { id } = await activeSession(house, { maxRequests: 100 });
      const release = held ? house.store.hold() : () => undefined;
      const asking = Array.from({ length: 500 }, () => codeOf(hold(house, id)));
      release();
      const codes = await Promise.all(asking);
      expect(codes.filter((code) => code === "none")).toHaveLength(100);
      expect(codes.filter((code) => code === "session_exhausted")).toHaveLength(400);
      expect(house.store.records.get(id)?.requestCount).toBe(100);
    }
  });

  test("that spends more than max_tokens ends normally, and is the last", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxTokens: 40, maxRequests: null });
    const first = await hold(house, id);
    const second = await hold(house, id);
    first.settle(USAGE);
    expect(await codeOf(hold(house, id))).toBe("session_exhausted");
    expect(second.ends).toEqual([]);
    second.settle(USAGE);
    expect(house.sessions.get(id)).toMatchObject({ status: "exhausted", tokenCount: 84 });
  });

  test("under a limit is in the store before its agent can hear of it", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5 });
    const release = house.store.hold();
    let admitted = false;
    const asking = hold(house, id).then(() => {
      admitted = true;
      return admitted;
    });
    await endOfMoment();
    expect(house.store.writes.at(-1)).toBe(`count ${id} 1 0`);
    expect(house.store.records.get(id)?.requestCount).toBe(0);
    expect(admitted).toBe(false);
    release();
    expect(await asking).toBe(true);
    expect(house.store.records.get(id)?.requestCount).toBe(1);
  });

  test("that was not forwarded after all does not count, here and in the store", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 1 });
    const held = await hold(house, id);
    held.refund();
    held.refund();
    held.settle(USAGE);
    expect(house.sessions.get(id)).toMatchObject({ inFlight: 0, requestCount: 0, tokenCount: 0 });
    house.clock.advance(1_000);
    expect(house.store.records.get(id)?.requestCount).toBe(0);
    expect(await codeOf(hold(house, id))).toBe("none");
  });

  test("whose grant stops while it is counted does not count, here and in the store", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 1 });
    const release = house.store.hold();
    const asking = codeOf(hold(house, id));
    await endOfMoment();
    const suspending = house.sessions.suspend(id);
    release();
    await suspending;
    expect(await asking).toBe("session_suspended");
    await house.sessions.resume(id);
    expect(house.sessions.get(id)).toMatchObject({ status: "active", requestCount: 0 });
    expect(await codeOf(hold(house, id))).toBe("none");
    await house.sessions.close();
    expect(house.store.records.get(id)?.requestCount).toBe(1);
  });

  test("that is given back last leaves a session exhausted whose tokens the others have spent", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxTokens: 40, maxRequests: null });
    const [first, second] = [await hold(house, id), await hold(house, id)];
    first.settle(USAGE);
    expect(house.sessions.get(id)?.status).toBe("active");
    second.refund();
    expect(house.sessions.get(id)).toMatchObject({ status: "exhausted", requestCount: 1 });
    await house.sessions.close();
    expect(house.store.records.get(id)).toMatchObject({ status: "exhausted", requestCount: 1 });
  });

  test("that cannot be counted is not admitted, and is given back", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 1 });
    house.store.failing = true;
    expect(await codeOf(hold(house, id))).toBe("internal");
    expect(house.sessions.get(id)).toMatchObject({ inFlight: 0, requestCount: 0 });
    house.store.failing = false;
    expect(await codeOf(hold(house, id))).toBe("none");
  });

  test("without limits costs no write of its own: a thousand are one", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null });
    const before = house.store.writes.length;
    for (let index = 0; index < 1_000; index += 1) (await hold(house, id)).settle(USAGE);
    expect(house.store.writes).toHaveLength(before);
    house.clock.advance(1_000);
    expect(house.store.writes.slice(before)).toEqual([`count ${id} 1000 42000`]);
    house.clock.advance(10_000);
    expect(house.store.writes).toHaveLength(before + 1);
  });

  test("is counted once though its session is saved before the counts are", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null });
    (await hold(house, id)).settle(USAGE);
    await house.sessions.suspend(id);
    house.clock.advance(5_000);
    await house.sessions.close();
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, tokenCount: 42 });
  });

  test("under a token limit has its tokens in the store as soon as it ends", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null, maxTokens: 1_000 });
    (await hold(house, id)).settle(USAGE);
    await endOfMoment();
    expect(house.store.records.get(id)).toMatchObject({ tokenCount: 42 });
  });

  test("shares its write with the others of its moment, and each is counted", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5, maxTokens: 1_000 });
    const before = house.store.writes.length;
    const [one, two] = await Promise.all([hold(house, id), hold(house, id)]);
    expect(house.store.writes.slice(before)).toEqual([`count ${id} 2 0`]);
    one?.settle(USAGE);
    two?.settle(USAGE);
    await endOfMoment();
    expect(house.store.writes.slice(before + 1)).toEqual([`count ${id} 0 84`]);
  });

  test("is counted once when the whole record is saved before its moment ends", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5 });
    const held = hold(house, id);
    await Promise.all([held, house.sessions.suspend(id)]).catch(() => undefined);
    await endOfMoment();
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, status: "suspended" });
  });

  test("that just ended is counted when the sessions are closed", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5, maxTokens: 1_000 });
    (await hold(house, id)).settle(USAGE);
    await house.sessions.close();
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, tokenCount: 42 });
  });

  test("is counted once though its session could not be saved at first", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null });
    (await hold(house, id)).settle(USAGE);
    house.store.failing = true;
    await house.sessions.suspend(id);
    house.store.failing = false;
    house.clock.advance(1_000);
    await endOfMoment();
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, tokenCount: 42 });
  });

  test("counts are not lost when the store is away for a while", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null });
    (await hold(house, id)).settle(USAGE);
    house.store.failing = true;
    house.clock.advance(1_000);
    await Promise.resolve();
    await Promise.resolve();
    (await hold(house, id)).settle(USAGE);
    house.store.failing = false;
    await house.sessions.close();
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 2, tokenCount: 84 });
    expect(house.errors).toContain("counts were not saved");
  });
});

describe("an end of the grant", () => {
  test("by revocation ends every turn in flight at once, each once, and refuses the next", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    const leases = await Promise.all([hold(house, id), hold(house, id), hold(house, id)]);
    leases[0]?.settle(USAGE);
    const revoking = house.sessions.revoke(id);
    expect(leases.map((lease) => lease.ends.map((error) => error.code))).toEqual([
      [],
      ["session_revoked"],
      ["session_revoked"],
    ]);
    await revoking;
    leases[1]?.settle(USAGE);
    expect(house.sessions.get(id)).toMatchObject({ inFlight: 1, tokenCount: 84 });
    expect(house.store.records.get(id)?.status).toBe("revoked");
    expect(await codeOf(house.sessions.revoke(id))).toBe("conflict");
  });

  test("reaches a turn that was being admitted: it is refused and its agent hears nothing", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5 });
    const release = house.store.hold();
    const ends: unknown[] = [];
    const asking = house.sessions.acquire(id, {
      scopes: [],
      onEnd: (error) => ends.push(error),
    });
    const revoking = house.sessions.revoke(id);
    release();
    expect(await codeOf(asking)).toBe("session_revoked");
    await revoking;
    expect(ends).toEqual([]);
    expect(house.sessions.get(id)?.inFlight).toBe(0);
  });

  test("takes its timer with it", async () => {
    const house = await openHouse();
    const before = house.clock.pending;
    const { id } = await activeSession(house);
    expect(house.clock.pending).toBe(before + 1);
    await house.sessions.revoke(id);
    expect(house.clock.pending).toBe(before);
  });

  test("works with a full disk: the turns end now, and the record follows when the disk has room", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    const lease = await hold(house, id);
    house.store.failing = true;
    expect((await house.sessions.revoke(id)).status).toBe("revoked");
    expect(lease.ends.map((error) => error.code)).toEqual(["session_revoked"]);
    expect(house.store.records.get(id)?.status).toBe("active");
    house.store.failing = false;
    house.clock.advance(1_000);
    expect(house.store.records.get(id)?.status).toBe("revoked");
  });

  test("by suspension stops the turns too, and resuming lets new ones in", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    const lease = await hold(house, id);
    await house.sessions.suspend(id);
    expect(lease.ends.map((error) => error.code)).toEqual(["session_suspended"]);
    lease.settle(undefined);
    expect(await codeOf(house.sessions.suspend(id))).toBe("conflict");
    expect((await house.sessions.resume(id)).status).toBe("active");
    expect(await codeOf(house.sessions.resume(id))).toBe("conflict");
    expect(await codeOf(hold(house, id))).toBe("none");
  });

  test("wins against a resume that is being written down", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    await house.sessions.suspend(id);
    const release = house.store.hold();
    const resuming = house.sessions.resume(id);
    const revoking = house.sessions.revoke(id);
    release();
    expect(await codeOf(resuming)).toBe("conflict");
    await revoking;
    expect(house.sessions.get(id)?.status).toBe("revoked");
    expect(house.store.records.get(id)?.status).toBe("revoked");
  });

  test("a turn whose ending fails does not keep the others alive", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    await house.sessions.acquire(id, {
      scopes: [],
      onEnd: () => {
        throw new Error("broken");
      },
    });
    const other = await hold(house, id);
    await house.sessions.revoke(id);
    expect(other.ends).toHaveLength(1);
  });

  test("a listener that fails, or leaves, changes nothing for the others", async () => {
    const house = await openHouse();
    const seen: string[] = [];
    house.sessions.subscribe(() => {
      throw new Error("broken");
    });
    const leave = house.sessions.subscribe(({ session }) => seen.push(session.status));
    const { id } = await activeSession(house);
    leave();
    leave();
    await house.sessions.revoke(id);
    expect(seen).toEqual(["pending", "pending", "active"]);
    expect(house.sessions.get(id)?.status).toBe("revoked");
  });
});

describe("time", () => {
  test("ends a session to the millisecond, its turns with it, and everybody hears", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { ttlMs: 10_000 });
    const lease = await hold(house, id);
    house.clock.advance(9_999);
    expect(house.sessions.get(id)?.status).toBe("active");
    house.clock.advance(1);
    expect(house.sessions.get(id)?.status).toBe("expired");
    expect(lease.ends.map((error) => error.code)).toEqual(["session_expired"]);
    expect(house.changes.at(-1)?.session.status).toBe("expired");
    expect(await codeOf(hold(house, id))).toBe("session_expired");
    expect(house.store.records.get(id)?.status).toBe("expired");
  });

  test("goes on while a session is suspended", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { ttlMs: 10_000 });
    await house.sessions.suspend(id);
    house.clock.advance(10_000);
    expect(house.sessions.get(id)?.status).toBe("expired");
    expect(await codeOf(house.sessions.resume(id))).toBe("conflict");
  });

  test("is the monotonic clock's: a jump of the wall clock ends nothing and keeps nothing alive", async () => {
    for (const jump of [HOUR, -HOUR, 10 * 365 * 24 * HOUR, -10 * 365 * 24 * HOUR]) {
      const house = await openHouse();
      const { id } = await activeSession(house, { ttlMs: 10_000 });
      house.clock.setWall(house.clock.now() + jump);
      house.clock.advance(9_999);
      expect(await codeOf(hold(house, id))).toBe("none");
      house.clock.advance(1);
      expect(await codeOf(hold(house, id))).toBe("session_expired");
    }
  });

  test("is kept though its timer is late", async () => {
    const clock = createFakeClock();
    const deaf = { ...clock, timer: () => () => undefined };
    const house = await openHouse({ clock: deaf });
    const { id, token } = await activeSession(house, { ttlMs: 1_000 });
    clock.advance(1_000);
    expect(await codeOf(hold(house, id))).toBe("session_expired");
    const back = await house.sessions.join({ info: anInfo(), token });
    expect(back.session.sessionId).not.toBe(id);
  });

  test("can be added to, from where it ends and not from now", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { ttlMs: 10_000 });
    const until = house.sessions.get(id)?.expiresAt ?? 0;
    house.clock.advance(4_000);
    expect((await house.sessions.extend(id, 5_000)).expiresAt).toBe(until + 5_000);
    house.clock.advance(10_999);
    expect(house.sessions.get(id)?.status).toBe("active");
    house.clock.advance(1);
    expect(house.sessions.get(id)?.status).toBe("expired");
    expect(await codeOf(house.sessions.extend(id, 5_000))).toBe("conflict");
  });

  test("cannot be added in nonsense, and a session without an end stays so", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    for (const ms of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await codeOf(house.sessions.extend(id, ms))).toBe("invalid_request");
    }
    const { sessionId } = house.sessions.embed(anAgent());
    expect((await house.sessions.extend(sessionId, 1_000)).expiresAt).toBeNull();
  });

  test("of many days is counted right though no timer is that long", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { ttlMs: 40 * 24 * HOUR });
    for (let day = 0; day < 40; day += 1) {
      expect(house.sessions.get(id)?.status).toBe("active");
      house.clock.advance(24 * HOUR);
    }
    expect(house.sessions.get(id)?.status).toBe("expired");
  });

  test("denies a request whose agent has gone, and never one whose agent waits", async () => {
    const house = await openHouse();
    const gone = await house.sessions.join({ info: anInfo({ agentId: "gone" }) });
    const waits = await house.sessions.join({ info: anInfo({ agentId: "waits" }) });
    house.sessions.attach(waits.session.sessionId, anAgent());
    house.clock.advance(HOUR + 60_000);
    expect(house.sessions.get(gone.session.sessionId)?.status).toBe("denied");
    expect(house.sessions.get(waits.session.sessionId)?.status).toBe("pending");
  });

  test("keeps an ended session in the list for a day, then forgets it here and in the store", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    await house.sessions.revoke(id);
    house.clock.advance(24 * HOUR - 60_000);
    expect(house.sessions.list().map((each) => each.sessionId)).toEqual([id]);
    house.clock.advance(120_000);
    expect(house.sessions.list()).toEqual([]);
    expect(house.store.records.size).toBe(0);
  });
});

describe("a restart", () => {
  async function restarted(
    house: Awaited<ReturnType<typeof openHouse>>,
    downMs = 0,
  ): Promise<Awaited<ReturnType<typeof openHouse>>> {
    const clock = createFakeClock(house.clock.now() + downMs);
    return openHouse({ store: createMemoryStore([...house.store.records.values()]), clock });
  }

  test("finds every session as recorded, none connected, none running", async () => {
    const house = await openHouse();
    const { id: active } = await activeSession(house);
    const { id: suspended } = await activeSession(house, {}, { agentId: "b" });
    await house.sessions.suspend(suspended);
    const { id: revoked } = await activeSession(house, {}, { agentId: "c" });
    await house.sessions.revoke(revoked);
    const pending = await house.sessions.join({ info: anInfo({ agentId: "d" }) });
    await hold(house, active);
    const after = await restarted(house);
    expect(
      after.sessions.list().map(({ sessionId, status, connected, inFlight }) => ({
        sessionId,
        status,
        connected,
        inFlight,
      })),
    ).toEqual(
      [
        [active, "active"],
        [suspended, "suspended"],
        [revoked, "revoked"],
        [pending.session.sessionId, "pending"],
      ].map(([sessionId, status]) => ({
        sessionId: sessionId ?? "",
        status: status as "active",
        connected: false,
        inFlight: 0,
      })),
    );
  });

  test("lets an agent back in with its token, and with no other", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    const after = await restarted(house);
    expect((await after.sessions.join({ info: anInfo(), token: "mlp_x" })).session.status).toBe(
      "pending",
    );
    const back = await after.sessions.join({ info: anInfo(), token });
    expect([back.session.sessionId, back.session.status]).toEqual([id, "active"]);
  });

  test("ends what ended while it was down, and times the rest from what is left", async () => {
    const house = await openHouse();
    const { id: short } = await activeSession(house, { ttlMs: 5_000 });
    const { id: long } = await activeSession(house, { ttlMs: 20_000 }, { agentId: "b" });
    const after = await restarted(house, 5_000);
    expect(after.sessions.get(short)?.status).toBe("expired");
    expect(after.store.records.get(short)?.status).toBe("expired");
    expect(after.sessions.get(long)?.status).toBe("active");
    after.clock.advance(15_000);
    expect(after.sessions.get(long)?.status).toBe("expired");
  });

  test("never lets more than max_requests through in all, wherever the process was killed", async () => {
    let house = await openHouse();
    const { id, token } = await activeSession(house, { maxRequests: 10 });
    let current = token;
    let admitted = 0;
    for (let life = 0; life < 4; life += 1) {
      if (life > 0) {
        house = await restarted(house);
        const back = await house.sessions.join({ info: anInfo(), token: current });
        current = back.token ?? current;
        if (back.session.sessionId === id) house.sessions.attach(id, anAgent());
      }
      const codes = await Promise.all(Array.from({ length: 4 }, () => codeOf(hold(house, id))));
      admitted += codes.filter((code) => code === "none").length;
    }
    expect(admitted).toBe(10);
  });

  test("finds a spent session exhausted though the process was killed before it could say so", async () => {
    const spent: StoredSession[] = [];
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 1 });
    await hold(house, id);
    spent.push(...house.store.records.values());
    expect(spent[0]?.status).toBe("active");
    const after = await restarted(house);
    expect(after.sessions.get(id)?.status).toBe("exhausted");
  });

  test("forgets in time what ended before it", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    await house.sessions.revoke(id);
    const after = await restarted(house, 23 * HOUR);
    expect(after.sessions.list()).toHaveLength(1);
    after.clock.advance(HOUR + 60_000);
    expect(after.sessions.list()).toEqual([]);
  });

  test("never brings an ended session back to life", async () => {
    const house = await openHouse();
    const ends = ["revoke", "expire", "exhaust", "deny"] as const;
    for (const end of ends) {
      if (end === "deny") {
        const { session } = await house.sessions.join({ info: anInfo({ agentId: end }) });
        await house.sessions.deny(session.sessionId);
        continue;
      }
      const { id } = await activeSession(house, { ttlMs: 1_000, maxRequests: 1 }, { agentId: end });
      if (end === "revoke") await house.sessions.revoke(id);
      if (end === "exhaust") (await hold(house, id)).settle(undefined);
      if (end === "expire") house.clock.advance(1_000);
    }
    const after = await restarted(house, -HOUR);
    expect(after.sessions.list().map((each) => each.status)).toEqual(
      house.sessions.list().map((each) => each.status),
    );
    for (const { sessionId } of after.sessions.list()) {
      expect(await codeOf(after.sessions.resume(sessionId))).toBe("conflict");
      expect(await codeOf(after.sessions.approve(sessionId))).toBe("conflict");
    }
  });
});

describe("closing", () => {
  test("writes what waits, leaves no timer, admits nobody, and may be asked twice", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: null });
    (await hold(house, id)).settle(USAGE);
    await Promise.all([house.sessions.close(), house.sessions.close()]);
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, tokenCount: 42 });
    expect(house.clock.pending).toBe(0);
    expect(await codeOf(hold(house, id))).toBe("shutdown");
  });

  test("waits for a count that is on its way to a slow store", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5, maxTokens: 1_000 });
    const lease = await hold(house, id);
    const release = house.store.hold();
    lease.settle(USAGE);
    let isClosed = false;
    const closed = house.sessions.close().then(() => {
      isClosed = true;
    });
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
    expect(isClosed).toBe(false);
    release();
    await closed;
    expect(house.store.records.get(id)).toMatchObject({ requestCount: 1, tokenCount: 42 });
  });

  test("writes a count once more that the store refused at its last moment", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house, { maxRequests: 5, maxTokens: 1_000 });
    const lease = await hold(house, id);
    const { count } = house.store;
    let refusals = 1;
    house.store.count = (...args) => {
      refusals -= 1;
      return refusals < 0 ? count(...args) : Promise.reject(new Error("busy"));
    };
    lease.settle(USAGE);
    await house.sessions.close();
    expect(house.store.records.get(id)).toMatchObject({ tokenCount: 42 });
  });
});

test("whatever happens in whatever order, the counts stay right and nothing ended lives again", async () => {
  const step = fc.oneof(
    fc.constantFrom(
      "acquire",
      "settle",
      "suspend",
      "resume",
      "revoke",
      "detach",
      "attach",
      "extend",
    ),
    fc.constant("acquire"),
    fc.constant("settle"),
    fc.constant("wait"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 8 }),
      async (steps, maxRequests) => {
        const house = await openHouse();
        const { id, agent, detach } = await activeSession(house, { maxRequests, ttlMs: 20_000 });
        const open: Awaited<ReturnType<typeof hold>>[] = [];
        let leave = detach;
        let admitted = 0;
        let ended = "";
        for (const name of steps) {
          const { sessions } = house;
          if (name === "acquire") {
            const lease = await hold(house, id).catch(() => undefined);
            if (lease !== undefined) {
              admitted += 1;
              open.push(lease);
            }
          }
          if (name === "settle") open.shift()?.settle(USAGE);
          if (name === "wait") house.clock.advance(3_000);
          if (name === "detach") leave();
          const status = sessions.get(id)?.status;
          if (name === "attach" && status === "active") leave = sessions.attach(id, agent);
          if (name === "suspend") await codeOf(sessions.suspend(id));
          if (name === "resume") await codeOf(sessions.resume(id));
          if (name === "revoke") await codeOf(sessions.revoke(id));
          if (name === "extend") await codeOf(sessions.extend(id, 1_000));

          const now = sessions.get(id);
          if (ended !== "" && now?.status !== ended) throw new Error(`${ended} → ${now?.status}`);
          if (["expired", "revoked", "exhausted"].includes(now?.status ?? "")) {
            ended = now?.status ?? "";
          }
          expect(now).toMatchObject({ inFlight: open.length, requestCount: admitted });
          expect(admitted).toBeLessThanOrEqual(maxRequests);
          if (now?.status !== "active" && now?.status !== "exhausted") {
            expect(open.filter((lease) => lease.ends.length !== 1)).toEqual([]);
          }
        }
        await house.sessions.close();
        expect(house.store.records.get(id)?.requestCount).toBe(admitted);
      },
    ),
    { numRuns: 200 },
  );
});
