// What opens a session while nobody knows whether its newest token has reached its agent.

import { describe, expect, test } from "bun:test";
import type { AgentInfo } from "../../src/core/ports.ts";
import { activeSession, anAgent, anInfo, openHouse } from "./sessions-support.ts";
import type { House } from "./sessions-support.ts";

const HASH = /^[0-9a-f]{64}$/;

/** Whether the agent got into that session, and its token. */
async function comes(house: House, id: string, token?: string, fields: Partial<AgentInfo> = {}) {
  const info = anInfo(fields);
  const change = await house.sessions.join(token === undefined ? { info } : { info, token });
  return { isIn: change.session.sessionId === id, token: change.token };
}

function hashesOf(house: House, id: string): string | null | undefined {
  return house.store.records.get(id)?.tokenHash;
}

/** A session that was approved while its agent was away: as the hub that finds nobody to tell says. */
async function approvedAway(house: House): Promise<{ id: string; token: string }> {
  const { session } = await house.sessions.join({ info: anInfo() });
  const id = session.sessionId;
  await house.sessions.approve(id);
  const token = house.changes.findLast((change) => change.token !== undefined)?.token ?? "";
  house.sessions.lostToken(token);
  return { id, token };
}

describe("an agent whose new token got lost on its way", () => {
  test("comes back with the one before, as often as that happens", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    for (let time = 0; time < 3; time += 1) {
      expect(await comes(house, id, token)).toMatchObject({ isIn: true });
    }
  });

  test("or with the new one, if it had that after all: then the one before is dead", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    const second = await comes(house, id, token);
    const third = await comes(house, id, second.token);
    expect(third.isIn).toBe(true);
    expect(await comes(house, id, token)).toMatchObject({ isIn: false, token: undefined });
    expect(await comes(house, id, second.token)).toMatchObject({ isIn: true });
  });

  test("has the same choice after a restart of the hub", async () => {
    for (const which of ["old", "new"] as const) {
      const house = await openHouse();
      const { id, token } = await activeSession(house);
      const back = await comes(house, id, token);
      const again = await openHouse({ store: house.store });
      expect((await comes(again, id, which === "old" ? token : back.token)).isIn).toBe(true);
    }
  });

  test("who got it and kept it leaves one hash in the record, and the word is taken once", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    const back = await comes(house, id, token);
    expect(hashesOf(house, id)).not.toMatch(HASH);
    house.sessions.keepsToken(token);
    expect(hashesOf(house, id)).not.toMatch(HASH);
    house.sessions.keepsToken(back.token ?? "");
    await house.sessions.close();
    expect(hashesOf(house, id)).toMatch(HASH);
    const writes = house.store.writes.length;
    house.sessions.keepsToken(back.token ?? "");
    house.sessions.keepsToken("mlp_nobody's");
    expect(house.store.writes).toHaveLength(writes);
    expect(await comes(house, id, token)).toMatchObject({ isIn: false });
  });

  test("does not get past the claims by it, nor into what has ended", async () => {
    const house = await openHouse();
    const { id, token } = await activeSession(house);
    await comes(house, id, token);
    expect(await comes(house, id, token, { agentId: "other" })).toMatchObject({ isIn: false });
    await house.sessions.revoke(id);
    expect(await comes(house, id, token)).toMatchObject({ isIn: false, token: undefined });
  });
});

describe("an agent that was approved while it was away", () => {
  test("gets its session when it makes the very same request, also after a restart of the hub", async () => {
    const house = await openHouse();
    const { id } = await approvedAway(house);
    await house.sessions.close();
    const again = await openHouse({ store: house.store });
    const back = await comes(again, id);
    expect(back).toMatchObject({ isIn: true });
    expect(back.token).toMatch(/^mlp_/);
    again.sessions.keepsToken(back.token ?? "");
    expect(await comes(again, id)).toMatchObject({ isIn: false, token: undefined });
    expect(await comes(again, id, back.token)).toMatchObject({ isIn: true });
  });

  test("asks anew where anything of its request is another", async () => {
    const others: Partial<AgentInfo>[] = [
      { label: "Another label" },
      { agentId: "other" },
      { connector: "acp" },
      { models: [] },
      { requestedScopes: ["inference"] },
    ];
    const house = await openHouse();
    const { id } = await approvedAway(house);
    for (const fields of others) {
      expect(await comes(house, id, undefined, fields)).toMatchObject({
        isIn: false,
        token: undefined,
      });
    }
    expect(await comes(house, id)).toMatchObject({ isIn: true });
  });

  test("may come with the token of a session that has ended, and with no other wrong one", async () => {
    const house = await openHouse();
    const before = await activeSession(house);
    before.detach();
    await house.sessions.revoke(before.id);
    const { id } = await approvedAway(house);
    expect(await comes(house, id, "mlp_wrong")).toMatchObject({ isIn: false, token: undefined });
    expect(await comes(house, id, before.token)).toMatchObject({ isIn: true });
  });

  test("is let in as long as it may not have heard of it, and never beside one that is there", async () => {
    const house = await openHouse();
    const { id } = await approvedAway(house);
    expect(await comes(house, id)).toMatchObject({ isIn: true });
    expect(await comes(house, id)).toMatchObject({ isIn: true });
    house.sessions.attach(id, anAgent());
    expect(await comes(house, id)).toMatchObject({ isIn: false, token: undefined });
  });

  test("asks anew once that session has ended", async () => {
    for (const end of ["revoke", "time"] as const) {
      const house = await openHouse({ defaults: { ttlMs: 1_000 } });
      const { id } = await approvedAway(house);
      if (end === "revoke") await house.sessions.revoke(id);
      else house.clock.advance(1_000);
      expect(await comes(house, id)).toMatchObject({ isIn: false, token: undefined });
    }
  });

  test("cannot be stood in for where the approval was heard", async () => {
    const house = await openHouse();
    const { id, token, detach } = await activeSession(house);
    detach();
    expect(await comes(house, id)).toMatchObject({ isIn: false, token: undefined });
    expect(await comes(house, id, "claims")).toMatchObject({ isIn: false });
    const back = await comes(house, id, token);
    // A later token that gets lost leaves the one before it, and the claims mean nothing.
    house.sessions.lostToken(back.token ?? "");
    expect(await comes(house, id)).toMatchObject({ isIn: false });
    expect(await comes(house, id, token)).toMatchObject({ isIn: true });
  });
});
