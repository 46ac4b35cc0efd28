// From a decoded request to an answer, whole or streamed: the same for every dialect.

import { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { Clock, Log } from "../core/ports.ts";
import type { AnswerMeta, StreamEncoder } from "../core/stream.ts";
import type { TurnRequest } from "../core/turn.ts";
import { clampMaxTokens } from "../engine/admission.ts";
import type { Buffers } from "../engine/buffers.ts";
import type { AdmittedTurn, Caller, Engine, QueuedTurn } from "../engine/engine.ts";
import type { RequestOrigin, TurnRecord } from "../engine/records.ts";
import type { TurnEnd } from "../engine/run-turn.ts";
import type { Refusal } from "./gate.ts";
import { limitHeaders } from "./limit-headers.ts";
import { runWhenAdmitted, waitsLonger } from "./queued-stream.ts";
import { recordAll } from "./several-turns.ts";
import { streamResponse } from "./stream.ts";
import { wholeResponse } from "./whole-answer.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Visit, Visits } from "./visit.ts";

/** A dialect's half of an answer. */
export interface AnswerCodec {
  readonly dialect: "openai" | "ollama" | "anthropic";
  readonly streamType: string;
  /** `undefined` for what is never streamed. `startedAt`: when the request arrived, in monotonic milliseconds. */
  readonly stream?: (meta: AnswerMeta, startedAt: number) => StreamEncoder;
  /** `before`: the results of the earlier turns of a request that has several. */
  readonly whole: (
    result: TurnResult,
    meta: AnswerMeta,
    timing: AnswerTiming,
    before: readonly TurnResult[],
  ) => object;
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
  readonly log: Pick<Log, "error">;
  readonly heartbeatMs: number;
  readonly metrics: Pick<Metrics, "recordOverhead">;
  /** An answer has been given, with a body of so many bytes; of several turns' the last has them. */
  readonly onAnswered: (record: TurnRecord, bytes: number) => void;
  /** A stream that had begun ends in a refusal: no agent was started for the turn that was to come. */
  readonly onLateRefusal: (refusal: Refusal) => void;
  /** A stream is over, however it ended. */
  readonly onStreamEnd: (visit: Visit, end: TurnEnd) => void;
  readonly buffers: Buffers;
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
  /** What is asked after it in the same request, each in a turn of its own. */
  readonly others?: readonly TurnRequest[];
  readonly bytes: Uint8Array;
  /** What a retry has in common with its first attempt, where that is not all of the bytes. */
  readonly identity?: Uint8Array;
}

export function createInference(deps: InferenceDeps): Inference {
  async function answer(request: Request, asked: Asked, codec: AnswerCodec): Promise<Response> {
    const visit = deps.visits.of(request);
    if (visit === undefined) throw new AppError("invalid_api_key", "A key is required.");
    const encoderFor = asked.request.stream ? codec.stream : undefined;
    if (encoderFor !== undefined && !deps.streams) throw streamsOff();
    visit.takeYourTime();
    const { request: clamped, notice } = clampMaxTokens(asked.request, deps.maxTokens());
    const origin = {
      userAgent: request.headers.get("user-agent") ?? undefined,
      endpoint: visit.path,
      method: request.method,
      bytes: asked.bytes.byteLength,
      promptHash: deps.promptHash(asked.bytes),
    };
    const caller = callerOf(request, visit, origin, identityOf(asked, origin));
    const queue: Queue = {};
    const onQueued = (place: QueuedTurn): void => {
      queue.place = place;
      queue.since = deps.clock.monotonic();
    };
    const { others } = asked;
    const admitting =
      others === undefined
        ? deps.engine.admit(clamped, caller, request.signal, onQueued)
        : deps.engine.admitList([clamped, ...clamp(others)], caller, request.signal, onQueued);
    const meta = { id: visit.requestId, model: asked.request.model, created: deps.clock.now() };
    const { place } = queue;
    if (encoderFor !== undefined && place !== undefined) {
      const early = { codec, encoderFor, meta, notice, admitting, place, since: queue.since };
      if (await waitsLonger(admitting, deps.clock)) return startEarly(request, visit, early);
    }
    const turn = await admitting;
    const headers = headersOf(turn, visit, { notice, dialect: codec.dialect });
    const before = deps.clock.monotonic() - visit.startedAt - turn.waitedMs;
    if (encoderFor !== undefined) {
      deps.metrics.recordOverhead({ dialect: codec.dialect, stream: true, ms: before });
      headers["content-type"] = codec.streamType;
      headers["cache-control"] = "no-cache";
      return streamResponse({
        encoder: encoderFor(meta, visit.startedAt),
        run: (sink) => turn.run(sink),
        onDone: (end, bytes) => streamed(end, bytes, request, visit),
        headers,
        clock: deps.clock,
        heartbeatMs: deps.heartbeatMs,
        buffers: deps.buffers,
      });
    }
    const end = await turn.run();
    const finishedAt = deps.clock.monotonic();
    const { firstEventAt } = end;
    const timing = {
      startedAt: visit.startedAt,
      finishedAt,
      ...(firstEventAt !== undefined && { firstEventAt }),
    };
    headers["openai-processing-ms"] = String(Math.round(finishedAt - visit.startedAt));
    headers["content-type"] = "application/json";
    const response = wholeResponse({
      end,
      path: visit.path,
      headers,
      encode: (result, earlier) => codec.whole(result, meta, timing, earlier),
      onAnswered: deps.onAnswered,
      onFault: (err) => deps.log.error({ requestId: visit.requestId, err }, "request failed"),
    });
    if (response.ok) {
      const ms = before + deps.clock.monotonic() - finishedAt;
      deps.metrics.recordOverhead({ dialect: codec.dialect, stream: false, ms });
    }
    return response;
  }

  function clamp(requests: readonly TurnRequest[]): TurnRequest[] {
    return requests.map((each) => clampMaxTokens(each, deps.maxTokens()).request);
  }

  function streamed(end: TurnEnd, bytes: number, request: Request, visit: Visit): void {
    deps.onStreamEnd(visit, end);
    recordAll(end, bytes, deps.onAnswered);
    if (end.outcome !== "done" && end.neverRan === true) {
      deps.onLateRefusal(lateRefusal(end.error, request, visit));
    }
  }

  function headersOf(
    turn: AdmittedTurn,
    visit: Visit,
    { notice, dialect }: { readonly notice: string | undefined } & Pick<AnswerCodec, "dialect">,
  ): Record<string, string> {
    const headers: Record<string, string> = {
      "openai-processing-ms": String(Math.round(deps.clock.monotonic() - visit.startedAt)),
    };
    if (turn.sessionId !== undefined) headers["x-session-id"] = turn.sessionId;
    if (notice !== undefined) headers["x-mlp-notice"] = notice;
    if (turn.limits !== undefined) {
      Object.assign(headers, limitHeaders(turn.limits, dialect, deps.clock.now()));
    }
    return headers;
  }

  function identityOf({ identity }: Asked, { promptHash }: RequestOrigin): string {
    return identity === undefined ? promptHash : deps.promptHash(identity);
  }

  /** Without a session yet: `x-mlp-queued` says instead that the answer waits for one. */
  function startEarly(request: Request, visit: Visit, early: EarlyAnswer): Response {
    const { encoderFor, meta, notice, admitting, place, since = visit.startedAt } = early;
    const { clock } = deps;
    const { dialect, streamType } = early.codec;
    const encoder = encoderFor(meta, visit.startedAt);
    deps.metrics.recordOverhead({ dialect, stream: true, ms: since - visit.startedAt });
    const heartbeat = (): string => encoder.heartbeat();
    return streamResponse({
      encoder,
      run: (sink, say) =>
        runWhenAdmitted({ place, admitting, clock, streamType, heartbeat }, sink, say),
      onDone: (end, bytes) => streamed(end, bytes, request, visit),
      headers: {
        "content-type": streamType,
        "cache-control": "no-cache",
        "x-mlp-queued": String(place.standing()?.position ?? 0),
        ...(notice !== undefined && { "x-mlp-notice": notice }),
        ...limitHeaders(place.limits, dialect, clock.now()),
      },
      clock,
      heartbeatMs: deps.heartbeatMs,
      buffers: deps.buffers,
    });
  }

  return { answer };
}

/** What is known of the queue once `admit` has returned. */
interface Queue {
  place?: QueuedTurn;
  since?: number;
}

interface EarlyAnswer {
  readonly codec: AnswerCodec;
  readonly encoderFor: NonNullable<AnswerCodec["stream"]>;
  readonly meta: AnswerMeta;
  readonly notice: string | undefined;
  readonly admitting: Promise<AdmittedTurn>;
  readonly place: QueuedTurn;
  /** When it began to wait, in monotonic milliseconds. */
  readonly since: number | undefined;
}

function lateRefusal(error: AppError, request: Request, visit: Visit): Refusal {
  return {
    error,
    requestId: visit.requestId,
    keyId: visit.key?.id,
    peer: visit.peer,
    userAgent: request.headers.get("user-agent") ?? undefined,
    method: request.method,
    path: visit.path,
  };
}

function streamsOff(): AppError {
  return new AppError(
    "unsupported",
    'Streams are switched off on this server (provider.enable_streaming). Ask with "stream": false.',
    { param: "stream" },
  );
}

function callerOf(
  { headers }: Request,
  visit: Visit,
  origin: RequestOrigin,
  identity: string,
): Caller {
  const keyId = visit.key?.id ?? "";
  // An empty header is a setting that was left empty.
  const pin = headers.get("x-mcp-session")?.trim() || undefined;
  return {
    requestId: visit.requestId,
    keyId,
    peer: visit.peer,
    // Pinned to another session, the same body is another request.
    fingerprint: `${keyId} ${visit.path} ${pin ?? ""} ${identity}`,
    idempotencyKey: headers.get("idempotency-key") ?? undefined,
    retryCount: Number(headers.get("x-stainless-retry-count") ?? 0) || 0,
    pin,
    origin,
    allowedModels: visit.key?.models ?? null,
    allowedSessions: visit.key?.sessions ?? null,
  };
}
