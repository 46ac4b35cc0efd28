// What the two implementation guides name and no other test looks at: the fields of answers, and the effect of each
// setting. Whole servers, in this process where a setting is about requests, as a binary where it is about the process.

import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";
import { startGuideBridge } from "../support/guide-bridge.ts";
import { createSuite, eventually } from "../support/mlp.ts";
import { ask, chatBody, control as controlOf } from "../support/requests.ts";
import type { Json } from "../support/requests.ts";
import { untilSession } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const CHAT = "/v1/chat/completions";
const UP = ["up", "--port", "0", "--bridge-port", "0", "--agent", "rehearsal"];
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const chat = (prompt: string, fields: object = {}): object => ({
  model: "counter",
  messages: [{ role: "user", content: prompt }],
  ...fields,
});

function get(place: Composed, path: string, headers: Record<string, string> = {}) {
  const authorization = `Bearer ${place.secrets.MLP_API_KEY}`;
  return fetch(place.api + path, {
    headers: { authorization, ...headers },
    redirect: "manual",
  });
}

async function getJson(place: Composed, path: string, headers = {}): Promise<Json> {
  return await (await get(place, path, headers)).json();
}

const asControl = ({ secrets }: Composed) => ({
  authorization: `Bearer ${secrets.MLP_CONTROL_TOKEN}`,
});

async function control(place: Composed, path: string, body?: object): Promise<Json> {
  const headers = asControl(place);
  if (body === undefined) return await getJson(place, `/control/${path}`, headers);
  return await (await place.post(`/control/${path}`, body, { headers })).json();
}

/** Says "first " and then nothing, until it is stopped. */
const holding = (text = "first ") =>
  anAgent(async function* (_turn, signal) {
    if (text !== "") yield { type: "text-delta", text };
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });

