import { describe, expect, test } from "bun:test";

import type { SessionStatus } from "../../src/core/session.ts";
import { METRICS } from "../../src/observe/metric-list.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { createProcessFigures, diskUsage } from "../../src/observe/process-figures.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { aRequest, aTurn, createBench, seriesOf } from "./metrics-support.ts";

const GEN_AI =
  'gen_ai_operation_name="chat",gen_ai_provider_name="cursor",gen_ai_request_model="cursor-agent"';

describe("requests", () => {
  test("are counted by route, method and status, and are in flight until they are answered", async () => {
    const { metrics } = createBench();
    metrics.requestStarted();
    metrics.requestStarted();
    metrics.recordRequest(aRequest());
    const series = await seriesOf(metrics);
    const labels = 'route="/v1/chat/completions",method="POST",status="200"';
    expect(series.get(`mlp_requests_total{${labels}}`)).toBe(1);
    expect(series.get("mlp_requests_in_flight")).toBe(1);
  });

  test("that were refused are counted by code and key", async () => {
    const { metrics } = createBench();
    metrics.recordRefusal("rate_limited", "key_1");
    metrics.recordRefusal("rate_limited", "key_1");
    metrics.recordRefusal("invalid_api_key", "");
    const series = await seriesOf(metrics);
    const name = METRICS.refused.name;
    expect(series.get(`${name}{code="rate_limited",key_id="key_1"}`)).toBe(2);
    expect(series.get(`${name}{code="invalid_api_key"}`)).toBe(1);
  });
});

describe("turns", () => {
  test("are counted by their outcome, and by the key that asked", async () => {
    const { metrics } = createBench();
    metrics.recordTurn(aTurn());
    metrics.recordTurn(aTurn({ outcome: "timeout", errorCode: "agent_timeout" }));
    const series = await seriesOf(metrics);
    const labels = 'model="cursor-agent",connector="cursor"';
    expect(series.get(`mlp_turns_total{${labels},outcome="done"}`)).toBe(1);
    expect(series.get(`mlp_turns_total{${labels},outcome="timeout"}`)).toBe(1);
    expect(series.get('mlp_key_turns_total{key_id="default",outcome="done"}')).toBe(1);
    const failed = `${METRICS.duration.name}_count{${GEN_AI},error_type="agent_timeout"}`;
    expect(series.get(failed)).toBe(1);
  });

  test("are measured in seconds, into buckets that add up", async () => {
    const { metrics } = createBench();
    for (const durationMs of [5, 10, 11, 3_000, 9_999_999])
      metrics.recordTurn(aTurn({ durationMs }));
    const series = await seriesOf(metrics);
    const bucket = (le: string) =>
      series.get(`gen_ai_server_request_duration_seconds_bucket{${GEN_AI},le="${le}"}`);
    expect(["0.01", "0.02", "2.56", "5.12", "1310.72", "+Inf"].map(bucket)).toEqual([
      2, 3, 3, 4, 4, 5,
    ]);
    expect(series.get(`gen_ai_server_request_duration_seconds_count{${GEN_AI}}`)).toBe(5);
    expect(series.get(`gen_ai_server_request_duration_seconds_sum{${GEN_AI}}`)).toBeCloseTo(
      10_003.025,
    );
  });

  test("tell the time to the first token only where they ended well", async () => {
    const { metrics } = createBench();
    metrics.recordTurn(aTurn({ firstEventMs: 30 }));
    metrics.recordTurn(aTurn({ firstEventMs: undefined }));
    metrics.recordTurn(aTurn({ outcome: "agent_lost", errorCode: "agent_lost" }));
    const series = await seriesOf(metrics);
    const name = "gen_ai_server_time_to_first_token_seconds";
    expect(series.get(`${name}_count{${GEN_AI}}`)).toBe(1);
    expect(series.get(`${name}_sum{${GEN_AI}}`)).toBeCloseTo(0.03);
  });

  test("never mix tokens that were reported with guesses", async () => {
    const { metrics } = createBench();
    metrics.recordTurn(aTurn({ model: "guesser", usage: usage(7, 3, true) }));
    metrics.recordTurn(aTurn({ usage: usage(100, 10) }));
    metrics.recordTurn(aTurn({ usage: undefined }));
    const series = await seriesOf(metrics);
    const tokens = `gen_ai_client_token_usage_sum{${GEN_AI}`;
    expect(series.get(`${tokens},gen_ai_token_type="input"}`)).toBe(100);
    expect(series.get(`${tokens},gen_ai_token_type="output"}`)).toBe(10);
    const guessed = 'mlp_estimated_tokens_total{model="guesser",token_type=';
    expect(series.get(`${guessed}"input"}`)).toBe(7);
    expect(series.get(`${guessed}"output"}`)).toBe(3);
    const reported = [...series.keys()].filter((name) => name.startsWith("gen_ai_client_token"));
    expect(reported.filter((name) => name.includes("guesser"))).toEqual([]);
  });

  test("are one model in any case, and with :latest", async () => {
    const { metrics } = createBench();
    for (const model of ["cursor-agent", "Cursor-Agent", "cursor-agent:latest"])
      metrics.recordTurn(aTurn({ model }));
    const series = await seriesOf(metrics);
    const labels = 'model="cursor-agent",connector="cursor",outcome="done"';
    expect(series.get(`mlp_turns_total{${labels}}`)).toBe(3);
  });

  test("tell our own time apart, by dialect", async () => {
    const { metrics } = createBench();
    metrics.recordOverhead({ dialect: "ollama", stream: true, ms: 0.3 });
    const series = await seriesOf(metrics);
    const labels = 'dialect="ollama",stream="true"';
    expect(series.get(`mlp_overhead_seconds_sum{${labels}}`)).toBeCloseTo(0.0003);
    expect(series.get(`mlp_overhead_seconds_bucket{${labels},le="0.0002"}`)).toBe(0);
    expect(series.get(`mlp_overhead_seconds_bucket{${labels},le="0.0004"}`)).toBe(1);
  });
});

