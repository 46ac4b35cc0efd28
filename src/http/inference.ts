// From a decoded request to an answer, whole or streamed: the same for every dialect.

import { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { Clock } from "../core/ports.ts";
import type { AnswerMeta, StreamEncoder } from "../core/stream.ts";
import type { TurnRequest } from "../core/turn.ts";
import { clampMaxTokens } from "../engine/admission.ts";
import type { Caller, Engine } from "../engine/engine.ts";
import type { RequestOrigin, TurnRecord } from "../engine/records.ts";
import { failureResponse } from "./failure.ts";
import { limitHeaders } from "./limit-headers.ts";
import { streamResponse } from "./stream.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Visit, Visits } from "./visit.ts";

/** A dialect's half of an answer. */
export interface AnswerCodec {
  readonly dialect: "openai" | "ollama";
  readonly streamType: string;
  /** `undefined` for what is never streamed. `startedAt`: when the request arrived, in monotonic milliseconds. */
  readonly stream?: (meta: AnswerMeta, startedAt: number) => StreamEncoder;
  readonly whole: (result: TurnResult, meta: AnswerMeta, timing: AnswerTiming) => object;
}

/** In monotonic milliseconds. */
export interface AnswerTiming {
  readonly startedAt: number;
  readonly firstEventAt?: number;
  readonly finishedAt: number;
}

export interface InferenceDeps {
  readonly engine: Engine;
  readonly visits: Visits;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly metrics: Pick<Metrics, "recordOverhead">;
  /** An answer has been given, with a body of so many bytes. */
  readonly onAnswered: (record: TurnRecord, bytes: number) => void;
  /** Whether answers are streamed to those that ask for it. */
  readonly streams: boolean;
  /** The most that a client may ask for; `null`: no limit. Read at every request. */
  readonly maxTokens: () => number | null;
  /** A keyed hash, by which the record knows a prompt, and a retry its turn, without keeping it. */
  readonly promptHash: (body: Uint8Array) => string;
}

export interface Inference {
  /** @throws AppError what is known before an agent starts; later failures are in the answer */
  answer(request: Request, asked: Asked, codec: AnswerCodec): Promise<Response>;
}

export interface Asked {
  readonly request: TurnRequest;
  readonly bytes: Uint8Array;
}

export function createInference(deps: InferenceDeps): Inference {
  async function answer(request: Request, asked: Asked, codec: AnswerCodec): Promise<Response> {
    const visit = deps.visits.of(request);
    if (visit === undefined) throw new AppError("invalid_api_key", "A key is required.");
    if (asked.request.stream && codec.stream !== undefined && !deps.streams) throw streamsOff();
    visit.takeYourTime();
    const { request: clamped, notice } = clampMaxTokens(asked.request, deps.maxTokens());
    const origin = {
      userAgent: request.headers.get("user-agent") ?? undefined,
      endpoint: visit.path,
      method: request.method,
      bytes: asked.bytes.byteLength,
      promptHash: deps.promptHash(asked.bytes),
    };
    const caller = callerOf(request, visit, origin);
    const turn = await deps.engine.admit(clamped, caller, request.signal);
    const meta = { id: turn.id, model: asked.request.model, created: deps.clock.now() };
    const headers: Record<string, string> = {
      "openai-processing-ms": String(Math.round(deps.clock.monotonic() - visit.startedAt)),
    };
    if (turn.sessionId !== undefined) headers["x-session-id"] = turn.sessionId;
    if (notice !== undefined) headers["x-mlp-notice"] = notice;
    if (turn.limits !== undefined) {
      Object.assign(headers, limitHeaders(turn.limits, codec.dialect, deps.clock.now()));
    }
    const before = deps.clock.monotonic() - visit.startedAt;
    if (asked.request.stream && codec.stream !== undefined) {
      deps.metrics.recordOverhead({ dialect: codec.dialect, stream: true, ms: before });
      headers["content-type"] = codec.streamType;
      headers["cache-control"] = "no-cache";
      return streamResponse({
        encoder: codec.stream(meta, visit.startedAt),
        run: (sink) => turn.run(sink),
        onDone: (end, bytes) => end.record && deps.onAnswered(end.record, bytes),
        headers,
        clock: deps.clock,
        heartbeatMs: deps.heartbeatMs,
      });
    }
    const end = await turn.run();
    let bytes = 0;
    try {
      if (end.outcome !== "done") {
        const failure = failureResponse(end.error, visit.path, { agentStarted: true });
        bytes = Number(failure.headers.get("content-length"));
        return failure;
      }
      if (end.result === undefined) throw new AppError("internal", "The answer was not kept.");
      const timing = {
        startedAt: visit.startedAt,
        finishedAt: deps.clock.monotonic(),
        ...(end.firstEventAt !== undefined && { firstEventAt: end.firstEventAt }),
      };
      headers["openai-processing-ms"] = String(Math.round(timing.finishedAt - timing.startedAt));
      headers["content-type"] = "application/json";
      const body = JSON.stringify(codec.whole(end.result, meta, timing));
      bytes = Buffer.byteLength(body);
      const ms = before + deps.clock.monotonic() - timing.finishedAt;
      deps.metrics.recordOverhead({ dialect: codec.dialect, stream: false, ms });
      return new Response(body, { headers });
    } finally {
      if (end.record !== undefined) deps.onAnswered(end.record, bytes);
    }
  }

  return { answer };
}

function streamsOff(): AppError {
  return new AppError(
    "unsupported",
    'Streams are switched off on this server (provider.enable_streaming). Ask with "stream": false.',
    { param: "stream" },
  );
}

function callerOf({ headers }: Request, visit: Visit, origin: RequestOrigin): Caller {
  const keyId = visit.key?.id ?? "";
  const pin = headers.get("x-mcp-session") ?? undefined;
  return {
    requestId: visit.requestId,
    keyId,
    peer: visit.peer,
    // Pinned to another session, the same body is another request.
    fingerprint: `${keyId} ${visit.path} ${pin ?? ""} ${origin.promptHash}`,
    idempotencyKey: headers.get("idempotency-key") ?? undefined,
    retryCount: Number(headers.get("x-stainless-retry-count") ?? 0) || 0,
    pin,
    origin,
    allowedModels: visit.key?.models ?? null,
    allowedSessions: visit.key?.sessions ?? null,
  };
}
