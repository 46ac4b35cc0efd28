// An agent whose models change while it is joined: the hub and every provider hear of it, on the links that they have.

import { afterEach, describe, expect, test } from "bun:test";
import type { Model } from "../../src/core/model.ts";
import type { Agent } from "../../src/core/ports.ts";
import { createScenarioAgent } from "../contract/scenario-agent.ts";
import * as play from "../contract/scenario.ts";
import { turnOf, chatRequest } from "../agents/support.ts";
import { type BridgeHouse, openBridge } from "./support/bridge-house.ts";

let house: BridgeHouse | undefined;
afterEach(async () => {
  await house?.close();
  house = undefined;
});

const model = (id: string): Model => ({ id, capabilities: ["completion"] });
const idsOf = ({ models }: { readonly models: readonly Model[] }) => models.map(({ id }) => id);

/** The agent of a scenario, with models that a test changes. */
function changing(...models: readonly Model[]) {
  const { agent: inner, reached } = createScenarioAgent([
    { steps: [play.say("first "), play.hang] },
  ]);
  let current = models;
  const agent: Agent = {
    info: {
      ...inner.info,
      get models() {
        return current;
      },
    },
    run: (turn, signal) => inner.run(turn, signal),
  };
  return {
    agent,
    reached,
    become: (...next: readonly Model[]) => {
      current = next;
    },
  };
}

describe("models that change", () => {
  test("reach the hub and the provider on open links, and a turn goes on meanwhile", async () => {
    house = await openBridge();
    const { agent, reached, become } = changing(model("old"));
    const { runner, sessionId } = await house.activeRunner(agent);
    const provider = house.provider();
    await provider.changes.when(({ status, connected }) => status === "active" && connected);
    const lease = await provider.remote.acquire(sessionId, {
      scopes: ["inference"],
      onEnd: () => undefined,
    });
    const abort = new AbortController();
    const turn = { ...turnOf(chatRequest("hello")), sessionId };
    const events = lease.agent.run(turn, abort.signal)[Symbol.asyncIterator]();
    const first = await events.next();
    await reached;

    become(model("old"), model("new"));
    runner.announce();
    const changed = await provider.changes.when(({ models }) => models.length === 2);
    expect(idsOf(changed)).toEqual(["old", "new"]);
    expect([changed.connected, changed.status]).toEqual([true, "active"]);
    expect(first.value).toEqual({ type: "text-delta", text: "first " });
    expect(runner.status().turns).toBe(1);
    expect(house.hub.links().filter(({ role }) => role === "agent")).toHaveLength(1);
    abort.abort();
    await events.next().catch(() => undefined);
  });

  test("of an agent that waits for approval make what was shown out of date", async () => {
    house = await openBridge();
    const { agent, become } = changing(model("harmless"));
    const { runner, sessions } = house.runner(agent);
    const shown = await sessions.when(({ status }) => status === "pending");
    const { approvalHash, sessionId } = house.sessions.get(shown.sessionId)!;
    become(model("other"));
    runner.announce();
    const changed = await sessions.when((session) => idsOf(session)[0] === "other");
    expect(changed.status).toBe("pending");
    const approved = house.sessions.approve(sessionId, { approvalHash });
    expect(await approved.catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  });

  test("before the link stands are told once it does", async () => {
    house = await openBridge();
    const { agent, become } = changing(model("old"));
    const { runner, sessions } = house.runner(agent);
    runner.announce();
    become(model("new"));
    runner.announce();
    const seen = await sessions.when((session) => idsOf(session)[0] === "new");
    expect(seen.status).toBe("pending");
  });

  test("to what a session cannot hold cost the link, not the session", async () => {
    house = await openBridge();
    const { agent, become } = changing(model("old"));
    const { runner, sessionId, states } = await house.activeRunner(agent);
    const from = states.seen.length;
    become(model("a\u202eb"));
    runner.announce();
    await states.when(({ state }) => state !== "connected", from);
    expect(idsOf(house.sessions.get(sessionId)!)).toEqual(["old"]);
  });
});
