// Spans sent to an OpenTelemetry collector over HTTP, as JSON: a request, in it `chat {model}` for each of its turns, in it
// `invoke_agent {agent}`. Sent in batches from a bounded queue; with the collector away spans are dropped and nothing waits.
// Imported only when a collector is configured.

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Context, HrTime, Span, SpanContext } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Clock, Log } from "../core/ports.ts";
import { operationName } from "./tallies.ts";
import { agentAttributes, chatAttributes, failureOf } from "./trace-attributes.ts";
import type { TracedAnswer, TracedRequest, TracedStreamEnd, TracedTurn, Traces } from "./traces.ts";

export interface OtlpSettings {
  readonly url: string;
  readonly serviceName: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface OpenRequest {
  readonly requestId: string;
  readonly span: Span;
  readonly method: string;
  /** Wall clock and monotonic milliseconds of the same moment. */
  readonly startedAt: number;
  readonly since: number;
  /** Its head has been told of, and its stream goes on. */
  isStreaming: boolean;
  /** Its stream is over, and its head is still to be told of. */
  hasStreamed: boolean;
  failure: string | undefined;
}

/** Requests that are followed at once; beyond, the oldest is sent as it stands. */
const MOST_OPEN = 4_096;
const QUEUE = {
  maxQueueSize: 2_048,
  maxExportBatchSize: 256,
  scheduledDelayMillis: 2_000,
} as const;
const EXPORT_MS = 5_000;
const CLOSE_MS = 2_000;
const LONGEST_ATTRIBUTE = 256;

export function createOtlpTraces(settings: OtlpSettings): Traces {
  const { clock } = settings;
  const provider = createProvider(settings);
  const tracer = provider.getTracer("mlp", settings.version);
  const open = new Map<string, OpenRequest>();
  let closed: Promise<void> | undefined;

  function requestStarted({ requestId, method, traceparent }: TracedRequest): void {
    if (closed !== undefined) return;
    const [oldest] = open.size >= MOST_OPEN ? open.values() : [];
    if (oldest !== undefined) endRequest(oldest);
    const startedAt = clock.now();
    const attributes = { "http.request.method": method, "mlp.request_id": requestId };
    const span = tracer.startSpan(
      method,
      { kind: SpanKind.SERVER, startTime: time(startedAt), attributes },
      parentOf(traceparent),
    );
    const since = clock.monotonic();
    open.set(requestId, {
      requestId,
      span,
      method,
      startedAt,
      since,
      isStreaming: false,
      hasStreamed: false,
      failure: undefined,
    });
  }

  function turnEnded(turn: TracedTurn): void {
    const request = open.get(requestOf(turn.turnId));
    if (request === undefined) return;
    const endedAt = now(request);
    const agentAt = Math.max(request.startedAt, endedAt - turn.durationMs);
    const chatAt = Math.min(Math.max(turn.startedAt, request.startedAt), agentAt);
    const chat = tracer.startSpan(
      `${operationName(turn.kind)} ${turn.model}`,
      { startTime: time(chatAt), attributes: chatAttributes(turn) },
      trace.setSpan(ROOT_CONTEXT, request.span),
    );
    const agent = tracer.startSpan(
      `invoke_agent ${turn.agentId}`,
      { kind: SpanKind.CLIENT, startTime: time(agentAt), attributes: agentAttributes(turn) },
      trace.setSpan(ROOT_CONTEXT, chat),
    );
    request.failure = failureOf(turn);
    for (const span of [agent, chat]) {
      if (request.failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(time(endedAt));
    }
  }

  function requestEnded({ requestId, route, status, streamed }: TracedAnswer): void {
    const request = open.get(requestId);
    if (request === undefined) return;
    request.span.updateName(`${request.method} ${route}`);
    request.span.setAttributes({ "http.route": route, "http.response.status_code": status });
    if (status >= 500) request.failure ??= String(status);
    if (streamed && !request.hasStreamed) request.isStreaming = true;
    else endRequest(request);
  }

  function streamEnded(end: TracedStreamEnd): void {
    const request = open.get(end.requestId);
    if (request === undefined) return;
    request.failure = failureOf(end);
    if (request.isStreaming) endRequest(request);
    else request.hasStreamed = true;
  }

  function endRequest(request: OpenRequest): void {
    const { span, failure } = request;
    if (failure !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", failure);
    }
    span.end(time(now(request)));
    open.delete(request.requestId);
  }

  function now({ startedAt, since }: OpenRequest): number {
    return startedAt + clock.monotonic() - since;
  }

  async function close(): Promise<void> {
    for (const request of open.values()) endRequest(request);
    let stopWaiting: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      stopWaiting = clock.timer(CLOSE_MS, resolve);
    });
    // A collector that is away has been told of already; it must not hold up the end.
    await Promise.race([provider.shutdown().catch(() => undefined), late]);
    stopWaiting();
  }

  return {
    requestStarted,
    turnEnded,
    requestEnded,
    streamEnded,
    close: () => (closed ??= close()),
  } satisfies Traces;
}

function createProvider(settings: OtlpSettings): TracerProvider {
  const exporter = new OTLPTraceExporter({ url: settings.url, timeoutMillis: EXPORT_MS });
  return new TracerProvider({
    resource: resourceFromAttributes({
      "service.name": settings.serviceName,
      "service.version": settings.version,
    }),
    spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: telling(exporter, settings),
        exportTimeoutMillis: EXPORT_MS,
        ...QUEUE,
      }),
    ],
  });
}

/** The exporter, with one line in the log when the collector goes away and one when it is back. */
function telling(exporter: SpanExporter, { url, log }: OtlpSettings): SpanExporter {
  let isAway = false;
  const { host } = new URL(url);
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !isAway) log.warn({ collector: host }, "traces are dropped: no collector");
        if (!failed && isAway) log.info({ collector: host }, "traces are taken again");
        isAway = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  } satisfies SpanExporter;
}

/** The ids of requests have no dot in them. */
function requestOf(turnId: string): string {
  const dot = turnId.indexOf(".");
  return dot < 0 ? turnId : turnId.slice(0, dot);
}

/** Seconds and nanoseconds: a bare number may be taken for one since the process began. */
function time(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}

/** W3C Trace Context, version 00; what is malformed starts a trace of its own. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function parentOf(traceparent: string | null): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const parent: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  };
  return trace.isSpanContextValid(parent)
    ? trace.setSpanContext(ROOT_CONTEXT, parent)
    : ROOT_CONTEXT;
}
