// What happens to a request between a dialect and an agent: recognised retries, limits, the choice of a
// session, the turn itself, and the record of its one end. Knows no dialect and no transport.

import { AppError } from "../core/error.ts";
import type {
  Clock,
  Lease,
  Random,
  RateLimiter,
  RateState,
  Reservation,
  SessionDirectory,
} from "../core/ports.ts";
import type { Turn, TurnRequest } from "../core/turn.ts";
import { createRateGate } from "./rate-gate.ts";
import type { Rates } from "./rate-gate.ts";
import type { Catalog } from "./catalog.ts";
import { chooseSession, fitToModel, scopesFor } from "./choose-session.ts";
import { createOpenTurns } from "./open-turns.ts";
import type { OpenTurn, OpenTurnLimits } from "./open-turns.ts";
import { createParkedTurns } from "./parked.ts";
import { createRetryGuard, repeatOf } from "./retries.ts";
import type { Attempt, Ending, Memory } from "./retries.ts";
import type { AdmissionRecord, RequestOrigin, TurnRecord } from "./records.ts";
import type { Sink, TurnEnd, TurnLimits } from "./run-turn.ts";
import { createTurnRunner } from "./turn-runner.ts";
import { createTurnStop } from "./turn-stop.ts";
import type { TurnStop } from "./turn-stop.ts";
import { eventsOf } from "./whole.ts";

/** Who asks, as the guard found out. */
export interface Caller extends Attempt {
  /** Unguessable; becomes the turn's id, so that one name follows a request from the client to the agent. */
  readonly requestId: string;
  /** The address that the request came from: what limits count for where there is no key. */
  readonly peer: string;
  /** For the record of what was asked. */
  readonly origin: RequestOrigin;
  /** The session that the client insists on. */
  readonly pin: string | undefined;
  /** What the key is limited to; `null`: all. */
  readonly allowedModels: readonly string[] | null;
  readonly allowedSessions: readonly string[] | null;
}

/** A request that may run. `run` never rejects, and is called once. */
export interface AdmittedTurn {
  readonly id: string;
  /** `undefined` where an earlier turn's outcome is repeated. */
  readonly sessionId: string | undefined;
  /** Where the caller stands with its limits; `undefined` where nothing was counted. */
  readonly limits: RateState | undefined;
  run(sink?: Sink): Promise<TurnEnd>;
}

export interface Engine {
  /** @throws AppError everything that is known before an agent starts */
  admit(request: TurnRequest, caller: Caller, signal: AbortSignal): Promise<AdmittedTurn>;
  openTurns(): readonly Omit<OpenTurn, "stop">[];
  /** Ends an open turn for an operator. `false`: there is none of that id. */
  cancel(turnId: string): boolean;
  /** Admits nothing more; resolves when no turn is open. */
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
  /** Read at every request, so that a changed configuration holds from the next one on. */
  readonly rates: () => Rates;
  /** Nothing is forwarded that this refuses. @throws AppError audit_unavailable */
  readonly onAdmit: (record: AdmissionRecord) => void;
  readonly onEnd: (record: TurnRecord) => void;
}

const REPEAT_MS = 60_000;
const FAILURE_MS = 8_000;
const REMEMBERED_TURNS = 256;
const PARKED_TURNS = 1_000;

