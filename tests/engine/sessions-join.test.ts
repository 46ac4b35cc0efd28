import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/core/error.ts";
import { createMemoryStore } from "./sessions-support.ts";
import { activeSession, anAgent, anInfo, codeOf, hold, openHouse } from "./sessions-support.ts";

describe("an agent that asks", () => {
  test("gets a pending session with no scopes, no token and a hash of what is shown", async () => {
    const { sessions, store, changes } = await openHouse();
    const { session, token } = await sessions.join({ info: anInfo() });
    expect(token).toBeUndefined();
    expect(session).toMatchObject({
      status: "pending",
      agentId: "cursor",
      scopes: [],
      requestedScopes: ["inference", "agent:exec"],
      connected: false,
      expiresAt: null,
    });
    expect(session.approvalHash).toMatch(/^[0-9a-f]{64}$/);
    expect(store.records.get(session.sessionId)?.tokenHash).toBeNull();
    expect(changes.map((change) => change.session)).toEqual([session]);
  });

  test("and went away before anybody answered takes up its request again, with what it says now", async () => {
    const { sessions } = await openHouse();
    const first = await sessions.join({ info: anInfo() });
    const detach = sessions.attach(first.session.sessionId, anAgent());
    detach();
    const second = await sessions.join({ info: anInfo({ label: "Cursor, renamed" }) });
    expect(second.session.sessionId).toBe(first.session.sessionId);
    expect(second.session.label).toBe("Cursor, renamed");
    expect(second.session.approvalHash).not.toBe(first.session.approvalHash);
  });

  test("while another of the same name is connected gets a request of its own", async () => {
    const { sessions } = await openHouse();
    const first = await sessions.join({ info: anInfo() });
    sessions.attach(first.session.sessionId, anAgent());
    const second = await sessions.join({ info: anInfo() });
    expect(second.session.sessionId).not.toBe(first.session.sessionId);
  });

  test("never gets the active session of an agent that has the same name", async () => {
    const house = await openHouse();
    const { id, detach } = await activeSession(house);
    detach();
    for (const token of [undefined, "mlp_wrong", ""]) {
      const info = anInfo();
      const change = await house.sessions.join(token === undefined ? { info } : { info, token });
      expect(change.session.sessionId).not.toBe(id);
      expect(change.session.status).toBe("pending");
      expect(change.token).toBeUndefined();
    }
  });

  test("each claim that is shown changes the approval hash, and the session id does too", async () => {
    const { sessions } = await openHouse();
    const variants = [
      anInfo(),
      anInfo({ agentId: "other" }),
      anInfo({ label: "other" }),
      anInfo({ connector: "other" }),
      anInfo({ requestedScopes: ["inference"] }),
      anInfo({ models: [] }),
      anInfo({ models: [{ id: "m1", label: "x", capabilities: ["completion"] }] }),
      anInfo({ models: [{ id: "m1", contextLength: 9, capabilities: ["completion"] }] }),
      anInfo({ models: [{ id: "m1", capabilities: ["tools"] }] }),
    ];
    const hashes = new Set<string>();
    for (const info of variants) {
      const { session } = await sessions.join({ info });
      hashes.add(session.approvalHash);
      sessions.attach(session.sessionId, anAgent());
    }
    const again = await sessions.join({ info: anInfo() });
    hashes.add(again.session.approvalHash);
    expect(hashes.size).toBe(variants.length + 1);
  });

  test("is refused when sixty-four wait already, and let in when one is decided", async () => {
    const { sessions } = await openHouse();
    const waiting = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        sessions.join({ info: anInfo({ agentId: `agent-${index}` }) }),
      ),
    );
    expect(await codeOf(sessions.join({ info: anInfo({ agentId: "late" }) }))).toBe("too_busy");
    await sessions.deny(waiting[0]?.session.sessionId ?? "");
    expect(await codeOf(sessions.join({ info: anInfo({ agentId: "late" }) }))).toBe("none");
    expect(await codeOf(sessions.join({ info: anInfo({ agentId: "later" }) }))).toBe("too_busy");
  });

  test("is not let in when the store cannot keep its request, and leaves nothing behind", async () => {
    const { sessions, store } = await openHouse();
    store.failing = true;
    expect(await codeOf(sessions.join({ info: anInfo() }))).toBe("internal");
    expect(sessions.list()).toEqual([]);
  });
});