describe("what is looked up", () => {
  test("is there as it is at that moment", async () => {
    const statuses: SessionStatus[] = ["active", "active", "pending"];
    let turnsInFlight = 3;
    const audit = { healthy: true, seq: 7, unsynced: 2, waiting: 0 };
    const { metrics, ...bench } = createBench({
      sessions: () => statuses.map((status) => ({ status })),
      turnsInFlight: () => turnsInFlight,
      turnsWaiting: () => 2,
      link: () => ({
        status: "connecting",
        links: 4,
        messagesSent: 11,
        messagesReceived: 12,
        pendingRequests: 5,
        activeStreams: 6,
      }),
      audit: () => audit,
    });
    bench.cpu = 1.5;
    expect(Object.fromEntries(await seriesOf(metrics))).toMatchObject({
      'mlp_build_info{version="1.2.3"}': 1,
      mlp_turns_in_flight: 3,
      mlp_turns_waiting: 2,
      'mlp_sessions{status="active"}': 2,
      'mlp_sessions{status="pending"}': 1,
      mlp_bridge_up: 0,
      mlp_bridge_links: 4,
      'mlp_bridge_messages_total{direction="sent"}': 11,
      'mlp_bridge_messages_total{direction="received"}': 12,
      mlp_bridge_pending_requests: 5,
      mlp_bridge_active_streams: 6,
      mlp_audit_up: 1,
      mlp_audit_records_total: 7,
      mlp_audit_unsynced_records: 2,
      mlp_audit_waiting_records: 0,
      process_resident_memory_bytes: 50_000_000,
    });
    turnsInFlight = 0;
    audit.healthy = false;
    const later = await seriesOf(metrics);
    expect([later.get("mlp_turns_in_flight"), later.get("mlp_audit_up")]).toEqual([0, 0]);
  });

  test("has no series of an audit that there is not", async () => {
    const series = await seriesOf(createBench().metrics);
    expect([...series.keys()].filter((name) => name.includes("audit"))).toEqual([]);
  });

  test("of the process is measured", async () => {
    const series = await seriesOf(createBench().metrics);
    const start = series.get("process_start_time_seconds")!;
    expect(Math.abs(Date.now() / 1_000 - process.uptime() - start)).toBeLessThan(5);
    for (const value of series.values()) expect(Number.isFinite(value)).toBe(true);
  });
});

