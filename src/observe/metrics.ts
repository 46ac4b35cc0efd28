// What is counted and measured of requests, turns, sessions, links and the process: for Prometheus, for the guides' JSON
// document, and for deep health. Takes plain data and knows neither HTTP nor the engine.

import type { Clock } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { createExposition } from "./exposition.ts";
import { createLastMinute } from "./last-minute.ts";
import type {
  GuideMetrics,
  MetricSources,
  OverheadFigures,
  RequestFigures,
  StreamFigures,
  SystemFigures,
  TurnFigures,
} from "./metric-figures.ts";
import { gatherMetrics } from "./metric-gather.ts";
import { createProcessFigures } from "./process-figures.ts";
import type { ProcessFigures } from "./process-figures.ts";
import { createSessionChanges } from "./session-changes.ts";
import { observe } from "./tally.ts";
import { createTallies } from "./tallies.ts";

export interface MetricsDeps {
  readonly clock: Clock;
  readonly version: string;
  readonly sources: MetricSources;
  /** When the process began, in milliseconds since the epoch: sessions made before it are none of its own. */
  readonly startedAt?: number;
  readonly process?: ProcessFigures;
}

export interface Metrics {
  /** Each is ended by one `recordRequest`. */
  requestStarted(): void;
  recordRequest(figures: RequestFigures): void;
  /** Once for each that was recorded as streamed, be it before that or after. */
  recordStreamEnd(figures: StreamFigures): void;
  /** A request that no agent was started for. `code` is an `ErrorCode`; `keyId` is "" where no key is known. */
  recordRefusal(code: string, keyId: string): void;
  recordTurn(figures: TurnFigures): void;
  recordOverhead(figures: OverheadFigures): void;
  /** Every change that a session directory tells of. */
  recordSession(session: Pick<Session, "sessionId" | "status" | "createdAt">): void;
  text(): Promise<string>;
  json(): GuideMetrics;
  system(): SystemFigures;
}

const SECOND_MS = 1_000;
const MEGABYTE = 1e6;
const RATE_LIMITED = 429;
/** What the client hung up on is neither well nor badly answered. */
const HUNG_UP = 499;

export function createMetrics(deps: MetricsDeps): Metrics {
  const { clock, sources } = deps;
  const tallies = createTallies();
  const exposition = createExposition();
  const figures = deps.process ?? createProcessFigures(clock);
  const sessionChange = createSessionChanges(deps.startedAt ?? clock.now());
  const minute = {
    requests: createLastMinute(clock),
    created: createLastMinute(clock),
    expired: createLastMinute(clock),
  };
  const totals = { requests: 0, successful: 0, failed: 0, rateLimited: 0, ms: 0, inFlight: 0 };
  const sessionTotals = { created: 0, expired: 0 };

  function ended(failed: boolean, ms: number): void {
    if (failed) totals.failed += 1;
    else totals.successful += 1;
    totals.ms += ms;
    minute.requests.add({ failed, ms });
  }

  function recordRequest(request: RequestFigures): void {
    const { status, durationMs } = request;
    totals.inFlight -= 1;
    tallies.request(request.route, request.method, status).value += 1;
    if (!request.inference) return;
    totals.requests += 1;
    if (status === RATE_LIMITED) totals.rateLimited += 1;
    if (!request.streamed && status !== HUNG_UP) ended(status >= 400, durationMs);
  }

  function recordStreamEnd({ outcome, errorCode, durationMs }: StreamFigures): void {
    if (errorCode === "rate_limited") totals.rateLimited += 1;
    if (outcome !== "client_cancelled") ended(outcome !== "done", durationMs);
  }

  function recordTurn(turn: TurnFigures): void {
    const { outcome, durationMs, firstEventMs, usage } = turn;
    const series = tallies.turn(turn, outcome);
    series.turns.value += 1;
    tallies.keyTurns(turn.keyId, outcome).value += 1;
    observe(series.duration, durationMs / SECOND_MS);
    if (outcome === "done" && firstEventMs !== undefined) {
      observe(series.firstToken(), firstEventMs / SECOND_MS);
    }
    if (usage !== undefined && usage.estimated === true) {
      const { input, output } = series.estimated();
      input.value += usage.promptTokens;
      output.value += usage.completionTokens;
    } else if (usage !== undefined) {
      const { input, output } = series.reported();
      observe(input, usage.promptTokens);
      observe(output, usage.completionTokens);
    }
  }

  function recordSession(session: Pick<Session, "sessionId" | "status" | "createdAt">): void {
    const event = sessionChange(session);
    if (event === undefined) return;
    if (event.type === "created") {
      sessionTotals.created += 1;
      minute.created.add({ failed: false, ms: 0 });
      return;
    }
    tallies.sessionsEnded(event.status).value += 1;
    if (event.status !== "expired") return;
    sessionTotals.expired += 1;
    minute.expired.add({ failed: false, ms: 0 });
  }

  const activeSessions = (): number =>
    sources.sessions().filter(({ status }) => status === "active").length;
  const memory = (): number => figures.residentBytes() / MEGABYTE;

  function json(): GuideMetrics {
    const link = sources.link();
    const answered = totals.successful + totals.failed;
    return {
      sessions: {
        active: activeSessions(),
        total_created: sessionTotals.created,
        total_expired: sessionTotals.expired,
      },
      requests: {
        total: totals.requests,
        successful: totals.successful,
        failed: totals.failed,
        rate_limited: totals.rateLimited,
      },
      performance: {
        avg_response_time_ms: answered === 0 ? 0 : totals.ms / answered,
        memory_usage_mb: memory(),
      },
      mcp: {
        connection_status: link.status,
        messages_sent: link.messagesSent,
        messages_received: link.messagesReceived,
      },
    };
  }

  function system(): SystemFigures {
    const requests = minute.requests.look();
    return {
      total_requests: totals.requests,
      requests_per_second: requests.perSecond,
      average_latency_ms: requests.averageMs,
      error_rate: requests.failedShare,
      active_sessions: activeSessions(),
      session_creation_rate: minute.created.look().perSecond,
      session_expiry_rate: minute.expired.look().perSecond,
      cpu_usage_percent: figures.cpuPercent(),
      memory_usage_mb: memory(),
      connection_pool_size: sources.link().links,
      queue_depth: sources.turnsWaiting(),
    };
  }

  return {
    requestStarted: () => {
      totals.inFlight += 1;
    },
    recordRequest,
    recordStreamEnd,
    recordRefusal: (code, keyId) => {
      tallies.refused(code, keyId).value += 1;
    },
    recordTurn,
    recordOverhead: ({ dialect, stream, ms }) =>
      observe(tallies.overhead(dialect, stream), ms / SECOND_MS),
    recordSession,
    text: () =>
      exposition.text(
        gatherMetrics({
          tallies,
          sources,
          version: deps.version,
          requestsInFlight: totals.inFlight,
          sessionsCreated: sessionTotals.created,
          process: figures,
        }),
      ),
    json,
    system,
  };
}
