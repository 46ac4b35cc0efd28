// Several places of sessions as one: whose session is whose, and that nobody takes over another's.

import { describe, expect, test } from "bun:test";
import type { Agent } from "../../src/core/ports.ts";
import { createCatalog } from "../../src/engine/catalog.ts";
import { chooseSession } from "../../src/engine/choose-session.ts";
import { joinDirectories } from "../../src/engine/directories.ts";
import { aSession, createFakeDirectory } from "../support/fake-directory.ts";

function agent(agentId: string): Agent {
  const info = { agentId, label: agentId, connector: "test", models: [], requestedScopes: [] };
  return {
    info,
    run: () => {
      throw new Error("not in this test");
    },
  };
}

const lease = { scopes: ["inference"], onEnd: () => undefined } as const;

function setup() {
  const near = createFakeDirectory(agent("near"), [
    aSession({ sessionId: "near-1", createdAt: 20 }),
    aSession({ sessionId: "shared", label: "near's" }),
  ]);
  const far = createFakeDirectory(agent("far"), [
    aSession({ sessionId: "far-1", createdAt: 10 }),
    aSession({ sessionId: "shared", label: "far's" }),
  ]);
  return { near, far, both: joinDirectories([near, far]) };
}

describe("joined directories", () => {
  test("list every session once, the earlier place's where two have the same id", () => {
    const { both } = setup();
    expect(both.list().map(({ sessionId }) => sessionId)).toEqual(["near-1", "shared", "far-1"]);
    expect(both.list().find(({ sessionId }) => sessionId === "shared")?.label).toBe("near's");
  });

  test("acquire from the place whose session it is", async () => {
    const { both } = setup();
    expect((await both.acquire("far-1", lease)).agent.info.agentId).toBe("far");
    expect((await both.acquire("near-1", lease)).agent.info.agentId).toBe("near");
    expect((await both.acquire("shared", lease)).agent.info.agentId).toBe("near");
    expect(both.acquire("nobody's", lease)).rejects.toMatchObject({ code: "session_not_found" });
  });

  test("hear of every place's changes, but not of those that another place owns", () => {
    const { near, far, both } = setup();
    const heard: string[] = [];
    const stop = both.subscribe(({ session }) => heard.push(session.label));
    near.change({ session: aSession({ sessionId: "shared", label: "near's" }) });
    far.change({ session: aSession({ sessionId: "shared", label: "far's" }) });
    far.change({ session: aSession({ sessionId: "far-1", label: "far one" }) });
    far.change({ session: aSession({ sessionId: "gone", label: "gone" }) });
    expect(heard).toEqual(["near's", "far one", "gone"]);
    stop();
    near.change({ session: aSession({ sessionId: "near-1" }) });
    expect(heard).toHaveLength(3);
  });

  test("of one place are that place", () => {
    const { near } = setup();
    expect(joinDirectories([near])).toBe(near);
  });
});

describe("the default bridge", () => {
  const old = aSession({ sessionId: "old", agentId: "old", createdAt: 1 });
  const chosen = aSession({ sessionId: "chosen", agentId: "chosen", createdAt: 2 });
  const settings = { modelName: "mine", aliases: {} };
  const catalog = createCatalog({
    ...settings,
    isDefault: ({ sessionId }) => sessionId === "chosen",
  });
  const ask = (name: string, sessions = [old, chosen], from = catalog): string =>
    chooseSession(
      {
        target: from.resolve(name),
        name,
        pin: undefined,
        allowedSessions: null,
        allowedModels: null,
      },
      sessions,
    ).session.sessionId;

  test("answers for the default names, whichever session is older", () => {
    for (const name of ["cursor-agent", "cursor-agent-local", "mine"]) {
      expect(ask(name)).toBe("chosen");
    }
    expect(ask("cursor-agent", [old, chosen], createCatalog(settings))).toBe("old");
  });

  test("leaves them to others while it is away", () => {
    expect(ask("cursor-agent", [old, { ...chosen, connected: false }])).toBe("old");
  });

  test("has no say in other names", () => {
    expect(ask("m1")).toBe("old");
  });
});
