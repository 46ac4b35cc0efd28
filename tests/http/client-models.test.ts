// What a key that is limited to some models or sessions gets to see of the others: nothing, on any route that names models.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SECRETS, anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const coder = anAgent(() => says("x + 1"), {
  agentId: "coder",
  models: [{ id: "Coder", capabilities: ["completion"] }],
});
const talker = anAgent(() => says("Hello."), {
  agentId: "talker",
  models: [{ id: "talker", capabilities: ["completion"] }],
});

let composed: Composed;

beforeAll(async () => {
  composed = await compose([coder, talker]);
});
afterAll(() => composed[Symbol.asyncDispose]());

/** The secret of a new key. */
async function keyFor(limits: { models?: string[]; sessions?: string[] }): Promise<string> {
  const response = await fetch(`${composed.api}/control/keys`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${SECRETS.MLP_CONTROL_TOKEN}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ label: "limited", ...limits }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { secret: string }).secret;
}

function ask(secret: string, path: string, body?: object): Promise<Response> {
  return fetch(composed.api + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function listed(secret: string): Promise<{ openai: string[]; tags: string[]; ps: string[] }> {
  const { data } = (await (await ask(secret, "/v1/models")).json()) as { data: { id: string }[] };
  const tags = (await (await ask(secret, "/api/tags")).json()) as { models: { model: string }[] };
  const ps = (await (await ask(secret, "/api/ps")).json()) as { models: { model: string }[] };
  return {
    openai: data.map(({ id }) => id),
    tags: tags.models.map(({ model }) => model),
    ps: ps.models.map(({ model }) => model),
  };
}

describe("a key that is limited to some models", () => {
  test("lists them, in whatever case they were given, and no others", async () => {
    const secret = await keyFor({ models: ["coder"] });
    expect(await listed(secret)).toEqual({
      openai: ["Coder"],
      tags: ["Coder"],
      ps: ["Coder"],
    });
  });

  test("is told of no other by name, and no agent runs", async () => {
    const secret = await keyFor({ models: ["coder"] });
    const turns = talker.turns.length;
    const answers = await Promise.all([
      ask(secret, "/v1/models/talker"),
      ask(secret, "/v1/models/cursor-agent"),
      ask(secret, "/api/show", { model: "talker" }),
      ask(secret, "/api/pull", { model: "talker", stream: false }),
      ask(secret, "/api/generate", { model: "talker" }),
      ask(secret, "/v1/messages/count_tokens", {
        model: "talker",
        messages: [{ role: "user", content: "Hi" }],
      }),
      ask(secret, "/v1/chat/completions", {
        model: "talker",
        messages: [{ role: "user", content: "Hi" }],
      }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect(talker.turns.length).toBe(turns);
  });

  test("gets what it may ask for by every name of it", async () => {
    const secret = await keyFor({ models: ["coder"] });
    const answers = await Promise.all([
      ask(secret, "/v1/models/coder"),
      ask(secret, "/api/show", { model: "CODER:latest" }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

test("a key that is limited to a session lists what that session offers", async () => {
  const session = composed.bridge.sessions.list().find(({ agentId }) => agentId === "talker");
  const secret = await keyFor({ sessions: [session?.sessionId ?? ""] });
  const { openai, tags, ps } = await listed(secret);
  expect(openai).toContain("talker");
  expect([...openai, ...tags, ...ps].join(" ")).not.toContain("Coder");
  expect((await ask(secret, "/v1/models/coder")).status).toBe(404);
});
