// Traces as a collector gets them: a stand-in on loopback that decodes what is sent over real HTTP.

import { afterEach, describe, expect, test } from "bun:test";

import { createSystem } from "../../src/app/system.ts";
import type { Clock, Log } from "../../src/core/ports.ts";
import { createTraces, tracesUrl } from "../../src/observe/traces.ts";
import type { TracedTurn, Traces } from "../../src/observe/traces.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { attributesOf, startCollector as openCollector } from "../support/trace-collector.ts";
import type { Collector, SentSpan } from "../support/trace-collector.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function startCollector(answer?: () => Promise<Response>): Collector {
  const collector = openCollector(answer);
  closing.push(() => collector.stop());
  return collector;
}

function createLog(): Log & { readonly warnings: string[] } {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  const warn = (_: object, message: string): void => void warnings.push(message);
  return { debug: ignore, info: ignore, warn, error: ignore, warnings };
}

interface Given {
  readonly log?: Log;
  readonly clock?: Clock;
}

async function start(url: string | null, { log, clock }: Given = {}): Promise<Traces> {
  const traces = await createTraces({
    telemetry: { otlp_endpoint: url, service_name: "mlp-test" },
    env: {},
    version: "1.2.3",
    clock: clock ?? createSystem().clock,
    log: log ?? createLog(),
  });
  closing.push(() => traces.close());
  return traces;
}

/** At a moment that the test advances. */
async function startAt(url: string) {
  const clock = createFakeClock();
  return { traces: await start(url, { clock }), clock };
}

const DONE = { outcome: "done", errorCode: undefined } as const;

function aTurn(fields: Partial<TracedTurn> = {}): TracedTurn {
  return {
    turnId: "req_1",
    model: "cursor-agent",
    kind: "chat",
    connector: "cursor",
    agentId: "cursor-1",
    stream: false,
    startedAt: Date.now(),
    durationMs: 12.5,
    firstEventMs: 3,
    outcome: "done",
    errorCode: undefined,
    usage: { promptTokens: 11, completionTokens: 7 },
    ...fields,
  };
}

function request(traces: Traces, turn: TracedTurn | undefined, status = 200): void {
  const requestId = turn?.turnId ?? "req_1";
  const streamed = turn?.stream ?? false;
  const answer = { requestId, route: "/v1/chat/completions", status, streamed };
  traces.requestStarted({ requestId, method: "POST", traceparent: null });
  if (streamed) traces.requestEnded(answer);
  if (turn !== undefined) traces.turnEnded(turn);
  if (streamed) traces.streamEnded({ requestId, ...DONE });
  else traces.requestEnded(answer);
}

/** In milliseconds. */
function lengthOf({ startTimeUnixNano: from, endTimeUnixNano: to }: SentSpan): number {
  return Number(BigInt(to) - BigInt(from)) / 1e6;
}

function named(collector: Collector, name: string): SentSpan {
  const found = collector.spans.filter((span) => span.name === name);
  expect(found.map(({ name }) => name)).toEqual([name]);
  return found[0]!;
}

