// The models of a session are those of the agent that is attached to it now.

import { expect, test } from "bun:test";
import { createSessions } from "../../src/engine/sessions.ts";
import type { Agent } from "../../src/core/ports.ts";
import { createFakeClock, createFakeRandom } from "../support/fake-clock.ts";
import { createMemoryLog } from "../agents/support.ts";
import { createMemoryStore } from "./sessions-support.ts";

async function open() {
  const store = createMemoryStore();
  const sessions = await createSessions({
    store,
    clock: createFakeClock(),
    random: createFakeRandom(),
    hash: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
    log: createMemoryLog(),
  });
  return { sessions, store };
}

function agentWith(...ids: readonly string[]): Agent {
  return {
    info: {
      agentId: "a",
      label: "A",
      connector: "openai",
      models: ids.map((id) => ({ id, capabilities: ["completion"] })),
      requestedScopes: ["inference"],
    },
    run: async function* () {
      yield { type: "finish", reason: "stop" };
    },
  };
}

test("an embedded agent that attaches again offers what it has by then", async () => {
  const { sessions } = await open();
  const { sessionId, approvalHash } = sessions.embed(agentWith());
  const heard: string[] = [];
  sessions.subscribe(({ session }) => heard.push(session.models.map(({ id }) => id).join(",")));
  sessions.attach(sessionId, agentWith("one", "two"));
  sessions.attach(sessionId, agentWith("one", "two"));
  const session = sessions.get(sessionId)!;
  expect(session.models.map(({ id }) => id)).toEqual(["one", "two"]);
  expect([session.connected, session.status, session.approvalHash]).toEqual([
    true,
    "active",
    approvalHash,
  ]);
  expect(heard).toEqual(["one,two", "one,two"]);
  await sessions.close();
});

test("an approved session keeps its new models in the store", async () => {
  const { sessions, store } = await open();
  const { session } = await sessions.join({ info: agentWith("one").info });
  await sessions.approve(session.sessionId);
  sessions.attach(session.sessionId, agentWith("two"));
  await sessions.close();
  const [stored] = await store.load();
  expect(stored?.models.map(({ id }) => id)).toEqual(["two"]);
});

test("names that could mislead are refused, and the models stay what they were", async () => {
  const { sessions } = await open();
  const { sessionId } = sessions.embed(agentWith("one"));
  expect(() => sessions.attach(sessionId, agentWith("a\u200bb"))).toThrow("invisible");
  expect(sessions.get(sessionId)?.models.map(({ id }) => id)).toEqual(["one"]);
  await sessions.close();
});

test("a registered session offers what its bridge said, whichever agent is behind it", async () => {
  const { sessions } = await open();
  const registered = await sessions.register({
    owner: "far",
    sessionId: "session_far",
    sessionToken: "a-token-of-the-far-bridge-0123456789",
    agentId: "a",
    label: "A",
    scopes: ["inference"],
    models: [{ id: "said", capabilities: ["completion"] }],
  });
  sessions.attach(registered.sessionId, agentWith("other"));
  expect(sessions.get(registered.sessionId)?.models.map(({ id }) => id)).toEqual(["said"]);
  await sessions.close();
});
