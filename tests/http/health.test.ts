// Health as routes answer it, following faults that the test injects.

import { describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { Elysia } from "elysia";

import { AppError } from "../../src/core/error.ts";
import { DeepHealthAnswer, MetricsAnswer } from "../../src/http/health-schema.ts";
import {
  agentsProbe,
  auditProbe,
  bridgeProbe,
  providerProbe,
  storeProbe,
} from "../../src/http/health-probes.ts";
import { createHealth } from "../../src/http/health.ts";
import type { HealthDeps, Probe, ProbeResult } from "../../src/http/health.ts";
import { healthRoutes, metricsRoutes, wantsJson } from "../../src/http/routes-health.ts";
import { operationsRoutes } from "../../src/http/routes-operations.ts";
import type { LinkHealth } from "../../src/http/routes-operations.ts";
import { createBench } from "../observe/metrics-support.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { aSession } from "../support/fake-directory.ts";

const EMBEDDED: LinkHealth = {
  status: "embedded",
  lastPingAt: undefined,
  messagesSent: 1,
  messagesReceived: 2,
  pendingRequests: 3,
  activeStreams: 4,
};

const well: Probe = () => Promise.resolve({ status: "healthy", details: {} });
const broken: Probe = () => Promise.reject(new Error("SECRET at /home/somebody"));

function given(fields: Partial<HealthDeps> = {}) {
  const bench = createBench();
  const health = createHealth({
    clock: bench.clock,
    probes: { provider: well, bridge: well, agents: well, store: well, audit: well },
    needed: ["provider", "store"],
    figures: () => bench.metrics.system(),
    diskBytes: () => Promise.resolve(2_500_000),
    ...fields,
  });
  const app = new Elysia()
    .use(healthRoutes({ health }))
    .use(metricsRoutes({ metrics: bench.metrics }))
    .use(
      operationsRoutes({
        clock: bench.clock,
        version: "1.2.3",
        link: () => EMBEDDED,
        activeSessions: () => 0,
        health,
      })(),
    );
  const get = async (path: string, accept?: string) => {
    const headers = accept === undefined ? {} : { accept };
    const response = await app.handle(new Request(`http://127.0.0.1${path}`, { headers }));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const getJson = async (path: string, accept?: string) => {
    const { status, text } = await get(path, accept);
    return { status, json: JSON.parse(text) };
  };
  return { ...bench, health, get, getJson };
}

describe("GET /health/deep", () => {
  test("has every component and every figure, in the form that the documents say", async () => {
    const { getJson, clock } = given();
    const { status, json } = await getJson("/health/deep");
    expect(status).toBe(200);
    expect([...Value.Errors(DeepHealthAnswer, json)]).toEqual([]);
    expect(json.status).toBe("healthy");
    expect(json.timestamp).toBe(new Date(clock.now()).toISOString());
    expect(Object.keys(json.components)).toEqual([
      "provider",
      "bridge",
      "agents",
      "store",
      "audit",
    ]);
    expect(json.components.store).toEqual({
      name: "store",
      status: "healthy",
      last_check: new Date(clock.now()).toISOString(),
      error_count: 0,
      latency_ms: 0,
      details: {},
    });
    expect(json.metrics).toEqual({
      total_requests: 0,
      requests_per_second: 0,
      average_latency_ms: 0,
      error_rate: 0,
      active_sessions: 0,
      session_creation_rate: 0,
      session_expiry_rate: 0,
      cpu_usage_percent: 12.5,
      memory_usage_mb: 50,
      disk_usage_mb: 2.5,
      connection_pool_size: 0,
      queue_depth: 0,
    });
  });

  test("is as bad as its worst component, and says no more of a fault than is ours to say", async () => {
    let store: Probe = well;
    let agents: Probe = well;
    const probes = { provider: well, store: () => store(), agents: () => agents() };
    const { getJson } = given({ probes });
    agents = () => Promise.resolve({ status: "degraded", details: { connected: 0 } });
    expect((await getJson("/health/deep")).json.status).toBe("degraded");
    store = broken;
    const bad = await getJson("/health/deep");
    expect([bad.status, bad.json.status]).toEqual([503, "unhealthy"]);
    expect([...Value.Errors(DeepHealthAnswer, bad.json)]).toEqual([]);
    expect(JSON.stringify(bad.json)).not.toContain("SECRET");
    store = () => Promise.reject(new AppError("internal", "The store is full."));
    const told = (await getJson("/health/deep")).json.components.store;
    expect(told).toMatchObject({ error_count: 2, details: { error: "The store is full." } });
    [store, agents] = [well, well];
    const good = await getJson("/health/deep");
    expect([good.status, good.json.status]).toEqual([200, "healthy"]);
    expect(good.json.components.store.error_count).toBe(2);
  });

  test("waits for a component no longer than it may, and asks it once", async () => {
    let asked = 0;
    let answer: (result: ProbeResult) => void = () => undefined;
    const slow: Probe = () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const { health, clock } = given({ probes: { store: slow, audit: well }, probeMs: 500 });
    const late = async () => {
      const deep = health.deep();
      clock.advance(500);
      return (await deep).components["store"];
    };
    expect(await late()).toMatchObject({
      status: "unhealthy",
      latency_ms: 500,
      details: { error: "No answer within 500 ms." },
    });
    expect(await late()).toMatchObject({ status: "unhealthy", error_count: 2 });
    expect(asked).toBe(1);
    const next = health.deep();
    answer({ status: "healthy", details: {} });
    expect((await next).components["store"]).toMatchObject({ status: "healthy", error_count: 2 });
  });

  test("says how long each took, and leaves no timer behind", async () => {
    const clock = createFakeClock();
    const probe: Probe = () => {
      clock.advance(7);
      return Promise.resolve({ status: "healthy", details: {} });
    };
    const { health } = given({ clock, probes: { store: probe } });
    expect((await health.deep()).components["store"]?.latency_ms).toBe(7);
    expect(clock.pending).toBe(0);
  });

  test("keeps the last size of the files when they cannot be looked at", async () => {
    let diskBytes = () => Promise.resolve(3_000_000);
    const { health } = given({ diskBytes: () => diskBytes() });
    expect((await health.deep()).metrics.disk_usage_mb).toBe(3);
    diskBytes = () => Promise.reject(new Error("no"));
    expect((await health.deep()).metrics.disk_usage_mb).toBe(3);
  });
});

describe("GET /readyz and /health", () => {
  test("follow what is needed to take requests, and nothing else", async () => {
    let store: Probe = well;
    const { getJson, clock } = given({
      probes: { provider: well, store: () => store(), audit: broken, agents: broken },
    });
    expect(await getJson("/readyz")).toEqual({ status: 200, json: { status: "ok" } });
    expect((await getJson("/health")).json.status).toBe("healthy");
    store = broken;
    clock.advance(1_000);
    expect(await getJson("/readyz")).toEqual({ status: 503, json: { status: "unavailable" } });
    const health = await getJson("/health");
    expect([health.status, health.json.status]).toEqual([200, "unhealthy"]);
    expect((await getJson("/livez")).status).toBe(200);
    store = well;
    clock.advance(1_000);
    expect((await getJson("/readyz")).status).toBe(200);
  });

  test("ask the components once a second, however often they are asked", async () => {
    let asked = 0;
    const counting: Probe = () => {
      asked += 1;
      return well();
    };
    const { getJson, clock } = given({ probes: { provider: counting, store: well } });
    await Promise.all(Array.from({ length: 50 }, () => getJson("/readyz")));
    clock.advance(999);
    await getJson("/readyz");
    expect(asked).toBe(1);
    clock.advance(1);
    await getJson("/readyz");
    expect(asked).toBe(2);
  });

  test("say degraded while the link is away", async () => {
    const ask = async (status: LinkHealth["status"]) => {
      const routes = operationsRoutes({
        clock: createFakeClock(),
        version: "1.2.3",
        link: () => ({ ...EMBEDDED, status }),
        activeSessions: () => 0,
      })();
      const response = await routes.handle(new Request("http://127.0.0.1/health"));
      const { status: state, mcp_connection } = JSON.parse(await response.text());
      return [state, mcp_connection.status];
    };
    expect(await ask("connected")).toEqual(["healthy", "connected"]);
    expect(await ask("connecting")).toEqual(["degraded", "connecting"]);
    expect(await ask("disconnected")).toEqual(["degraded", "disconnected"]);
  });
});

describe("the components", () => {
  const status = async (probe: Probe) => (await probe()).status;

  test("the provider is unhealthy once nothing answers at its port, or it stops", async () => {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response("no", { status: 421 }),
    });
    const address = `http://127.0.0.1:${server.port}`;
    let closing = false;
    const probe = providerProbe(() => ({ address, closing, turnsInFlight: 3 }));
    expect(await probe()).toEqual({
      status: "healthy",
      details: { turns_in_flight: 3, state: "listening" },
    });
    closing = true;
    expect((await probe()).details["state"]).toBe("stopping");
    closing = false;
    await server.stop(true);
    expect(await probe()).toEqual({
      status: "unhealthy",
      details: { turns_in_flight: 3, state: "not listening" },
    });
  });

  test("the bridge is degraded while a link of it is away", async () => {
    let link = EMBEDDED;
    const probe = bridgeProbe(() => link);
    expect((await probe()).details).toMatchObject({
      status: "embedded",
      last_ping: null,
      messages_sent: 1,
      active_streams: 4,
    });
    link = { ...EMBEDDED, status: "disconnected", lastPingAt: 0 };
    expect(await probe()).toMatchObject({
      status: "degraded",
      details: { last_ping: "1970-01-01T00:00:00.000Z" },
    });
    link = {
      ...EMBEDDED,
      bridges: [{ ...EMBEDDED, name: "a", dialect: "flat", status: "connecting" }],
    };
    expect(await status(probe)).toBe("degraded");
  });

  test("the agents are degraded when none can be asked", async () => {
    let sessions = [aSession(), aSession({ sessionId: "s2", connected: false })];
    const probe = agentsProbe(() => sessions);
    expect(await probe()).toEqual({
      status: "healthy",
      details: { active: 2, connected: 1, pending: 0, connectors: ["rehearsal"] },
    });
    sessions = [aSession({ connected: false }), aSession({ status: "pending" })];
    expect(await probe()).toMatchObject({
      status: "degraded",
      details: { connected: 0, pending: 1 },
    });
  });

  test("the store is as well as a read of it, the audit as well as it says", async () => {
    expect(await status(storeProbe(() => Promise.resolve([])))).toBe("healthy");
    await expect(storeProbe(() => Promise.reject(new Error("gone")))()).rejects.toThrow("gone");
    const audit = { healthy: true, seq: 5, unsynced: 1, waiting: 0 };
    const probe = auditProbe(() => audit);
    expect(await probe()).toEqual({
      status: "healthy",
      details: { records: 5, unsynced: 1, waiting: 0 },
    });
    const full = auditProbe(() => ({ ...audit, healthy: false, lastError: "The disk is full." }));
    expect(await full()).toMatchObject({
      status: "unhealthy",
      details: { error: "The disk is full." },
    });
  });
});

describe("GET /metrics", () => {
  test("is Prometheus' text, unless JSON is asked for", async () => {
    const { get, getJson } = given();
    const text = await get("/metrics");
    expect(text.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text.text).toContain('mlp_build_info{version="1.2.3"} 1\n');
    const { json, status } = await getJson("/metrics", "application/json");
    expect(status).toBe(200);
    expect([...Value.Errors(MetricsAnswer, json)]).toEqual([]);
    expect((await get("/metrics", "application/json")).headers.get("content-type")).toContain(
      "application/json",
    );
  });

  test.each([
    ["", false],
    ["*/*", false],
    ["text/html,application/xhtml+xml,*/*;q=0.8", false],
    [
      "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      false,
    ],
    ["application/json", true],
    ["Application/JSON; charset=utf-8, */*", true],
    ["application/json;q=0", false],
    ["application/json;q=0.3, text/plain", false],
    ["application/json, text/plain;q=0.9, */*", true],
  ])("for Accept: %s, JSON is %p", (accept, json) => {
    expect(wantsJson(accept)).toBe(json);
  });
});