describe("claims that could mislead a human", () => {
  const bad: readonly [string, Partial<Parameters<typeof anInfo>[0]>][] = [
    ["an empty agent id", { agentId: "" }],
    ["a blank label", { label: "   " }],
    ["a long agent id", { agentId: "a".repeat(129) }],
    ["a long label", { label: "a".repeat(129) }],
    ["a line break", { label: "one\ntwo" }],
    ["an escape sequence", { label: "\u001b[2Jcursor" }],
    ["a null byte", { agentId: "cursor\0" }],
    ["a right-to-left override", { label: "safe\u202Eevil" }],
    ["a right-to-left mark", { label: "safe\u200F" }],
    ["an isolate", { label: "\u2066x" }],
    ["a zero-width space", { agentId: "cur\u200Bsor" }],
    ["a zero-width joiner", { agentId: "cur\u200Dsor" }],
    ["a byte order mark", { agentId: "\uFEFFcursor" }],
    ["a soft hyphen", { agentId: "cur\u00ADsor" }],
    ["an invisible filler", { label: "a\u3164" }],
    ["a tag character", { label: "a\u{E0041}" }],
    ["a line separator", { label: "a\u2028b" }],
    ["a lone surrogate", { label: "a\uD800" }],
    ["a connector with a colon, as only bridges have", { connector: "bridge:main" }],
    ["a connector with capitals", { connector: "Cursor" }],
    ["no connector", { connector: "" }],
    ["a model without a name", { models: [{ id: "", capabilities: [] }] }],
    ["a model with a hidden name", { models: [{ id: "m\u200B", capabilities: [] }] }],
    ["a model with a hidden label", { models: [{ id: "m", label: "\u202E", capabilities: [] }] }],
    [
      "too many models",
      { models: Array.from({ length: 1_001 }, (_, i) => ({ id: `m${i}`, capabilities: [] })) },
    ],
    ["an unknown scope", { requestedScopes: ["root" as "inference"] }],
  ];
  for (const [what, fields] of bad) {
    test(`are refused: ${what}`, async () => {
      const { sessions, store } = await openHouse();
      expect(await codeOf(sessions.join({ info: anInfo(fields) }))).toBe("invalid_request");
      expect(store.writes).toEqual([]);
    });
  }

  test("other scripts and plain emoji are welcome", async () => {
    const { sessions } = await openHouse();
    const label = "Агент – 代理 – وكيل 🤖";
    expect((await sessions.join({ info: anInfo({ label }) })).session.label).toBe(label);
  });
});

