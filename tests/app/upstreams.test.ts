// The keys of upstreams come from where the configuration says, and nothing of them is ever repeated.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentDeps } from "../../src/app/agents.ts";
import { createShutdown } from "../../src/app/shutdown.ts";
import { createSystem } from "../../src/app/system.ts";
import { createUpstreams } from "../../src/app/upstreams.ts";
import type { UpstreamSpec } from "../../src/config/agent-spec.ts";
import { findPaths } from "../../src/config/paths.ts";
import { chatRequest, createMemoryLog, rejectionOf, runTurn } from "../agents/support.ts";
import { json, startScriptedUpstream } from "../support/scripted-upstream.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";

let folder: string;
let server: ScriptedUpstream;
const closers: (() => void | Promise<void>)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mlp-upstreams-"));
  server = startScriptedUpstream();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function open(env: Record<string, string>, ...upstreams: readonly Omit<UpstreamSpec, "baseUrl">[]) {
  const log = createMemoryLog();
  const deps: AgentDeps = {
    system: createSystem(),
    log,
    env,
    paths: findPaths({ env: { MLP_HOME: folder }, platform: "linux", home: folder }),
    shutdown: {
      ...createShutdown(log),
      onClose: (_name, close) => {
        closers.push(close);
      },
    },
  };
  const specs = upstreams.map((one) => Object.assign({ baseUrl: server.url }, one));
  return createUpstreams({ connector: "openai", upstreams: specs }, deps);
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a variable, a file, a key in clear or none: each upstream has its own", async () => {
  const before = server.modelRequests.length;
  await open(
    { KEY: "from-a-variable" },
    { apiKeyEnv: "KEY" },
    { apiKeyFile: file("good", "from-a-file\n") },
    { apiKey: "in-clear" },
    {},
  );
  const sent = server.modelRequests
    .slice(before)
    .map(({ headers }) => headers.get("authorization"));
  expect(new Set(sent)).toEqual(
    new Set(["Bearer from-a-file", "Bearer from-a-variable", "Bearer in-clear", null]),
  );
});

test("a variable that is not set is named, and nothing is asked without the key", async () => {
  const before = server.modelRequests.length;
  const error = await rejectionOf(open({ KEY: " " }, { apiKeyEnv: "KEY" }));
  expect(error).toMatchObject({ code: "invalid_request", message: expect.stringContaining("KEY") });
  expect(server.modelRequests).toHaveLength(before);
});

test("a variable that holds no key is named, and not quoted", async () => {
  for (const key of ["sk-secret\u20ac", "sk-secret one"]) {
    const error = (await rejectionOf(open({ KEY: key }, { apiKeyEnv: "KEY" }))) as Error;
    expect(error).toMatchObject({ code: "invalid_request" });
    expect(error.message).toBe("agents: the variable KEY does not hold a key and nothing else");
  }
});

test.each([
  ["that is not there", undefined],
  ["that is empty", "\n"],
  ["of two lines", "sk-secret-one\nsk-secret-two\n"],
  ["that is something else", "x".repeat(20_000)],
])("a key file %s is refused without a word of it", async (name, text) => {
  const path = text === undefined ? join(folder, "nothing") : file(name, text);
  const error = (await rejectionOf(open({}, { apiKeyFile: path }))) as Error;
  expect(error).toMatchObject({ code: "invalid_request" });
  expect(error.message).toContain(path);
  expect(error.message).not.toContain("sk-secret");
});

test("the label names every host, as far as a label goes", async () => {
  const one = await open({}, {});
  expect(one.info.label).toBe(`OpenAI-compatible at ${new URL(server.url).host}`);
  const many = await open({}, ...Array.from({ length: 20 }, () => ({})));
  expect(many.info.label).toHaveLength(128);
});

test("a key that is renewed in its file holds from the next request on, and one that goes is not forgotten", async () => {
  const path = file("renewed", "key-one");
  const agent = await open({}, { apiKeyFile: path });
  const message = { role: "assistant", content: "ok" };
  server.reply(json({ choices: [{ index: 0, message, finish_reason: "stop" }] }));
  const sentNow = async (): Promise<string | null | undefined> => {
    const request = chatRequest("hello", { model: "scripted", stream: false });
    await Array.fromAsync(runTurn(agent, request));
    return server.requests.at(-1)?.headers.get("authorization");
  };
  expect(await sentNow()).toBe("Bearer key-one");
  writeFileSync(path, "key-two\n");
  expect(await sentNow()).toBe("Bearer key-two");
  rmSync(path);
  expect([await sentNow(), await sentNow()]).toEqual(["Bearer key-two", "Bearer key-two"]);
  writeFileSync(path, "key-three");
  expect(await sentNow()).toBe("Bearer key-three");
});