describe("routes and bodies", () => {
  test("a model of the list has the guides' fields beside OpenAI's", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const { object, data } = await getJson(place, "/v1/models");
    expect(object).toBe("list");
    expect(data.find(({ id }: Json) => id === "counter")).toEqual({
      id: "counter",
      object: "model",
      created: expect.any(Number),
      owned_by: "mcp-local-provider",
      permission: [],
      root: "counter",
      parent: null,
    });
  });

  test("a model of the tags has the guides' details, the family being the connector", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const { models } = await getJson(place, "/api/tags");
    expect(models.find(({ name }: Json) => name === "counter")).toMatchObject({
      model: "counter",
      modified_at: expect.stringMatching(/^\d{4}-/),
      size: 0,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      details: {
        format: expect.any(String),
        family: "test",
        families: ["test"],
        parameter_size: expect.any(String),
        quantization_level: expect.any(String),
        parent_model: expect.any(String),
      },
    });
  });

  test("max_tokens is understood among Ollama's options, beside num_predict", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent]);
    const options = { max_tokens: 17 };
    await place.post("/api/generate", { model: "counter", prompt: "a", options, stream: false });
    await place.post("/api/chat", chat("b", { options: { num_predict: 18 }, stream: false }));
    const asked = agent.turns.map(({ request }) =>
      "parameters" in request ? request.parameters : {},
    );
    expect(asked).toMatchObject([{ maxTokens: 17 }, { maxTokens: 18 }]);
  });

  test("health has exactly the guides' fields", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    expect(await getJson(place, "/health")).toEqual({
      status: "healthy",
      timestamp: expect.stringMatching(RFC_3339),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      uptime_seconds: expect.any(Number),
      active_sessions: 1,
      mcp_connection: {
        status: "embedded",
        last_ping: null,
        messages_sent: 0,
        messages_received: 0,
        pending_requests: 0,
        active_streams: 0,
      },
    });
  });

  test("deep health has every component and every figure, and they move", async () => {
    await using place = await compose([anAgent(() => says("ok"))]);
    const before = await getJson(place, "/health/deep");
    await place.post(CHAT, chat("count me"));
    const { status, timestamp, components, metrics } = await getJson(place, "/health/deep");
    expect([status, timestamp]).toEqual(["healthy", expect.stringMatching(RFC_3339)]);
    expect(Object.keys(components).toSorted()).toEqual([
      "agents",
      "audit",
      "bridge",
      "provider",
      "store",
    ]);
    for (const [name, component] of Object.entries(components)) {
      expect(component).toEqual({
        name,
        status: "healthy",
        last_check: expect.stringMatching(RFC_3339),
        error_count: 0,
        latency_ms: expect.any(Number),
        details: expect.any(Object),
      });
    }
    const names = [
      ...["total_requests", "requests_per_second", "average_latency_ms", "error_rate"],
      ...["active_sessions", "session_creation_rate", "session_expiry_rate"],
      ...["cpu_usage_percent", "memory_usage_mb", "disk_usage_mb"],
      ...["connection_pool_size", "queue_depth"],
    ];
    expect(Object.keys(metrics).toSorted()).toEqual(names.toSorted());
    expect([before.metrics.total_requests, metrics.total_requests]).toEqual([0, 1]);
    expect(metrics.requests_per_second).toBeGreaterThan(0);
    expect(metrics.memory_usage_mb).toBeGreaterThan(10);
    expect(metrics.disk_usage_mb).toBeGreaterThan(0);
  });

  test("metrics as JSON count what happened, in the guide's document", async () => {
    await using place = await compose([anAgent(() => says("ok"))], {
      MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "2",
    });
    const statuses: number[] = [];
    for (const [prompt, model] of [
      ["one", "counter"],
      ["two", "counter"],
      ["three", "counter"],
    ]) {
      statuses.push((await place.post(CHAT, { ...chat(String(prompt)), model })).status);
    }
    expect(statuses).toEqual([200, 200, 429]);
    const figures = await getJson(place, "/metrics", { accept: "application/json" });
    expect(figures).toEqual({
      sessions: { active: 1, total_created: 1, total_expired: 0 },
      requests: { total: 3, successful: 2, failed: 1, rate_limited: 1 },
      performance: {
        avg_response_time_ms: expect.any(Number),
        memory_usage_mb: expect.any(Number),
      },
      mcp: { connection_status: "embedded", messages_sent: 0, messages_received: 0 },
    });
    expect(figures.performance.avg_response_time_ms).toBeGreaterThan(0);
  });

  test("register, sessions and revoke answer in the guide's fields, with its defaults", async () => {
    await using place = await compose([]);
    const from = Date.now();
    const registered = await control(place, "register", {
      session_id: "s-1",
      session_token: "made by the bridge",
      agent_id: "cursor-1",
      label: "Mine",
    });
    expect(registered).toEqual({
      registered: "s-1",
      status: "active",
      expires_at: expect.stringMatching(RFC_3339),
    });
    const life = Date.parse(registered.expires_at) - from;
    expect(Math.round(life / 1_000)).toBe(300);
    const listed = await control(place, "sessions");
    expect(listed).toMatchObject({ total_count: 1, active_count: 1 });
    expect(listed.sessions[0]).toMatchObject({
      session_id: "s-1",
      agent_id: "cursor-1",
      label: "Mine",
      status: "active",
      scopes: [],
      max_requests: 100,
      request_count: 0,
      created_at: expect.stringMatching(RFC_3339),
      expires_at: registered.expires_at,
    });
    expect(listed.sessions[0]).toHaveProperty("last_activity");
    const revoked = { revoked: "s-1", status: "success" };
    expect(await control(place, "revoke", { session_id: "s-1" })).toEqual(revoked);
    expect(await control(place, "sessions")).toMatchObject({ total_count: 1, active_count: 0 });
  });

  test("x-mcp-session pins, x-session-id says which session it was", async () => {
    await using place = await compose([]);
    place.bridge.sessions.embed(anAgent(() => says("one")));
    const info = { ...anAgent(() => says("")).info, agentId: "two" };
    const two = place.bridge.sessions.embed({ ...anAgent(() => says("two")), info });
    const headers = { "x-mcp-session": two.sessionId };
    const answer = await place.post(CHAT, chat("which?"), { headers });
    expect(answer.headers.get("x-session-id")).toBe(two.sessionId);
    expect(await answer.text()).toContain("two");
  });
});

