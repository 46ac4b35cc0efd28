// Client keys by the command line: made, limited, changed and taken back, while the provider runs and over its restart.

import { afterAll, beforeAll, expect, test } from "bun:test";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, chatBody, parsed } from "../support/requests.ts";

const suite = createSuite();
let mlp: Mlp;
beforeAll(async () => {
  mlp = await start(suite.folder("home"));
});
afterAll(() => suite.close());

const start = (home: string): Promise<Mlp> =>
  suite.start(["up", "--port", "0", "--bridge-port", "0", "--agent", "rehearsal"], { home });

async function keys(...args: readonly string[]): Promise<string> {
  const ran = await suite.run(["keys", ...args], { home: mlp.home });
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  return ran.stdout;
}

async function create(...args: readonly string[]): Promise<{ id: string; secret: string }> {
  const { key, secret } = parsed(await keys("create", ...args, "--json"));
  expect(secret).toMatch(/^mlp_[\w-]{40,}$/);
  return { id: key.id, secret };
}

async function chat(key: string, more: object = {}): Promise<string> {
  const answer = await ask(mlp, "/v1/chat/completions", {
    key,
    body: { ...chatBody("hello"), ...more },
  });
  return answer.status === 200 ? "200" : `${answer.status} ${answer.json.error.code}`;
}

test("a new key works at once, a revoked one never again", async () => {
  const { id, secret } = await create("--label", "editor");
  expect(await chat(secret)).toBe("200");
  const listed = await keys("list");
  expect(listed).toContain(id);
  expect(listed).toContain("editor");
  expect(listed).not.toContain(secret);
  await keys("revoke", id);
  expect(await chat(secret)).toBe("401 invalid_api_key");
});

test("a rotated key has a new secret, and the old one is dead", async () => {
  const { id, secret } = await create();
  const rotated = parsed(await keys("rotate", id, "--json"));
  expect(await chat(secret)).toBe("401 invalid_api_key");
  expect(await chat(rotated.secret)).toBe("200");
});

test("a key that is limited to a model opens no other", async () => {
  const { secret } = await create("--models", "rehearsal");
  expect(await chat(secret, { model: "rehearsal" })).toBe("200");
  expect(await chat(secret, { model: "cursor-agent" })).toBe("404 model_not_found");
});

test("keys are as they were after kill -9 and a restart", async () => {
  const kept = await create("--label", "kept");
  const revoked = await create("--label", "revoked");
  await keys("revoke", revoked.id);
  await mlp.kill9();
  mlp = await start(mlp.home);
  expect(await chat(kept.secret)).toBe("200");
  expect(await chat(revoked.secret)).toBe("401 invalid_api_key");
});