describe("a collector", () => {
  test("gets a request, its chat and its agent as one trace", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    request(traces, aTurn());
    await traces.close();
    expect(collector.paths).toEqual(["POST /v1/traces"]);
    expect(new Set(collector.services)).toEqual(new Set(["mlp-test"]));
    const server = named(collector, "POST /v1/chat/completions");
    const chat = named(collector, "chat cursor-agent");
    const agent = named(collector, "invoke_agent cursor-1");
    expect([chat.parentSpanId, agent.parentSpanId]).toEqual([server.spanId, chat.spanId]);
    expect(new Set([server, chat, agent].map(({ traceId }) => traceId)).size).toBe(1);
    expect([server.kind, chat.kind, agent.kind]).toEqual([2, 1, 3]);
    expect(attributesOf(server)).toEqual({
      "http.request.method": "POST",
      "http.route": "/v1/chat/completions",
      "http.response.status_code": 200,
      "mlp.request_id": "req_1",
    });
    expect(attributesOf(chat)).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "cursor",
      "gen_ai.request.model": "cursor-agent",
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.output_tokens": 7,
      "mlp.outcome": "done",
    });
    expect(attributesOf(agent)).toMatchObject({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.id": "cursor-1",
    });
  });

  test("hears when each began and ended, the inner ones inside the outer ones", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
    // Longer than the request took: it is cut to fit.
    traces.turnEnded(aTurn({ durationMs: 60_000, startedAt: 0 }));
    traces.requestEnded({ requestId: "req_1", route: "/x", status: 200, streamed: false });
    await traces.close();
    const server = named(collector, "POST /x");
    expect(collector.spans).toHaveLength(3);
    for (const span of collector.spans) {
      const [from, to] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
      expect(from <= to).toBe(true);
      expect(from >= BigInt(server.startTimeUnixNano)).toBe(true);
      expect(to <= BigInt(server.endTimeUnixNano)).toBe(true);
    }
    const nowNanoseconds = BigInt(Date.now()) * 1_000_000n;
    const age = nowNanoseconds - BigInt(server.startTimeUnixNano);
    expect(age >= 0n && age < 60_000_000_000n).toBe(true);
  });

  test("gets the span of a stream when it is over, not when its head was sent", async () => {
    const collector = startCollector();
    const { traces, clock } = await startAt(collector.url);
    traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
    traces.requestEnded({ requestId: "req_1", route: "/x", status: 200, streamed: true });
    clock.advance(5_000);
    const lost = { outcome: "agent_lost", errorCode: "agent_lost" } as const;
    traces.turnEnded(aTurn({ stream: true, ...lost, usage: undefined }));
    traces.streamEnded({ requestId: "req_1", ...lost });
    clock.advance(5_000);
    await traces.close();
    const server = named(collector, "POST /x");
    const agent = named(collector, "invoke_agent cursor-1");
    expect(lengthOf(server)).toBe(5_000);
    expect(server.endTimeUnixNano).toBe(agent.endTimeUnixNano);
    expect(server.status.code).toBe(2);
    expect(attributesOf(server)["error.type"]).toBe("agent_lost");
    expect(attributesOf(agent)).toMatchObject({
      "error.type": "agent_lost",
      "gen_ai.request.stream": true,
      "gen_ai.response.time_to_first_chunk": 0.003,
    });
  });

  test("gets the span of a stream that was over before its head was told of", async () => {
    const collector = startCollector();
    const { traces, clock } = await startAt(collector.url);
    traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
    clock.advance(100);
    traces.streamEnded({ requestId: "req_1", outcome: "refused", errorCode: "too_busy" });
    traces.requestEnded({ requestId: "req_1", route: "/x", status: 200, streamed: true });
    clock.advance(5_000);
    await traces.close();
    const server = named(collector, "POST /x");
    expect([lengthOf(server), attributesOf(server)["error.type"]]).toEqual([100, "too_busy"]);
  });

  describe.each([false, true])("of a request with several prompts (stream: %p)", (stream) => {
    const ids = ["req_1", "req_1.2", "req_1.3"];
    const answer = { requestId: "req_1", route: "/x", status: 200, streamed: stream };

    test("gets the spans of each turn in the one of the request, which ends with the last", async () => {
      const collector = startCollector();
      const { traces, clock } = await startAt(collector.url);
      traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
      if (stream) traces.requestEnded(answer);
      for (const turnId of ids) {
        const startedAt = clock.now();
        clock.advance(1_000);
        traces.turnEnded(aTurn({ turnId, stream, startedAt, durationMs: 1_000, model: turnId }));
      }
      if (stream) traces.streamEnded({ requestId: "req_1", ...DONE });
      else traces.requestEnded(answer);
      clock.advance(5_000);
      await traces.close();
      const server = named(collector, "POST /x");
      expect(lengthOf(server)).toBe(3_000);
      const chats = ids.map((id) => named(collector, `chat ${id}`));
      const agents = collector.spans.filter(({ name }) => name.startsWith("invoke_agent"));
      expect(chats.map((chat) => chat.parentSpanId)).toEqual(ids.map(() => server.spanId));
      expect(chats.map(lengthOf)).toEqual([1_000, 1_000, 1_000]);
      expect(new Set(agents.map((agent) => agent.parentSpanId))).toEqual(
        new Set(chats.map((chat) => chat.spanId)),
      );
      expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
      expect([collector.spans.length, server.status.code]).toEqual([7, 0]);
    });

    test("hears of the one that failed", async () => {
      const collector = startCollector();
      const { traces } = await startAt(collector.url);
      const failed = { outcome: "error", errorCode: "agent_error" } as const;
      traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
      if (stream) traces.requestEnded(answer);
      traces.turnEnded(aTurn({ turnId: "req_1", stream, model: "a" }));
      traces.turnEnded(aTurn({ turnId: "req_1.2", stream, model: "b", ...failed }));
      if (stream) traces.streamEnded({ requestId: "req_1", ...failed });
      else traces.requestEnded({ ...answer, status: 502 });
      await traces.close();
      const spans = ["POST /x", "chat a", "chat b"].map((name) => named(collector, name));
      expect(spans.map((span) => attributesOf(span)["error.type"])).toEqual([
        "agent_error",
        undefined,
        "agent_error",
      ]);
    });
  });

  test("is told of failures, but of a client that hung up as no failure", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    request(traces, aTurn({ turnId: "req_a", model: "a", outcome: "timeout" }), 504);
    request(traces, aTurn({ turnId: "req_b", model: "b", outcome: "client_cancelled" }), 499);
    await traces.close();
    expect(named(collector, "chat a").status.code).toBe(2);
    expect(named(collector, "chat b").status.code).not.toBe(2);
    const codes = collector.spans.filter(({ kind }) => kind === 2).map(({ status }) => status.code);
    expect(codes).toEqual([2, 0]);
  });

  test("gets no guess as usage", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    const usage = { promptTokens: 1, completionTokens: 2, estimated: true };
    request(traces, aTurn({ kind: "completion", usage }));
    await traces.close();
    const span = named(collector, "text_completion cursor-agent");
    expect(Object.keys(attributesOf(span)).filter((key) => key.includes("usage"))).toEqual([]);
  });

  test("sees the client's trace go on, and a malformed one begin anew", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    const traceparent = `00-${"a1".repeat(16)}-${"b2".repeat(8)}-01`;
    const bad = [`00-${"0".repeat(32)}-${"b2".repeat(8)}-01`, "nonsense", null];
    for (const [index, each] of [traceparent, ...bad].entries()) {
      const requestId = `req_${index}`;
      traces.requestStarted({ requestId, method: "GET", traceparent: each });
      traces.requestEnded({ requestId, route: `/${index}`, status: 200, streamed: false });
    }
    await traces.close();
    expect(named(collector, "GET /0")).toMatchObject({
      traceId: "a1".repeat(16),
      parentSpanId: "b2".repeat(8),
    });
    for (const index of [1, 2, 3]) {
      expect(named(collector, `GET /${index}`).parentSpanId ?? "").toBe("");
    }
  });

  test("gets what is open when the server stops", async () => {
    const collector = startCollector();
    const traces = await start(collector.url);
    traces.requestStarted({ requestId: "req_1", method: "POST", traceparent: null });
    await traces.close();
    expect(collector.spans.map(({ name }) => name)).toEqual(["POST"]);
    traces.requestStarted({ requestId: "req_2", method: "POST", traceparent: null });
    await traces.close();
    expect(collector.spans).toHaveLength(1);
  });
});