describe("provider", () => {
  test("debug serves a page about the routes that needs nothing from elsewhere", async () => {
    await using place = await compose([], { MLP_PROVIDER_DEBUG: "true" });
    const page = await get(place, "/docs");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const html = await page.text();
    const { paths } = await getJson(place, "/openapi.json");
    for (const path of Object.keys(paths)) expect(html).toContain(` ${path}</code>`);
    expect(html).not.toMatch(/<script|https?:\/\/|url\(|@import/i);
    const moved = await get(place, "/redoc");
    expect(moved.status).toBe(302);
    const target = new URL(moved.headers.get("location") ?? "", `${place.api}/redoc`);
    expect(target.href).toBe(`${place.api}/docs`);
    expect((await fetch(`${place.api}/docs`)).status).toBe(401);
  });

  test("the page opens in a browser under the secret base path, and tells nobody its address", async () => {
    await using place = await compose([], { MLP_PROVIDER_DEBUG: "true" });
    const base = `${place.api}/k/${place.secrets.MLP_API_KEY}`;
    const typed = {
      accept: "text/html,application/xhtml+xml",
      "sec-fetch-site": "none",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    };
    const page = await fetch(`${base}/redoc`, { headers: typed });
    expect([page.status, page.url]).toEqual([200, `${base}/docs`]);
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    expect(page.headers.get("cache-control")).toBe("no-store");
    const html = await page.text();
    expect(html).not.toContain(place.secrets.MLP_API_KEY);
    const clicked = { ...typed, "sec-fetch-site": "same-origin" };
    for (const name of ["openapi.json", "asyncapi.json"]) {
      expect(html).toContain(`href="${name}"`);
      const { href } = new URL(name, page.url);
      expect([name, (await fetch(href, { headers: clicked })).status]).toEqual([name, 200]);
    }
  });

  test("without debug there is no such page", async () => {
    await using place = await compose([]);
    expect((await get(place, "/docs")).status).toBe(404);
    expect((await get(place, "/redoc")).status).toBe(404);
  });

  test("enable_streaming: false refuses streams, before the agent, with the way out", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent], { MLP_PROVIDER_ENABLE_STREAMING: "false" });
    const refused = await place.post(CHAT, chat("a", { stream: true }));
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      {
        error: { code: "unsupported", param: "stream", message: expect.stringContaining("false") },
      },
    ]);
    // Ollama's own default is to stream.
    const unsaid = await place.post("/api/chat", chat("b"));
    expect([unsaid.status, await unsaid.text()]).toEqual([400, expect.stringContaining('"error"')]);
    expect(agent.turns).toEqual([]);
    for (const [path, fields] of [
      [CHAT, {}],
      ["/api/chat", { stream: false }],
    ] as const) {
      expect((await place.post(path, chat(`whole ${path}`, fields))).status).toBe(200);
    }
  });

  test("enable_ollama_compat: false takes Ollama's routes away, and no others", async () => {
    const agent = anAgent(() => says("ok"));
    await using place = await compose([agent], { MLP_PROVIDER_ENABLE_OLLAMA_COMPAT: "false" });
    for (const path of ["/", "/api/tags", "/api/version", "/api/ps"]) {
      expect([path, (await get(place, path)).status]).toEqual([path, 404]);
    }
    const refused = await place.post("/api/chat", chat("a"));
    expect([refused.status, agent.turns]).toEqual([404, []]);
    expect((await place.post(CHAT, chat("b"))).status).toBe(200);
    const { paths } = await getJson(place, "/openapi.json");
    expect(Object.keys(paths).filter((path) => path.startsWith("/api"))).toEqual([]);
  });

  test("workers above one are refused with what to do in place", async () => {
    const env = { MLP_PROVIDER_WORKERS: "4" };
    const ran = await suite.run(UP, { env });
    expect([ran.code, ran.stdout]).toEqual([2, ""]);
    expect(ran.stderr).toMatch(/^mlp: MLP_PROVIDER_WORKERS: .*several nodes.*\n$/);
  });

  test("host and port, LOCAL_PROVIDER_CONFIG, the logging and a bare HOST that means nothing", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => probe.once("listening", resolve));
    const { port } = probe.address() as { port: number };
    await new Promise((resolve) => probe.close(resolve));
    const file = join(suite.folder("config"), "any-name.yaml");
    const audit = join(suite.folder("audit"), "trail.jsonl");
    writeFileSync(
      file,
      [
        `provider: {host: "127.0.0.1", port: ${port}}`,
        "bridge: {port: 0}",
        "logging: {level: warn, format: pretty}",
        "model: {model_name: my-own-agent}",
        `audit: {file: ${audit}}`,
        "",
      ].join("\n"),
    );
    const env = { LOCAL_PROVIDER_CONFIG: file, HOST: "0.0.0.0", PORT: "1" };
    const server = await suite.start(["up", "--agent", "rehearsal"], { env });
    expect(server.api).toBe(`http://127.0.0.1:${port}`);
    const body = { ...chatBody("hello"), model: "my-own-agent" };
    expect((await ask(server, CHAT, { body })).status).toBe(200);
    const failing = chatBody(`/rehearse error agent_error "It fell over."`);
    expect((await ask(server, CHAT, { body: failing })).status).toBe(502);
    expect(await server.stop()).toBe(0);
    // `warn`: of the two turns, the one that failed. `pretty`: for people, no JSON.
    const lines = server.stderr().trim().split("\n");
    expect(lines.filter((line) => line.includes("turn ended"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("{"))).toEqual([]);
    expect(readFileSync(audit, "utf8").trim().split("\n").length).toBeGreaterThan(2);
    expect(existsSync(join(server.home, "audit.jsonl"))).toBe(false);
  });
});