describe("an agent that comes back with its token", () => {
  test("gets its session, a new token, and keeps what was approved", async () => {
    const house = await openHouse();
    const { id, token, detach } = await activeSession(house, { scopes: ["inference"] });
    detach();
    const models = [{ id: "m2", capabilities: [] }];
    const back = await house.sessions.join({
      info: anInfo({ label: "A new label", requestedScopes: ["agent:write"], models }),
      token,
    });
    expect(back.session).toMatchObject({
      sessionId: id,
      status: "active",
      scopes: ["inference"],
      label: "Cursor on laptop",
      requestedScopes: ["inference", "agent:exec"],
      models,
    });
    expect(back.token).toMatch(/^mlp_/);
    expect(back.token).not.toBe(token);
  });

  test("has spent that token once it keeps the new one: it opens nothing again, the new one does", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    const back = await house.sessions.join({ info: anInfo(), token });
    house.sessions.keepsToken(back.token ?? "");
    const thief = await house.sessions.join({ info: anInfo(), token });
    expect(thief.session.sessionId).not.toBe(id);
    expect(thief.session.status).toBe("pending");
    const again = await house.sessions.join({ info: anInfo(), token: back.token ?? "" });
    expect(again.session.sessionId).toBe(id);
  });

  test("is alone: of fifty who come with the same token at once, the new token of one is good", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    const all = await Promise.all(
      Array.from({ length: 50 }, () => house.sessions.join({ info: anInfo(), token })),
    );
    const tokens = all.map((change) => change.token ?? "");
    expect(new Set(tokens).size).toBe(50);
    for (const each of tokens) house.sessions.keepsToken(each);
    const open: string[] = [];
    for (const each of [token, ...tokens]) {
      const change = await house.sessions.join({ info: anInfo({ label: each }), token: each });
      if (change.session.sessionId === id) open.push(each);
    }
    expect(open).toEqual([tokens.at(-1) ?? ""]);
  });

  test("finds a suspended session still suspended", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    await house.sessions.suspend(id);
    const back = await house.sessions.join({ info: anInfo(), token });
    expect([back.session.sessionId, back.session.status]).toEqual([id, "suspended"]);
  });

  test("must ask anew when its session has ended", async () => {
    for (const end of ["revoke", "time"] as const) {
      const house = await openHouse();
      const { id, token } = await activeSession(house, { ttlMs: 1_000 });
      if (end === "revoke") await house.sessions.revoke(id);
      else house.clock.advance(1_000);
      const back = await house.sessions.join({ info: anInfo(), token });
      expect(back.session.sessionId).not.toBe(id);
      expect([back.session.status, back.token]).toEqual(["pending", undefined]);
    }
  });

  test("under another name or connector is nobody: the session stays untouched, and so does its token", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    for (const fields of [{ agentId: "other" }, { connector: "acp" }]) {
      const change = await house.sessions.join({ info: anInfo(fields), token });
      expect([change.session.sessionId === id, change.session.status]).toEqual([false, "pending"]);
    }
    expect((await house.sessions.join({ info: anInfo(), token })).session.sessionId).toBe(id);
  });

  test("keeps its old token when the store cannot take the new one", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    house.store.failing = true;
    expect(await codeOf(house.sessions.join({ info: anInfo(), token }))).toBe("internal");
    house.store.failing = false;
    expect((await house.sessions.join({ info: anInfo(), token })).session.sessionId).toBe(id);
  });

  test("finds no token in any record, list or change that others see", async () => {
    const house = await openHouse();
    const { token } = await activeSession(house);
    const before = house.changes.length;
    const back = await house.sessions.join({ info: anInfo(), token });
    expect(house.changes.slice(before).map((change) => change.token)).toEqual([undefined]);
    const everything = JSON.stringify([house.sessions.list(), [...house.store.records.values()]]);
    expect(everything).not.toContain(token);
    expect(everything).not.toContain(back.token ?? "?");
  });
});