describe("a collector that is away", () => {
  test("stops nothing, and holds the end up for two seconds at most", async () => {
    const collector = startCollector();
    await collector.stop();
    const waits: { ms: number; fire: () => void }[] = [];
    const clock = {
      ...createSystem().clock,
      timer: (ms: number, fire: () => void) => {
        waits.push({ ms, fire });
        return () => undefined;
      },
    };
    const traces = await start(collector.url, { clock });
    for (let index = 0; index < 5_000; index += 1) {
      request(traces, aTurn({ turnId: `req_${index}` }));
    }
    const closed = traces.close();
    expect(waits.map(({ ms }) => ms)).toEqual([2_000]);
    waits[0]!.fire();
    await closed;
    expect(await traces.close()).toBeUndefined();
  });

  test("that refuses is named in the log once", async () => {
    const collector = startCollector(() => Promise.resolve(new Response("no", { status: 400 })));
    const log = createLog();
    const traces = await start(collector.url, { log });
    for (let index = 0; index < 200; index += 1) {
      request(traces, aTurn({ turnId: `req_${index}` }));
    }
    await traces.close();
    expect(collector.bodies.length).toBeGreaterThan(1);
    expect(log.warnings).toEqual(["traces are dropped: no collector"]);
  });
});

describe("without a collector", () => {
  test("nothing happens", async () => {
    const traces = await start(null);
    expect(request(traces, aTurn())).toBeUndefined();
    expect(await traces.close()).toBeUndefined();
    expect(tracesUrl(null, {})).toBeUndefined();
  });
});

describe("the address", () => {
  test("is the setting, else OpenTelemetry's variables; bases get the path of traces", () => {
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://base:4318/otlp/" };
    const own = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://own:1/here" };
    expect(tracesUrl("http://set:4318", own)).toBe("http://set:4318/v1/traces");
    expect(tracesUrl(null, own)).toBe("http://own:1/here");
    expect(tracesUrl(null, base)).toBe("http://base:4318/otlp/v1/traces");
    expect(tracesUrl(null, { ...own, OTEL_SDK_DISABLED: "true" })).toBeUndefined();
    expect(tracesUrl(null, { OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBeUndefined();
  });

  test("that is none is an error that names where it stands", () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" };
    expect(() => tracesUrl(null, env)).toThrow("OTEL_EXPORTER_OTLP_ENDPOINT: expected an address");
  });
});
