// A new request on its way to an agent: session, limits, memory, room, lease, record, in this order; all of it is given
// back where a step fails. Knows no retries and no transport.

import { AppError } from "../core/error.ts";
import type {
  Clock,
  Lease,
  Random,
  RateState,
  Reservation,
  SessionDirectory,
} from "../core/ports.ts";
import type { Turn, TurnRequest } from "../core/turn.ts";
import type { Buffers, Hold } from "./buffers.ts";
import type { Catalog } from "./catalog.ts";
import { chooseSession, fitToModel, scopesFor } from "./choose-session.ts";
import type { Choice, Wanted } from "./choose-session.ts";
import type { OpenTurn, OpenTurns, QueueStanding } from "./open-turns.ts";
import type { ParkedTurns } from "./parked.ts";
import type { RateGate } from "./rate-gate.ts";
import type { AdmissionRecord, RequestOrigin } from "./records.ts";
import type { Attempt, Memory } from "./retries.ts";
import type { Sink, TurnEnd, TurnLimits } from "./run-turn.ts";
import type { RunJob } from "./turn-runner.ts";
import { createTurnStop } from "./turn-stop.ts";
import type { TurnStop } from "./turn-stop.ts";

/**
 * Who asks, as the guard found out. `requestId` becomes the turn's id, so that one name follows a request from the
 * client to the agent.
 */
export interface Caller extends Attempt {
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
  /** How long it waited for room, in milliseconds. */
  readonly waitedMs: number;
  run(sink?: Sink): Promise<TurnEnd>;
}

/** A request that waits for room. */
export interface QueuedTurn {
  readonly limits: RateState;
  /** `undefined` once it waits no longer. */
  standing(): QueueStanding | undefined;
}

/** A request that is no repetition. */
interface NewAttempt {
  readonly memory: Memory;
  readonly signal: AbortSignal;
  readonly onQueued: ((place: QueuedTurn) => void) | undefined;
}

export interface AdmissionDeps {
  readonly sessions: SessionDirectory;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: TurnLimits;
  readonly buffers: Buffers;
  readonly openTurns: OpenTurns;
  readonly parked: ParkedTurns;
  readonly rates: RateGate;
  readonly run: RunJob;
  /** Nothing is forwarded that this refuses. @throws AppError audit_unavailable */
  readonly onAdmit: (record: AdmissionRecord) => Promise<void>;
}

/** @throws AppError why no agent starts */
export type Admit = (
  request: TurnRequest,
  caller: Caller,
  attempt: NewAttempt,
) => Promise<AdmittedTurn>;

/** What a request has got on its way, to be given back if it gets no further. */
interface Taken {
  reservation: Reservation | undefined;
  held: Hold | undefined;
  open: OpenTurn | undefined;
}