describe("limits", () => {
  test("rate_limiting.tokens_per_minute holds across requests", async () => {
    await using place = await compose([anAgent(() => says("ok"))], {
      MLP_RATE_LIMITING_TOKENS_PER_MINUTE: "100",
    });
    const of = async (prompt: string, max: number) =>
      (await place.post(CHAT, chat(prompt, { max_tokens: max }))).status;
    expect(await of("a", 50)).toBe(200);
    // 8 of the 50 were used, and the rest was given back.
    expect(await of("b", 60)).toBe(200);
    expect(await of("c", 95)).toBe(429);
    expect(await of("d", 20)).toBe(200);
  });

  test("sessions.max_sessions bounds the turns that a key has open at once", async () => {
    await using place = await compose([holding()], {
      MLP_SESSIONS_MAX_SESSIONS: "2",
      // Those beyond would wait.
      MLP_LIMITS_QUEUE_PER_AGENT: "0",
    });
    const open = async (prompt: string) => {
      const controller = new AbortController();
      const body = chat(prompt, { stream: true });
      const { status } = await place.post(CHAT, body, { signal: controller.signal });
      return { status, hangUp: () => controller.abort() };
    };
    const [first, second] = [await open("a"), await open("b")];
    expect([first.status, second.status, (await open("c")).status]).toEqual([200, 200, 503]);
    first.hangUp();
    const again = await eventually("room again", async () => {
      const next = await open(`again ${Math.random()}`);
      return next.status === 200 ? next : undefined;
    });
    for (const each of [second, again]) each.hangUp();
  });

  test("the guides' time-outs, whole and per chunk, are settable and typed", async () => {
    const env = { MLP_LIMITS_FIRST_BYTE_MS: "60", MLP_LIMITS_SILENCE_MS: "60" };
    for (const [agent, path] of [
      [holding(""), CHAT],
      [holding(), CHAT],
    ] as const) {
      await using place = await compose([agent], env);
      const answer = await place.post(path, chat("hello?"));
      expect([answer.status, await answer.json()]).toMatchObject([
        504,
        { error: { code: "agent_timeout" } },
      ]);
    }
    await using place = await compose([holding()], { MLP_LIMITS_TURN_MS: "60" });
    const streamed = await (await place.post(CHAT, chat("hi", { stream: true }))).text();
    expect(streamed).toContain('"agent_timeout"');
    expect(streamed).not.toContain("[DONE]");
  });
});

