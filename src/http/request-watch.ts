// Tells metrics and traces of each request that comes to a port: when it begins, when its answer does, and when a stream
// is over. Knows what an answer's headers say of it, and no more of either side.

import type { Clock } from "../core/ports.ts";
import type { TurnEnd } from "../engine/run-turn.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Traces } from "../observe/traces.ts";
import type { RouteNames } from "./route-names.ts";

export interface WatchedAnswer {
  readonly request: Request;
  readonly requestId: string;
  /** As the guard read it; "" of a request that it refused, whose path may say anything. */
  readonly path: string;
  readonly response: Response;
  /** When the request arrived, in monotonic milliseconds. */
  readonly startedAt: number;
}

export interface RequestWatch {
  /** `path` as the guard read it; "" of a request that it refused. */
  started(request: Request, requestId: string, path: string): void;
  /** Once for each that was started, with its answer or, of a stream, with its head. */
  answered(answer: WatchedAnswer): void;
  /** No agent was started, for this reason. `keyId`: "" where no key is known. */
  refused(code: string, keyId: string): void;
  /** Once for each stream: with the end of its last turn, or with what was refused in place of one. */
  streamEnded(request: Pick<WatchedAnswer, "requestId" | "startedAt">, end: TurnEnd): void;
}

export interface WatchDeps {
  readonly clock: Clock;
  readonly names: RouteNames;
  readonly metrics: Pick<
    Metrics,
    "requestStarted" | "recordRequest" | "recordStreamEnd" | "recordRefusal"
  >;
  readonly traces: Pick<Traces, "requestStarted" | "requestEnded" | "streamEnded">;
}

/** What is asked every few seconds, by ourselves too; and what strangers ask. */
const UNTRACED: ReadonlySet<string> = new Set([
  "",
  "/livez",
  "/readyz",
  "/health",
  "/health/deep",
  "/metrics",
]);

export function createRequestWatch({ clock, names, metrics, traces }: WatchDeps): RequestWatch {
  return {
    started: ({ method, headers }, requestId, path) => {
      metrics.requestStarted();
      if (UNTRACED.has(path)) return;
      traces.requestStarted({ requestId, method, traceparent: headers.get("traceparent") });
    },
    answered: ({ request, requestId, path, response, startedAt }) => {
      const name = names(request.method, path);
      const { status } = response;
      const streamed = name.inference && isGoingOn(response.headers);
      const durationMs = clock.monotonic() - startedAt;
      metrics.recordRequest({ ...name, status, durationMs, streamed });
      traces.requestEnded({ requestId, route: name.route, status, streamed });
    },
    streamEnded: ({ requestId, startedAt }, end) => {
      const { outcome } = end;
      const errorCode = end.outcome === "done" ? undefined : end.error.code;
      const durationMs = clock.monotonic() - startedAt;
      metrics.recordStreamEnd({ outcome, errorCode, durationMs });
      traces.streamEnded({ requestId, outcome, errorCode });
    },
    refused: (code, keyId) => metrics.recordRefusal(code, keyId),
  };
}

/** A stream that an answer is written to, be it waited for, running or repeated: only those tell of their end. */
function isGoingOn(headers: Headers): boolean {
  const type = headers.get("content-type") ?? "";
  const isStream = type.startsWith("text/event-stream") || type.startsWith("application/x-ndjson");
  return isStream && (headers.has("openai-processing-ms") || headers.has("x-mlp-queued"));
}