export function createAdmission(deps: AdmissionDeps): Admit {
  const { sessions, catalog, clock, random, limits, openTurns, parked, rates } = deps;

  async function admit(
    request: TurnRequest,
    caller: Caller,
    attempt: NewAttempt,
  ): Promise<AdmittedTurn> {
    const claimed = request.kind === "chat" ? parked.claim(request, caller) : undefined;
    const stop = createTurnStop();
    const taken: Taken = { reservation: undefined, held: undefined, open: undefined };
    try {
      const wanted: Wanted = {
        target: catalog.resolve(request.model),
        name: request.model,
        pin: claimed?.turn.sessionId ?? caller.pin,
        allowedModels: caller.allowedModels,
        allowedSessions: caller.allowedSessions,
      };
      let fitted = reserve(request, caller, { choice: choose(wanted), taken });
      taken.held = deps.buffers.open(caller.origin.bytes);
      follow(attempt.signal, stop);
      let open: OpenTurn = {
        turnId: caller.requestId,
        sessionId: fitted.sessionId,
        keyId: caller.keyId,
        model: request.model,
        startedAt: clock.now(),
        stop,
        held: taken.held,
      };
      let waitedMs = 0;
      if (openTurns.enter(open)) taken.open = open;
      else {
        const since = clock.monotonic();
        open = await queued(open, wanted, { limits: fitted.limits, attempt });
        taken.open = open;
        waitedMs = clock.monotonic() - since;
        if (stop.reason !== undefined) throw stop.reason;
        if (open.sessionId !== fitted.sessionId) {
          const choice = choose({ ...wanted, pin: open.sessionId });
          fitted = reserve(request, caller, { choice, taken });
        }
      }
      const { sessionId, reservation } = fitted;
      const lease = await sessions.acquire(sessionId, {
        scopes: scopesFor(request),
        onEnd: (error) => stop.stop(error),
      });
      const record = recordOf(lease, request, caller);
      await writeDown(record, lease);
      const turn = (id: string, asked: Turn["request"]): Turn => ({
        id,
        sessionId,
        ...(caller.keyId !== "" && { owner: caller.keyId }),
        deadlineMs: limits.turnMs,
        scopes: lease.session.scopes,
        request: asked,
      });
      const first = turn(open.turnId, claimed?.resume ?? fitted.request);
      const fallback = claimed && turn(random.id("turn_"), fitted.request);
      const { memory } = attempt;
      const parkAgain = claimed && ((): void => parked.park(claimed.turn));
      const held = { open, lease, memory, reservation, record };
      const job = { ...held, turn: first, fallback, parkAgain };
      return {
        id: open.turnId,
        sessionId,
        limits: reservation.state,
        waitedMs,
        run: (sink) => deps.run(job, sink),
      };
    } catch (error) {
      taken.reservation?.refund();
      if (claimed !== undefined) parked.park(claimed.turn);
      stop.settle();
      taken.held?.release();
      if (taken.open !== undefined) openTurns.leave(taken.open);
      throw error;
    }
  }

  function choose(wanted: Wanted): Choice {
    return chooseSession(wanted, sessions.list());
  }

  /** Counted at the session that is to answer: where it is another one by now, no longer at the first. */
  function reserve(
    request: TurnRequest,
    caller: Caller,
    { choice, taken }: { readonly choice: Choice; readonly taken: Taken },
  ) {
    const fitted = fitToModel(request, choice.model);
    const { sessionId } = choice.session;
    taken.reservation?.refund();
    const reservation = rates.reserve({ ...caller, sessionId }, fitted);
    taken.reservation = reservation;
    return { request: fitted, sessionId, reservation, limits: reservation.state };
  }

  /** @throws AppError why it gets no room */
  function queued(
    open: OpenTurn,
    wanted: Wanted,
    { limits: state, attempt }: { readonly limits: RateState; readonly attempt: NewAttempt },
  ): Promise<OpenTurn> {
    const place = openTurns.wait(open, () => choose(wanted).session.sessionId);
    attempt.onQueued?.({ limits: state, standing: () => place.standing() });
    return place.room;
  }

  async function writeDown(record: AdmissionRecord, lease: Lease): Promise<void> {
    try {
      await deps.onAdmit(record);
    } catch (error) {
      lease.refund();
      throw error;
    }
  }

  return admit;
}

function recordOf({ session }: Lease, request: TurnRequest, caller: Caller): AdmissionRecord {
  return {
    turnId: caller.requestId,
    sessionId: session.sessionId,
    agentId: session.agentId,
    connector: session.connector,
    keyId: caller.keyId,
    peer: caller.peer,
    model: request.model,
    origin: caller.origin,
  };
}

/** The client's hanging up ends the turn. Nothing is taken off again: the signal goes with its request. */
function follow(signal: AbortSignal, stop: TurnStop): void {
  const hangUp = (): void => stop.stop(new AppError("client_cancelled", "The client hung up."));
  if (signal.aborted) hangUp();
  else signal.addEventListener("abort", hangUp);
}