describe("labels", () => {
  test("do not grow with what clients send", async () => {
    const { metrics } = createBench();
    const flood = (from: number, to: number): void => {
      for (let index = from; index < to; index += 1) {
        const name = `x${index}`;
        metrics.requestStarted();
        metrics.recordRequest(aRequest({ route: `/${name}`, method: name, status: index % 600 }));
        metrics.recordRefusal(name, name);
        metrics.recordOverhead({ dialect: name, stream: index % 2 === 0, ms: 1 });
        metrics.recordTurn(
          aTurn({
            model: name,
            connector: name,
            kind: name,
            keyId: name,
            errorCode: name,
            usage: usage(1, 1, index % 2 === 0),
          }),
        );
      }
    };
    flood(0, 2_000);
    const before = await seriesOf(metrics);
    flood(2_000, 100_000);
    const after = await seriesOf(metrics);
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after.size).toBeLessThan(20_000);
    const turns = [...after].filter(([name]) => name.startsWith("mlp_turns_total"));
    expect(turns.reduce((sum, [, value]) => sum + value, 0)).toBe(100_000);
    expect([...after.keys()].filter((name) => name.includes("x99999"))).toEqual([]);
  });

  test("never show free text, wherever it comes in", async () => {
    const canary = "CANARY please refactor the payment module";
    const { metrics } = createBench();
    metrics.recordTurn(
      aTurn({ model: canary, connector: canary, keyId: canary, errorCode: canary, kind: canary }),
    );
    metrics.requestStarted();
    metrics.recordRequest(aRequest({ route: canary, method: canary }));
    metrics.recordRefusal(canary, canary);
    metrics.recordOverhead({ dialect: canary, stream: false, ms: 1 });
    metrics.recordTurn(aTurn({ model: 'a"b\n{c="d"}' }));
    const text = await metrics.text();
    expect(text).toContain('model="other"');
    expect(text.toLowerCase()).not.toContain("canary");
    expect(JSON.stringify([metrics.json(), metrics.system()])).not.toContain("CANARY");
    const form = /^(?:# (?:HELP|TYPE) .*|\w+(?:\{(?:\w+="[^"\\\n]*",?)+\})? [-+.\de]+)?$/i;
    expect(text.split("\n").filter((line) => !form.test(line))).toEqual([]);
  });
});

describe("the guides' JSON document", () => {
  test("has its fields, all 0 before anything was measured", () => {
    const { metrics } = createBench();
    expect(metrics.json()).toEqual({
      sessions: { active: 0, total_created: 0, total_expired: 0 },
      requests: { total: 0, successful: 0, failed: 0, rate_limited: 0 },
      performance: { avg_response_time_ms: 0, memory_usage_mb: 50 },
      mcp: { connection_status: "embedded", messages_sent: 0, messages_received: 0 },
    });
  });

  test("counts each request once, a stream by how it ended", () => {
    const { metrics } = createBench();
    const whole = (status: number, durationMs: number): void =>
      metrics.recordRequest(aRequest({ status, durationMs }));
    const stream = (outcome: "done" | "error" | "client_cancelled", durationMs: number): void => {
      metrics.recordRequest(aRequest({ streamed: true, durationMs: 1 }));
      const errorCode = outcome === "error" ? "agent_error" : undefined;
      metrics.recordStreamEnd({ outcome, errorCode, durationMs });
    };
    whole(200, 100);
    whole(429, 10);
    whole(502, 90);
    whole(499, 7_000);
    stream("done", 300);
    stream("error", 500);
    stream("client_cancelled", 9_000);
    for (const outcome of ["done", "error"] as const) metrics.recordTurn(aTurn({ outcome }));
    metrics.recordRequest(aRequest({ inference: false, route: "/health", method: "GET" }));
    expect(metrics.json()).toMatchObject({
      requests: { total: 7, successful: 2, failed: 3, rate_limited: 1 },
      performance: { avg_response_time_ms: 200 },
    });
  });

  test("counts a stream over a limit as failed, and as that", () => {
    const { metrics } = createBench();
    metrics.recordRequest(aRequest({ streamed: true }));
    metrics.recordStreamEnd({ outcome: "refused", errorCode: "rate_limited", durationMs: 1 });
    expect(metrics.json()).toMatchObject({
      requests: { total: 1, successful: 0, failed: 1, rate_limited: 1 },
    });
  });

  test("counts sessions that came and expired, however often they are told of", () => {
    const bench = createBench({ sessions: () => [{ status: "active" }, { status: "expired" }] });
    const tell = (sessionId: string, ...statuses: SessionStatus[]): void => {
      for (const status of statuses)
        bench.metrics.recordSession({ sessionId, status, createdAt: bench.clock.now() });
    };
    tell("a", "pending", "active", "active", "suspended", "active", "expired", "expired");
    tell("b", "active", "revoked");
    tell("c", "active");
    const old = { sessionId: "old", createdAt: bench.clock.now() - 1 };
    bench.metrics.recordSession({ ...old, status: "active" });
    bench.metrics.recordSession({ ...old, status: "expired" });
    expect(bench.metrics.json().sessions).toEqual({
      active: 1,
      total_created: 3,
      total_expired: 2,
    });
  });
});