describe("sessions", () => {
  test("session_ttl and max_requests are what an approval grants", async () => {
    await using place = await compose([], {
      MLP_SESSIONS_SESSION_TTL: "1234",
      MLP_SESSIONS_MAX_REQUESTS: "7",
    });
    const { sessions } = place.bridge;
    const { session } = await sessions.join({ info: anAgent(() => says("")).info });
    const from = Date.now();
    await sessions.approve(session.sessionId);
    const [granted] = (await control(place, "sessions")).sessions;
    expect(granted).toMatchObject({ status: "active", max_requests: 7 });
    expect(Math.round((Date.parse(granted.expires_at) - from) / 1_000)).toBe(1_234);
  });

  test("a session that nobody uses expires on time, and the figures say so", async () => {
    await using place = await compose([]);
    const expired = Promise.withResolvers<void>();
    place.bridge.sessions.subscribe(({ session }) => {
      if (session.status === "expired") expired.resolve();
    });
    const brief = { session_id: "brief", session_token: "t", agent_id: "a", ttl_seconds: 1 };
    await control(place, "register", brief);
    await expired.promise;
    const figures = await getJson(place, "/metrics", { accept: "application/json" });
    expect(figures.sessions).toEqual({ active: 0, total_created: 1, total_expired: 1 });
  });

  test("cleanup_interval is how soon sessions that ended long ago are put away", async () => {
    const home = suite.folder("home");
    const first = await suite.start(UP, { home });
    const old = { session_id: "old", session_token: "t", agent_id: "a" };
    await controlOf(first, "register", old);
    await controlOf(first, "revoke", { session_id: "old" });
    await first.stop();
    const store = new Database(join(home, "mlp.db"));
    const twoDaysAgo = Date.now() - 2 * 86_400_000;
    store
      .query("UPDATE sessions SET last_activity_at = ? WHERE session_id = 'old'")
      .run(twoDaysAgo);
    store.close();
    const env = { MLP_SESSIONS_CLEANUP_INTERVAL: "1" };
    const second = await suite.start(UP, { home, env });
    const ids = async (): Promise<string[]> =>
      (await controlOf(second, "sessions")).json.sessions.map((each: Json) => each.session_id);
    expect(await ids()).toContain("old");
    const gone = async () => ((await ids()).includes("old") ? undefined : true);
    expect(await eventually("it is put away", gone, 4_000)).toBe(true);
    await second.stop();
  });
});

describe("mcp", () => {
  test("heartbeat_interval: a flat bridge hears a ping that often", async () => {
    const bridge = startGuideBridge({ form: "flat" });
    const env = {
      MLP_MCP_BRIDGE_URL: bridge.url,
      MLP_MCP_DIALECT: "flat",
      MLP_MCP_HEARTBEAT_INTERVAL: "1",
    };
    const server = await suite.start(["serve", "--port", "0"], { env });
    await bridge.upgrades.when(() => true);
    const from = performance.now();
    expect(await bridge.pings.when(() => true)).toMatchObject({ type: "ping" });
    expect(performance.now() - from).toBeLessThan(2_500);
    expect(await server.stop()).toBe(0);
    await bridge.close();
  });

  test("connection_timeout, reconnect_delay and reconnect_attempts: then health says degraded", async () => {
    // It takes connections and never says a word.
    let taken = 0;
    const silent = createServer((socket) => {
      taken += 1;
      // Read, or its end is never heard.
      socket.on("error", () => undefined).resume();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as { port: number };
    const env = {
      MLP_MCP_BRIDGE_URL: `ws://127.0.0.1:${port}`,
      MLP_MCP_DIALECT: "flat",
      MLP_MCP_CONNECTION_TIMEOUT: "1",
      MLP_MCP_RECONNECT_DELAY: "1",
      MLP_MCP_RECONNECT_ATTEMPTS: "1",
    };
    const server = await suite.start(["serve", "--port", "0"], { env });
    const from = performance.now();
    const gaveUp = "the bridge is out of reach; trying on, less often";
    await server.log.until(({ msg }) => msg === gaveUp);
    // One second to connect, against the default of ten.
    expect(performance.now() - from).toBeLessThan(4_000);
    const { json } = await ask(server, "/health");
    expect([json.status, json.mcp_connection.status]).toEqual(["degraded", "degraded"]);
    expect(taken).toBeGreaterThan(0);
    expect(await server.stop()).toBe(0);
    await new Promise((resolve) => silent.close(resolve));
  });

  test("bridge_url: an agent joins there without being told on its command line", async () => {
    const bridge = await suite.start(["bridge", "--port", "0"]);
    const env = { MLP_MCP_BRIDGE_URL: bridge.bridge };
    const agent = await suite.start(["agent", "rehearsal"], { env });
    await untilSession(agent, "pending");
    expect(agent.ready.bridge).toBe(bridge.bridge);
  });
});
