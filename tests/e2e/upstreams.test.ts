// Several model servers behind the compiled binary, asked with the official `openai` client: shared turns, failover, keys
// from where they are, and servers that come late, in process and over the bridge.

import { afterAll, afterEach, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import {
  DONE,
  finishChunk,
  json,
  modelList,
  sse,
  startScriptedUpstream,
  textChunk,
} from "../support/scripted-upstream.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { approve, untilServed } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const servers: ScriptedUpstream[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

const PORTS = ["--port", "0", "--bridge-port", "0", "--log-level", "debug"] as const;

/** Says its own nonce, which nobody else knows. */
function upstream(nonce: string, port = 0): ScriptedUpstream {
  const server = startScriptedUpstream(port);
  server.reply(sse(textChunk(nonce), finishChunk(), DONE));
  servers.push(server);
  return server;
}

function clientOf(server: Mlp): OpenAI {
  return new OpenAI({
    baseURL: `${server.api}/v1`,
    apiKey: server.secrets.apiKey,
    maxRetries: 0,
  });
}

async function ask(client: OpenAI, model = "scripted"): Promise<string> {
  const stream = await client.chat.completions.create({
    model,
    stream: true,
    messages: [{ role: "user", content: "What is the nonce?" }],
  });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  return text;
}

async function freePort(): Promise<number> {
  const server = upstream("nobody");
  await server.stop();
  return Number(new URL(server.url).port);
}

test("turns are shared by weight, go on when a server is down, and each gets its own key", async () => {
  const [first, second] = [upstream("nonce-7f31"), upstream("nonce-c04e")];
  const home = suite.folder("home");
  const keyFile = join(suite.folder("keys"), "second");
  writeFileSync(keyFile, "key-from-a-file\n");
  chmodSync(keyFile, 0o600);
  const upstreams = [
    { name: "first", base_url: first.url, weight: 2, api_key_env: "FIRST_KEY" },
    { name: "second", base_url: second.url, api_key_file: keyFile },
  ];
  // JSON is YAML.
  const config = JSON.stringify({ agents: [{ connector: "openai", upstreams }] });
  writeFileSync(join(home, "config.yaml"), config, { mode: 0o600 });
  const up = await suite.start(["up", ...PORTS], { home, env: { FIRST_KEY: "key-from-env" } });
  const client = clientOf(up);

  const said = [await ask(client), await ask(client), await ask(client)];
  expect(said).toEqual(["nonce-7f31", "nonce-c04e", "nonce-7f31"]);
  first.reply(json({ error: { message: "loading" } }, 503));
  expect([await ask(client), await ask(client)]).toEqual(["nonce-c04e", "nonce-c04e"]);
  expect(first.requests).toHaveLength(3);

  const keys = (server: ScriptedUpstream) =>
    new Set(
      [...server.requests, ...server.modelRequests].map(({ headers }) =>
        headers.get("authorization"),
      ),
    );
  expect(keys(first)).toEqual(new Set(["Bearer key-from-env"]));
  expect(keys(second)).toEqual(new Set(["Bearer key-from-a-file"]));
  expect(up.stderr()).not.toContain("key-from");
  expect(up.stderr()).toContain("upstream set aside");
});

test("a server that is away at the start is no failure, and its models come with it", async () => {
  const port = await freePort();
  const up = await suite.start(["up", ...PORTS, "--agent", `openai:http://127.0.0.1:${port}/v1`]);
  await up.log.until((line) => line.msg.startsWith("upstream not available yet"), {
    what: "the one line about it",
  });
  const client = clientOf(up);
  const before = await ask(client, "cursor-agent").catch((error: unknown) => error);
  expect(before).toMatchObject({ status: 503, code: "no_active_session" });

  upstream("nonce-late", port);
  await untilServed(up, "scripted");
  expect(await ask(client, "cursor-agent")).toBe("nonce-late");
});

test("over the bridge, two servers answer as one agent, and new models need no new link", async () => {
  const port = await freePort();
  const first = upstream("nonce-near");
  const up = await suite.start(["up", ...PORTS, "--agent", "none"]);
  const agent = await suite.start([
    ...["agent", "openai", "--base-url", first.url, "--base-url", `http://127.0.0.1:${port}/v1`],
    ...["--bridge", up.bridge, "--agent-id", "pair", "--log-level", "debug"],
  ]);
  await approve(suite, { holder: up, agent, agentId: "pair" });
  await untilServed(up, "scripted");
  const client = clientOf(up);
  expect(await ask(client)).toBe("nonce-near");

  upstream("nonce-far", port).replyToModels(modelList("scripted", "only-far"));
  await untilServed(up, "only-far");
  expect(await ask(client, "only-far")).toBe("nonce-far");
  const both = [await ask(client), await ask(client)];
  expect(both.toSorted()).toEqual(["nonce-far", "nonce-near"]);
  await first.stop();
  expect([await ask(client), await ask(client)]).toEqual(["nonce-far", "nonce-far"]);
});
