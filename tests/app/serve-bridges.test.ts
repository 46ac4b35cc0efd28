// `mlp serve` with foreign bridges, composed in this process: registration by a bridge's own token, whose sessions are
// whose, turns over the right bridge, and what health says.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServe } from "../../src/app/start-serve.ts";
import type { Running } from "../../src/app/types.ts";
import { loadConfig } from "../../src/config/load.ts";
import { findPaths } from "../../src/config/paths.ts";
import type { Log } from "../../src/core/ports.ts";
import { createWatch } from "../bridge/support/bridge-house.ts";
import { type GuideBridge, type GuideForm, startGuideBridge } from "../support/guide-bridge.ts";
import type { Json } from "../support/requests.ts";

const CLIENT = "client-key-of-the-serve-test";
const CONTROL = "control-token-of-the-serve-test";
const OFFICE = "office-token-of-the-serve-test";
const LAB = "lab-token-of-the-serve-test";
const SECRETS = {
  MLP_API_KEY: CLIENT,
  MLP_CONTROL_TOKEN: CONTROL,
  MLP_BRIDGE_TOKEN: "bridge-token-of-the-serve-test",
  MLP_AGENT_TOKEN: "agent-token-of-the-serve-test",
};

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function bridgeOf(form: GuideForm, token?: string): GuideBridge {
  const bridge = startGuideBridge({ form, ...(token !== undefined && { token }) });
  closers.push(() => bridge.close());
  return bridge;
}

