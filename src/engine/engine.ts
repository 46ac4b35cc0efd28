// What happens to a request between a dialect and an agent: recognised retries, limits, the choice of a
// session, the turn itself, and the record of its one end. Knows no dialect and no transport.

import { AppError, toAppError } from "../core/error.ts";
import type { Clock, Random, RateLimiter, SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { TurnRequest } from "../core/turn.ts";
import { createAdmission } from "./admit.ts";
import type { AdmittedTurn, Caller, QueuedTurn } from "./admit.ts";
import type { Buffers } from "./buffers.ts";
import type { Catalog } from "./catalog.ts";
import { createOpenTurns } from "./open-turns.ts";
import type { ListedTurn, OpenTurnLimits } from "./open-turns.ts";
import { createListJudge } from "./judge-list.ts";
import { createParkedTurns } from "./parked.ts";
import { refuseBadRules } from "./answer-rules.ts";
import { createRateGate } from "./rate-gate.ts";
import type { Rates } from "./rate-gate.ts";
import type { AdmissionRecord, RepeatRecord, TurnRecord } from "./records.ts";
import { failedEnd, orGone, replay, wasAbandoned } from "./repeats.ts";
import { createRetryGuard } from "./retries.ts";
import type { Memory } from "./retries.ts";
import type { TurnLimits } from "./run-turn.ts";
import { createTurnLists } from "./turn-list.ts";
import type { AdmitList } from "./turn-list.ts";
import { createTurnRunner } from "./turn-runner.ts";

export type { AdmittedTurn, Caller, QueuedTurn } from "./admit.ts";

export interface Engine {
  /**
   * Waits for room where there is none; `onQueued` is called before it returns, then.
   * @throws AppError everything that is known before an agent starts
   */
  admit(
    request: TurnRequest,
    caller: Caller,
    signal: AbortSignal,
    onQueued?: (place: QueuedTurn) => void,
  ): Promise<AdmittedTurn>;
  /** Several requests of one caller, one after the other: the first as by `admit`, which throws as that does. */
  readonly admitList: AdmitList;
  /** Those that run, then those that wait. */
  openTurns(): readonly ListedTurn[];
  load(): { readonly running: number; readonly waiting: number };
  /** Ends an open turn for an operator, be it running or waiting. `false`: there is none of that id. */
  cancel(turnId: string): boolean;
  /** Admits nothing more, refuses what waits; resolves when no turn is open. */
  drain(): Promise<void>;
  /** Ends what is still open, as `shutdown`. */
  abort(): void;
}

export interface EngineDeps {
  readonly sessions: SessionDirectory;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: TurnLimits & OpenTurnLimits;
  readonly limiter: RateLimiter;
  readonly buffers: Buffers;
  /** Read at every request, so that a changed configuration holds from the next one on. */
  readonly rates: () => Rates;
  /** Nothing is forwarded that this refuses. @throws AppError audit_unavailable */
  readonly onAdmit: (record: AdmissionRecord) => Promise<void>;
  /** Nothing is repeated that this refuses. @throws AppError audit_unavailable */
  readonly onRepeat: (record: RepeatRecord) => void;
  readonly onEnd: (record: TurnRecord) => void;
}

interface Asked {
  readonly request: TurnRequest;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

const REPEAT_MS = 60_000;
const FAILURE_MS = 8_000;
const REMEMBERED_TURNS = 256;
const REMEMBERED_BYTES = 64 * 1024 * 1024;
const PARKED_TURNS = 1_000;

export function createEngine(deps: EngineDeps): Engine {
  const { sessions, clock, random, limits, onEnd } = deps;
  const retries = createRetryGuard({
    clock,
    repeatMs: REPEAT_MS,
    failureMs: FAILURE_MS,
    maxTurns: REMEMBERED_TURNS,
    maxBytes: REMEMBERED_BYTES,
  });
  const parked = createParkedTurns(PARKED_TURNS, (sessionId) =>
    sessions.list().some((session) => session.sessionId === sessionId && isUsable(session)),
  );
  const openTurns = createOpenTurns(limits, clock);
  const rates = createRateGate(deps.limiter, deps.rates, clock);
  const run = createTurnRunner({ clock, random, limits, openTurns, parked, retries, onEnd });
  const admitNew = createAdmission({ ...deps, openTurns, parked, rates, run });
  let draining = false;

  sessions.subscribe(({ session }) => {
    if (!isUsable(session)) parked.forgetSession(session.sessionId);
    openTurns.sessionChanged(session);
  });

  async function admit(
    request: TurnRequest,
    caller: Caller,
    signal: AbortSignal,
    onQueued?: (place: QueuedTurn) => void,
  ): Promise<AdmittedTurn> {
    if (draining) throw shutdown();
    refuseBadRules(request);
    const known = retries.find(caller);
    if (known !== undefined) return repeated(known, { request, caller, signal });
    const memory = retries.remember(caller);
    try {
      return await admitNew(request, caller, { memory, signal, onQueued });
    } catch (error) {
      // Whatever it was: a turn that is never over would be waited for by its retries.
      retries.end(memory, { error: toAppError(error) });
      throw error;
    }
  }

  function repeated(known: Memory, asked: Asked): AdmittedTurn {
    const { requestId, keyId, peer, origin } = asked.caller;
    const { model } = asked.request;
    deps.onRepeat({ requestId, repeats: known.attempt.requestId, keyId, peer, model, origin });
    return {
      id: requestId,
      sessionId: undefined,
      limits: undefined,
      waitedMs: 0,
      run: async (sink) => {
        const { signal } = asked;
        try {
          const ending = await orGone(retries.whenEnded(known), signal);
          if (!wasAbandoned(known, ending)) return await replay(known, ending, { sink, signal });
          const turn = await admit(asked.request, asked.caller, signal);
          return await turn.run(sink);
        } catch (error) {
          return failedEnd(error, !known.started);
        }
      },
    };
  }

  return {
    admit,
    admitList: createTurnLists({
      admit,
      judge: createListJudge(deps),
      retries,
      buffers: deps.buffers,
    }),
    openTurns: () => openTurns.list(),
    load: () => ({ running: openTurns.running, waiting: openTurns.waiting }),
    cancel: (turnId) => {
      const stop = openTurns.stopOf(turnId);
      stop?.stop(new AppError("client_cancelled", "The turn was cancelled."));
      return stop !== undefined;
    },
    drain: () => {
      draining = true;
      openTurns.refuseWaiting(shutdown);
      return openTurns.idle();
    },
    abort: () => {
      draining = true;
      openTurns.refuseWaiting(shutdown);
      openTurns.stopRunning(shutdown);
    },
  };
}

function isUsable({ status, connected }: Session): boolean {
  return status === "active" && connected;
}

function shutdown(): AppError {
  return new AppError("shutdown", "The provider is shutting down.", { retryAfterMs: 1_000 });
}