test("sessions that were made while the process started count as its own", () => {
  const { clock } = createBench();
  const sources = {
    sessions: () => [],
    turnsInFlight: () => 0,
    turnsWaiting: () => 0,
    link: () => ({
      status: "embedded",
      links: 0,
      messagesSent: 0,
      messagesReceived: 0,
      pendingRequests: 0,
      activeStreams: 0,
    }),
  };
  const startedAt = clock.now() - 500;
  const metrics = createMetrics({ clock, version: "1", sources, startedAt });
  for (const age of [100, 500, 501])
    metrics.recordSession({
      sessionId: `s${age}`,
      status: "active",
      createdAt: clock.now() - age,
    });
  expect(metrics.json().sessions.total_created).toBe(2);
});

describe("the system's figures", () => {
  test("are of the last minute, and go when it has passed", () => {
    const { metrics, clock } = createBench();
    clock.advance(120_000);
    for (let index = 0; index < 30; index += 1) {
      metrics.recordRequest(aRequest({ status: index < 27 ? 200 : 502, durationMs: 40 }));
      clock.advance(1_000);
    }
    expect(metrics.system()).toMatchObject({
      total_requests: 30,
      requests_per_second: 0.5,
      average_latency_ms: 40,
      error_rate: 0.1,
    });
    clock.advance(60_000);
    expect(metrics.system()).toMatchObject({
      total_requests: 30,
      requests_per_second: 0,
      average_latency_ms: 0,
      error_rate: 0,
    });
  });

  test("are of the time since the start while that is less than a minute", () => {
    const { metrics, clock } = createBench();
    for (let index = 0; index < 20; index += 1) metrics.recordRequest(aRequest());
    clock.advance(10_000);
    expect(metrics.system().requests_per_second).toBe(2);
  });

  test("tell of sessions, links, the queue and the process", () => {
    const bench = createBench({
      sessions: () => [{ status: "active" }, { status: "denied" }],
      turnsWaiting: () => 9,
      link: () => ({
        status: "connected",
        links: 3,
        messagesSent: 0,
        messagesReceived: 0,
        pendingRequests: 0,
        activeStreams: 0,
      }),
    });
    bench.clock.advance(60_000);
    const createdAt = bench.clock.now();
    bench.metrics.recordSession({ sessionId: "a", status: "active", createdAt });
    bench.metrics.recordSession({ sessionId: "a", status: "expired", createdAt });
    expect(bench.metrics.system()).toMatchObject({
      active_sessions: 1,
      session_creation_rate: 1 / 60,
      session_expiry_rate: 1 / 60,
      connection_pool_size: 3,
      queue_depth: 9,
      cpu_usage_percent: 12.5,
      memory_usage_mb: 50,
    });
  });

  test("know how busy the processor is since the last reading that is a second old", () => {
    const clock = createFakeClock();
    const figures = createProcessFigures(clock);
    expect(figures.cpuPercent()).toBe(0);
    const used = figures.cpuSeconds();
    while (figures.cpuSeconds() - used < 0.01) JSON.stringify(METRICS);
    clock.advance(1_000);
    const percent = figures.cpuPercent();
    expect(percent).toBeGreaterThan(0.9);
    expect(figures.cpuPercent()).toBe(percent);
    expect(figures.residentBytes()).toBeGreaterThan(1_000_000);
  });

  test("know the size of files and folders, and count 0 for what is not there", async () => {
    const folder = new URL("./", import.meta.url).pathname;
    const file = Bun.fileURLToPath(import.meta.url);
    expect(await diskUsage([file])).toBe(Bun.file(file).size);
    expect(await diskUsage([folder])).toBeGreaterThan(Bun.file(file).size);
    expect(await diskUsage(["/nowhere/at/all"])).toBe(0);
  });
});

function usage(promptTokens: number, completionTokens: number, estimated = false) {
  return { promptTokens, completionTokens, ...(estimated && { estimated }) };
}
