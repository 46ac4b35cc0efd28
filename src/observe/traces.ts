// Traces of requests, for an OpenTelemetry collector: only when one is configured, and then loaded only here. Takes plain
// data with the request's id; spans carry names and figures, never a prompt, an answer or a secret.

import { AppError } from "../core/error.ts";
import type { Outcome, Usage } from "../core/event.ts";
import type { Clock, Log } from "../core/ports.ts";

export interface TracedRequest {
  readonly requestId: string;
  readonly method: string;
  /** The client's W3C `traceparent` header: its trace goes on here. */
  readonly traceparent: string | null;
}

/**
 * A turn that has ended. Its id is that of the request which asked for it, of the later turns of a request that has
 * several with a dot and its place behind it: docs/adr/0018.
 */
export interface TracedTurn {
  readonly turnId: string;
  readonly model: string;
  /** Of the turn's request: chat, completion, embedding, resume. */
  readonly kind: string;
  readonly connector: string;
  readonly agentId: string;
  readonly stream: boolean;
  /** When it was admitted, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** From the agent's start to now. */
  readonly durationMs: number;
  readonly firstEventMs: number | undefined;
  readonly outcome: Outcome;
  readonly errorCode: string | undefined;
  readonly usage: Usage | undefined;
}

export interface TracedAnswer {
  readonly requestId: string;
  /** The route's pattern, never the path. */
  readonly route: string;
  readonly status: number;
  /** The answer goes on: `streamEnded` tells when it is over. */
  readonly streamed: boolean;
}

/** A stream with nothing more to come: the end of its last turn, or the refusal that came in place of one. */
export interface TracedStreamEnd extends Pick<TracedTurn, "outcome" | "errorCode"> {
  readonly requestId: string;
}

export interface Traces {
  requestStarted(request: TracedRequest): void;
  turnEnded(turn: TracedTurn): void;
  /** With the answer or, of a stream, with its head. */
  requestEnded(answer: TracedAnswer): void;
  /** Once for each stream, be it before its head is told of or after. */
  streamEnded(end: TracedStreamEnd): void;
  /** Sends what still waits, for two seconds at most. */
  close(): Promise<void>;
}

export interface TracesSettings {
  readonly telemetry: {
    readonly otlp_endpoint: string | null;
    readonly service_name: string;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

const NOTHING: Traces = {
  requestStarted: () => undefined,
  turnEnded: () => undefined,
  requestEnded: () => undefined,
  streamEnded: () => undefined,
  close: () => Promise.resolve(),
};

/** Traces that do nothing unless there is a collector to send to. @throws AppError when its address is none */
export async function createTraces(settings: TracesSettings): Promise<Traces> {
  const url = tracesUrl(settings.telemetry.otlp_endpoint, settings.env);
  if (url === undefined) return NOTHING;
  const { createOtlpTraces } = await import("./traces-otlp.ts");
  return createOtlpTraces({
    url,
    serviceName: settings.telemetry.service_name,
    version: settings.version,
    clock: settings.clock,
    log: settings.log,
  });
}

/**
 * Where traces go: the setting, then OpenTelemetry's own variables. Base addresses get `/v1/traces`
 * (OpenTelemetry protocol exporter, "Endpoint URLs for OTLP/HTTP").
 */
export function tracesUrl(endpoint: string | null, env: TracesSettings["env"]): string | undefined {
  if (endpoint !== null) return underBase(endpoint, "telemetry.otlp_endpoint");
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return undefined;
  const own = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  if (own !== undefined && own !== "") {
    return address(own, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").href;
  }
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (base === undefined || base === "") return undefined;
  return underBase(base, "OTEL_EXPORTER_OTLP_ENDPOINT");
}

function underBase(base: string, name: string): string {
  const url = address(base, name);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  return url.href;
}

function address(text: string, name: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new AppError(
    "invalid_request",
    `${name}: expected an address such as http://127.0.0.1:4318`,
  );
}