describe("policies", () => {
  const policies = [
    { match: { agent_id: "ci-*", connector: "rehearsal" }, grant: { scopes: ["inference"] } },
    {
      match: { label: "*trusted*" },
      grant: {
        scopes: ["inference", "agent:write"],
        ttl_seconds: 60,
        max_requests: null,
        max_tokens: 9,
      },
    },
  ];

  test("approve who fits, with what they grant and never with what was asked for", async () => {
    const { sessions, clock, store } = await openHouse({ policies });
    const change = await sessions.join({ info: anInfo({ label: "my trusted one" }) });
    expect(change.session).toMatchObject({
      status: "active",
      scopes: ["inference", "agent:write"],
      maxRequests: null,
      maxTokens: 9,
      expiresAt: clock.now() + 60_000,
    });
    expect(change.token).toMatch(/^mlp_/);
    expect(store.records.get(change.session.sessionId)?.tokenHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("need every part to fit, the first that fits decides, and the defaults fill the rest", async () => {
    const { sessions } = await openHouse({ policies });
    const fits = await sessions.join({
      info: anInfo({ agentId: "ci-7", connector: "rehearsal", label: "trusted" }),
    });
    expect(fits.session).toMatchObject({ status: "active", scopes: ["inference"] });
    expect(fits.session.maxRequests).toBe(100);
    const half = await sessions.join({ info: anInfo({ agentId: "ci-7", connector: "cursor" }) });
    expect(half.session.status).toBe("pending");
    const near = await sessions.join({
      info: anInfo({ agentId: "xci-7", connector: "rehearsal" }),
    });
    expect(near.session.status).toBe("pending");
  });

  test("tell their token to the agent alone", async () => {
    const house = await openHouse({ policies });
    await house.sessions.join({ info: anInfo({ label: "trusted" }) });
    expect(house.changes.map((change) => change.token)).toEqual([undefined]);
    expect(house.changes.map((change) => change.session.status)).toEqual(["active"]);
  });

  test("that grant nonsense stop the start", async () => {
    for (const grant of [{ scopes: ["root"] }, { ttl_seconds: -1 }, { max_requests: 0 }]) {
      const opening = openHouse({ policies: [{ match: {}, grant }] });
      expect(await codeOf(opening)).toBe("invalid_request");
    }
  });

  test("cannot fill the memory: the number of live sessions is bounded", async () => {
    const { sessions } = await openHouse({
      policies: [{ match: {}, grant: {} }],
      defaults: { maxLive: 3 },
    });
    for (let index = 0; index < 3; index += 1) await sessions.join({ info: anInfo() });
    expect(await codeOf(sessions.join({ info: anInfo() }))).toBe("too_busy");
  });
});

describe("attachment", () => {
  test("makes a session connected, and its end makes it away; everybody hears of both", async () => {
    const house = await openHouse();
    const { id, detach } = await activeSession(house);
    expect(house.sessions.get(id)?.connected).toBe(true);
    const before = house.changes.length;
    detach();
    detach();
    expect(house.sessions.get(id)?.connected).toBe(false);
    expect(house.changes.slice(before).map((change) => change.session.connected)).toEqual([false]);
    expect(await codeOf(hold(house, id))).toBe("no_active_session");
  });

  test("of a later agent wins, and the earlier one's leaving changes nothing", async () => {
    const house = await openHouse();
    const { id, agent, detach } = await activeSession(house);
    const second = anAgent();
    house.sessions.attach(id, second);
    detach();
    expect((await hold(house, id)).agent).toBe(second);
    const detachFirst = house.sessions.attach(id, agent);
    house.sessions.attach(id, agent);
    detachFirst();
    expect((await hold(house, id)).agent).toBe(agent);
  });

  test("is refused for an unknown or ended session, with the reason", async () => {
    const house = await openHouse();
    const { id } = await activeSession(house);
    await house.sessions.revoke(id);
    const attach = (sessionId: string) => async () => house.sessions.attach(sessionId, anAgent());
    expect(await codeOf(attach("ghost")())).toBe("session_not_found");
    expect(await codeOf(attach(id)())).toBe("session_revoked");
  });
});

describe("the agent of this process", () => {
  test("is active and connected at once, without an end or a request limit, and never in the store", async () => {
    const house = await openHouse();
    const agent = anAgent();
    const session = house.sessions.embed(agent);
    expect(session).toMatchObject({
      status: "active",
      connected: true,
      expiresAt: null,
      maxRequests: null,
      maxTokens: null,
      scopes: ["inference", "tools", "agent:read"],
    });
    const lease = await hold(house, session.sessionId);
    expect(lease.agent).toBe(agent);
    lease.settle({ promptTokens: 1, completionTokens: 1 });
    await house.sessions.revoke(session.sessionId);
    await house.sessions.close();
    expect(house.store.writes).toEqual([]);
  });

  test("can be given limits, and can be suspended and revoked like any other", async () => {
    const house = await openHouse();
    const { sessionId } = house.sessions.embed(anAgent(), { maxRequests: 1, ttlMs: 60_000 });
    await house.sessions.suspend(sessionId);
    expect(await codeOf(hold(house, sessionId))).toBe("session_suspended");
    await house.sessions.resume(sessionId);
    const lease = await hold(house, sessionId);
    expect(await codeOf(hold(house, sessionId))).toBe("session_exhausted");
    lease.settle(undefined);
    expect(house.sessions.get(sessionId)?.status).toBe("exhausted");
    expect(house.store.writes).toEqual([]);
  });
});

describe("sessions that a foreign bridge registers", () => {
  const registration = {
    sessionId: "bridge-session-1",
    agentId: "cursor-agent",
    sessionToken: "a token of the bridge",
    owner: "main",
  };

  test("are active at once, for 300 s and 100 requests, with the scopes named and no others", async () => {
    const { sessions, clock, store } = await openHouse();
    const session = await sessions.register(registration);
    expect(session).toMatchObject({
      status: "active",
      scopes: [],
      maxRequests: 100,
      expiresAt: clock.now() + 300_000,
      label: "cursor-agent",
      connector: "bridge:main",
      connected: false,
    });
    expect(JSON.stringify([...store.records.values()])).not.toContain("a token of the bridge");
    sessions.attach(session.sessionId, anAgent());
    const turn = sessions.acquire(session.sessionId, {
      scopes: ["inference"],
      onEnd: () => undefined,
    });
    expect(await codeOf(turn)).toBe("scope_missing");
  });

  test("belong to their bridge: another one cannot register the same id, nor one of ours", async () => {
    const house = await openHouse();
    await house.sessions.register({ ...registration, scopes: ["inference"] });
    expect(await codeOf(house.sessions.register({ ...registration, owner: "other" }))).toBe(
      "conflict",
    );
    const { id } = await activeSession(house);
    expect(await codeOf(house.sessions.register({ ...registration, sessionId: id }))).toBe(
      "conflict",
    );
    expect(house.sessions.get("bridge-session-1")).toMatchObject({
      status: "active",
      scopes: ["inference"],
    });
  });

  test("are granted anew when their own bridge registers them again, even after their time", async () => {
    const house = await openHouse();
    await house.sessions.register({ ...registration, scopes: ["inference"], maxRequests: 1 });
    house.sessions.attach("bridge-session-1", anAgent());
    (await hold(house, "bridge-session-1")).settle(undefined);
    expect(house.sessions.get("bridge-session-1")?.status).toBe("exhausted");
    await house.sessions.register({ ...registration, scopes: ["inference"], ttlMs: 1_000 });
    expect(house.sessions.get("bridge-session-1")).toMatchObject({
      status: "active",
      requestCount: 0,
      connected: true,
    });
    house.clock.advance(1_000);
    expect(house.sessions.get("bridge-session-1")?.status).toBe("expired");
    house.clock.advance(500_000);
    await house.sessions.register(registration);
    expect(house.sessions.get("bridge-session-1")?.status).toBe("active");
  });

  test("stay revoked when a human revoked them here", async () => {
    const { sessions } = await openHouse();
    await sessions.register(registration);
    await sessions.revoke("bridge-session-1");
    expect(await codeOf(sessions.register(registration))).toBe("conflict");
    expect(sessions.get("bridge-session-1")?.status).toBe("revoked");
  });

  test("keep their owner across a restart", async () => {
    const first = await openHouse();
    await first.sessions.register(registration);
    const second = await openHouse({ store: createMemoryStore([...first.store.records.values()]) });
    expect(await codeOf(second.sessions.register({ ...registration, owner: "other" }))).toBe(
      "conflict",
    );
    expect(await codeOf(second.sessions.register(registration))).toBe("none");
  });

  test("cannot be entered by an agent of our hub, even with the bridge's token", async () => {
    const { sessions } = await openHouse();
    await sessions.register(registration);
    const change = await sessions.join({
      info: anInfo({ agentId: "cursor-agent" }),
      token: "a token of the bridge",
    });
    expect(change.session).toMatchObject({ status: "pending", connector: "cursor" });
  });

  test("do not get in the way of an agent whose token a bridge happens to give out", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    await house.sessions.register({ ...registration, sessionToken: token });
    expect((await house.sessions.join({ info: anInfo(), token })).session.sessionId).toBe(id);
  });

  test("are refused with an id, label, scope or number that makes no sense", async () => {
    const { sessions, store } = await openHouse();
    const bad = [
      { sessionId: "" },
      { sessionId: "a b" },
      { sessionId: "../x" },
      { agentId: "a\u202Eb" },
      { label: "a\nb" },
      { scopes: ["admin"] },
      { ttlMs: 0 },
      { ttlMs: Number.NaN },
      { maxRequests: 1.5 },
    ];
    for (const fields of bad) {
      const error: unknown = await sessions
        .register({ ...registration, ...fields })
        .catch((thrown) => thrown);
      expect((error as AppError).code).toBe("invalid_request");
    }
    expect(store.writes).toEqual([]);
  });
});