interface Line {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Serve {
  readonly running: Running;
  /** Status and body of a request with this secret. */
  ask(method: string, path: string, secret: string, body?: object): Promise<[number, Json]>;
  chat(model: string, prompt: string, headers?: Record<string, string>): Promise<[number, Json]>;
  /** The log line that says that a session is as wanted. */
  session(fields: Readonly<Record<string, unknown>>): Promise<unknown>;
}

async function serve(bridges: string, home = newHome()): Promise<Serve> {
  const config = join(home, "config.yaml");
  writeFileSync(config, `mcp:\n  bridges:\n${bridges}`, { mode: 0o600 });
  const env = { MLP_HOME: home, MLP_PROVIDER_PORT: "0", ...SECRETS };
  const paths = findPaths({ env, platform: process.platform, home });
  const lines = createWatch<Line>();
  const say = (fields: object, message: string): void =>
    lines.push({ message, fields: fields as Line["fields"] });
  const log: Log = { debug: say, info: say, warn: say, error: say };
  const loaded = loadConfig({ env, paths });
  const running = await startServe({ config: loaded.config, paths, env, log });
  closers.push(() => running.abort());
  const ask: Serve["ask"] = async (method, path, secret, body) => {
    const response = await fetch(`${running.ready.api}${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  };
  return {
    running,
    ask,
    chat: async (model, prompt, headers = {}) => {
      const response = await fetch(`${running.ready.api}/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${CLIENT}`,
          "content-type": "application/json",
          ...headers,
        },
        body: JSON.stringify({ model, messages: [{ role: "user", content: prompt }] }),
      });
      return [response.status, await response.json()];
    },
    session: (wanted) =>
      lines.when(
        ({ message, fields }) =>
          message === "session" &&
          Object.entries(wanted).every(([name, value]) => fields[name] === value),
      ),
  };
}

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), "mlp-serve-"));
  closers.push(() => rmSync(home, { recursive: true }));
  return home;
}

const entry = (name: string, { url }: GuideBridge, more: string): string =>
  `    - {name: ${name}, url: "${url}", ${more}}\n`;
const registration = (id: string, more: object = {}) => ({
  session_id: id,
  session_token: "whatever the bridge made",
  agent_id: "cursor-1",
  allowed_scopes: ["inference"],
  ...more,
});
const textOf = (answer: Json): string => String(answer.choices?.[0]?.message?.content);

describe("a nested bridge", () => {
  test("registers a session with its own token, and turns go over it with that session's id", async () => {
    const bridge = bridgeOf("nested", OFFICE);
    const { ask, chat, session } = await serve(
      entry("office", bridge, `dialect: nested, token: ${OFFICE}`),
    );
    expect((await chat("cursor-agent", "too early"))[0]).toBe(503);
    const [status, answer] = await ask("POST", "/control/register", OFFICE, registration("s-1"));
    expect([status, answer]).toEqual([
      200,
      { registered: "s-1", status: "active", expires_at: expect.any(String) },
    ]);
    await session({ sessionId: "s-1", connected: true });
    const [chatStatus, said] = await chat("cursor-agent", "hello");
    expect([chatStatus, textOf(said)]).toEqual([200, "You said: hello"]);
    expect(bridge.asked.seen[0]?.frame).toMatchObject({
      session_id: "s-1",
      model_meta: { provider: "mcp-proxy", requested_scopes: ["inference"] },
      payload: { kind: "chat", messages: [{ role: "user", content: "hello" }] },
    });
    expect(textOf((await chat("cursor-agent", "pinned", { "x-mcp-session": "s-1" }))[1])).toBe(
      "You said: pinned",
    );
  });

  test("is answered as the guide says: 400, 401, scopes of none, unknown ids revoked", async () => {
    const bridge = bridgeOf("nested", OFFICE);
    const { ask, chat, session } = await serve(
      entry("office", bridge, `dialect: nested, token: ${OFFICE}`),
    );
    const register = (body: object, token = OFFICE) =>
      ask("POST", "/control/register", token, body);
    expect((await register({ session_id: "s" }))[0]).toBe(400);
    expect((await register(registration("s"), "dev-token"))[0]).toBe(401);
    expect((await register(registration("s"), CLIENT))[0]).toBe(403);
    const { allowed_scopes: _scopes, ...bare } = registration("bare");
    expect((await register(bare))[0]).toBe(200);
    await session({ sessionId: "bare", connected: true });
    expect((await chat("cursor-agent", "may I?"))[0]).toBe(403);
    expect(await ask("POST", "/control/revoke", OFFICE, { session_id: "nobody" })).toEqual([
      200,
      { revoked: "nobody", status: "success" },
    ]);
  });

  test("sees and revokes its own sessions only; the control token sees all", async () => {
    const office = bridgeOf("nested", OFFICE);
    const lab = bridgeOf("nested", LAB);
    const { ask, session } = await serve(
      entry("office", office, `dialect: nested, token: ${OFFICE}`) +
        entry("lab", lab, `dialect: nested, token: ${LAB}`),
    );
    await ask("POST", "/control/register", OFFICE, registration("s-office"));
    await ask("POST", "/control/register", LAB, registration("s-lab"));
    const taken = await ask("POST", "/control/register", LAB, registration("s-office"));
    expect([taken[0], taken[1].error.code]).toEqual([409, "conflict"]);
    const seen = async (token: string): Promise<string[]> => {
      const [, { sessions, total_count: total }] = await ask("GET", "/control/sessions", token);
      expect(sessions).toHaveLength(total);
      return sessions.map((each: { session_id: string }) => each.session_id);
    };
    expect(await seen(OFFICE)).toEqual(["s-office"]);
    expect(await seen(LAB)).toEqual(["s-lab"]);
    expect(await seen(CONTROL)).toEqual(["s-office", "s-lab"]);
    expect((await ask("POST", "/control/revoke", LAB, { session_id: "s-office" }))[0]).toBe(200);
    const active = async (): Promise<number> =>
      (await ask("GET", "/control/sessions", CONTROL))[1].active_count;
    expect(await active()).toBe(2);
    await ask("POST", "/control/revoke", OFFICE, { session_id: "s-office" });
    await session({ sessionId: "s-office", status: "revoked" });
    expect(await active()).toBe(1);
    expect((await ask("GET", "/control/agents", OFFICE))[0]).toBe(403);
  });

  test("keeps its sessions over a restart of the provider", async () => {
    const home = newHome();
    const bridge = bridgeOf("nested", OFFICE);
    const bridges = entry("office", bridge, `dialect: nested, token: ${OFFICE}`);
    const first = await serve(bridges, home);
    await first.ask("POST", "/control/register", OFFICE, registration("s-1"));
    await first.running.close();
    const second = await serve(bridges, home);
    await second.session({ sessionId: "s-1", connected: true });
    expect((await second.chat("cursor-agent", "still there?"))[0]).toBe(200);
  });
});

describe("a flat bridge", () => {
  test("has one standing session, granted by the configuration", async () => {
    const bridge = bridgeOf("flat");
    const { ask, chat, session } = await serve(
      entry("lab", bridge, "dialect: flat, agent_id: box, session: {scopes: [inference]}"),
    );
    await session({ agentId: "box", connected: true });
    expect(textOf((await chat("cursor-agent", "hello"))[1])).toBe("You said: hello");
    expect(bridge.asked.seen[0]?.frame).toMatchObject({ agent_id: "box", model: "cursor-agent" });
    const [, { sessions }] = await ask("GET", "/control/sessions", CONTROL);
    expect(sessions).toMatchObject([{ agent_id: "box", scopes: ["inference"], expires_at: null }]);
  });

  test("that goes away takes its session out of reach, and brings it back", async () => {
    const bridge = bridgeOf("flat");
    const { chat, session } = await serve(entry("lab", bridge, "dialect: flat"));
    await session({ agentId: "lab", connected: true });
    bridge.refuseWith(503);
    bridge.cut();
    await session({ agentId: "lab", connected: false });
    const [status, answer] = await chat("cursor-agent", "anybody?");
    expect([status, answer.error.code]).toEqual([503, "no_active_session"]);
  });
});

describe("several bridges", () => {
  test("the default one answers for the default names, each for its own models", async () => {
    const office = bridgeOf("flat");
    const lab = bridgeOf("flat");
    const { ask, chat, session } = await serve(
      entry("office", office, "dialect: flat") +
        entry("lab", lab, "dialect: flat, default: true, models: [lab-model]"),
    );
    await session({ agentId: "office", connected: true });
    await session({ agentId: "lab", connected: true });
    await chat("cursor-agent", "to the default");
    await chat("lab-model", "to the lab");
    await chat("office", "to the office");
    expect(lab.asked.seen.map(({ prompt }) => prompt)).toEqual(["to the default", "to the lab"]);
    expect(office.asked.seen.map(({ prompt }) => prompt)).toEqual(["to the office"]);
    const [, { data }] = await ask("GET", "/v1/models", CLIENT);
    const ids = data.map((model: { id: string }) => model.id);
    expect(ids).toEqual(expect.arrayContaining(["cursor-agent", "lab-model", "office"]));
  });

  test("health has the default one's state and a list of all", async () => {
    const lab = bridgeOf("flat");
    const away = bridgeOf("nested", "another token than ours");
    const { ask, session } = await serve(
      entry("lab", lab, "dialect: flat") + entry("away", away, `dialect: nested, token: ${OFFICE}`),
    );
    await session({ agentId: "lab", connected: true });
    await away.upgrades.when(() => true);
    const [, { mcp_connection: link }] = await ask("GET", "/health", CLIENT);
    expect(link).toMatchObject({ status: "connected", pending_requests: 0, active_streams: 0 });
    const [first, second] = link.bridges;
    expect(first).toMatchObject({ name: "lab", dialect: "flat", status: "connected" });
    expect(second).toMatchObject({ name: "away", dialect: "nested", messages_received: 0 });
    expect(["connecting", "disconnected"]).toContain(second.status);
  });
});

describe("what it leaves for client commands", () => {
  test.each([
    ["flat", "", true],
    ["mlp", ", token: a-token-of-sixteen-characters", false],
  ])("of a bridge that speaks %s says whether sessions are kept here", async (form, more, kept) => {
    const home = newHome();
    await serve(`    - {name: one, url: "ws://127.0.0.1:1", dialect: ${form}${more}}\n`, home);
    const [file = ""] = readdirSync(join(home, "run"));
    const left = JSON.parse(readFileSync(join(home, "run", file), "utf8"));
    expect(left).toMatchObject({ kind: "serve", sessions: kept });
  });
});