export function createEngine(deps: EngineDeps): Engine {
  const { sessions, catalog, clock, random, limits } = deps;
  const retries = createRetryGuard({
    clock,
    repeatMs: REPEAT_MS,
    failureMs: FAILURE_MS,
    maxTurns: REMEMBERED_TURNS,
  });
  const parked = createParkedTurns(PARKED_TURNS);
  const openTurns = createOpenTurns(limits);
  const rates = createRateGate(deps.limiter, deps.rates);
  const { onEnd } = deps;
  const run = createTurnRunner({ clock, limits, openTurns, parked, retries, onEnd });
  let draining = false;

  sessions.subscribe(({ session }) => {
    if (session.status !== "active" || !session.connected) parked.forgetSession(session.sessionId);
  });

  async function admit(
    request: TurnRequest,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<AdmittedTurn> {
    if (draining) throw shutdown();
    const known = retries.find(caller);
    if (known !== undefined)
      return {
        id: caller.requestId,
        sessionId: undefined,
        limits: undefined,
        run: (sink) => repeat(retries.whenEnded(known), sink),
      };
    const memory = retries.remember(caller);
    try {
      return await admitNew(request, caller, { memory, signal });
    } catch (error) {
      if (error instanceof AppError) retries.end(memory, { error });
      throw error;
    }
  }

  async function admitNew(
    request: TurnRequest,
    caller: Caller,
    attempt: { readonly memory: Memory; readonly signal: AbortSignal },
  ): Promise<AdmittedTurn> {
    const claimed = request.kind === "chat" ? parked.claim(request, caller.keyId) : undefined;
    const { session, model } = chooseSession(
      {
        target: catalog.resolve(request.model),
        name: request.model,
        pin: claimed?.turn.sessionId ?? caller.pin,
        allowedModels: caller.allowedModels,
        allowedSessions: caller.allowedSessions,
      },
      sessions.list(),
    );
    const fitted = fitToModel(request, model);
    const open: OpenTurn = {
      turnId: caller.requestId,
      sessionId: session.sessionId,
      keyId: caller.keyId,
      model: request.model,
      startedAt: clock.now(),
      stop: createTurnStop(),
    };
    openTurns.enter(open);
    follow(attempt.signal, open.stop);
    let reservation: Reservation | undefined;
    try {
      const { sessionId } = session;
      reservation = rates.reserve({ ...caller, sessionId }, fitted);
      const lease = await sessions.acquire(session.sessionId, {
        scopes: scopesFor(request),
        onEnd: (error) => open.stop.stop(error),
      });
      const record: AdmissionRecord = {
        turnId: open.turnId,
        sessionId,
        agentId: lease.session.agentId,
        connector: lease.session.connector,
        keyId: caller.keyId,
        peer: caller.peer,
        model: request.model,
        origin: caller.origin,
      };
      writeDown(record, lease);
      const turn = (id: string, asked: Turn["request"]): Turn => ({
        id,
        sessionId: session.sessionId,
        deadlineMs: limits.turnMs,
        scopes: lease.session.scopes,
        request: asked,
      });
      const first = turn(open.turnId, claimed?.resume ?? fitted);
      const fallback = claimed && turn(random.id("turn_"), fitted);
      const job = {
        open,
        lease,
        turn: first,
        fallback,
        memory: attempt.memory,
        reservation,
        record,
      };
      return {
        id: open.turnId,
        sessionId: session.sessionId,
        limits: reservation.state,
        run: (sink) => run(job, sink),
      };
    } catch (error) {
      reservation?.refund();
      if (claimed !== undefined) parked.park(claimed.turn);
      open.stop.settle();
      openTurns.leave(open);
      throw error;
    }
  }

  function writeDown(record: AdmissionRecord, lease: Lease): void {
    try {
      deps.onAdmit(record);
    } catch (error) {
      lease.settle(undefined);
      throw error;
    }
  }

  return {
    admit,
    openTurns: () => openTurns.list().map(({ stop: _stop, ...turn }) => turn),
    cancel: (turnId) => {
      const open = openTurns.get(turnId);
      open?.stop.stop(new AppError("client_cancelled", "The turn was cancelled."));
      return open !== undefined;
    },
    drain: () => {
      draining = true;
      return openTurns.idle();
    },
    abort: () => {
      draining = true;
      for (const open of openTurns.list()) open.stop.stop(shutdown());
    },
  };
}

/** Nothing of a repeated answer was measured. */
const UNSEEN = { firstEventAt: undefined, answered: 0 } as const;

/** A repeated outcome: the joined turn's end, replayed. */
async function repeat(ended: Promise<Ending>, sink: Sink | undefined): Promise<TurnEnd> {
  try {
    const result = repeatOf(await ended);
    if (sink !== undefined) for (const event of eventsOf(result)) await sink(event);
    return { outcome: "done", result, usage: result.finish.usage, ...UNSEEN };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { outcome: error.kind.outcome, error, usage: undefined, ...UNSEEN };
  }
}

/** The client's hanging up ends the turn. Nothing is taken off again: the signal goes with its request. */
function follow(signal: AbortSignal, stop: TurnStop): void {
  const hangUp = (): void => stop.stop(new AppError("client_cancelled", "The client hung up."));
  if (signal.aborted) hangUp();
  else signal.addEventListener("abort", hangUp);
}

function shutdown(): AppError {
  return new AppError("shutdown", "The provider is shutting down.", { retryAfterMs: 1_000 });
}
