// An admitted turn from its start to everything that follows from its end: room, limits, parking, retries, the record.

import type { Clock, Lease, Random, Reservation } from "../core/ports.ts";
import type { Turn } from "../core/turn.ts";
import type { OpenTurn, OpenTurns } from "./open-turns.ts";
import type { ParkedTurns } from "./parked.ts";
import { settleRates } from "./rate-gate.ts";
import type { AdmissionRecord, TurnRecord } from "./records.ts";
import type { Memory, RetryGuard } from "./retries.ts";
import { runTurn } from "./run-turn.ts";
import type { Sink, TurnEnd, TurnLimits } from "./run-turn.ts";

/** All that an admitted turn holds, to be given back at its end. */
export interface Job {
  readonly open: OpenTurn;
  readonly lease: Lease;
  readonly turn: Turn;
  readonly fallback: Turn | undefined;
  readonly memory: Memory;
  readonly reservation: Reservation;
  readonly record: AdmissionRecord;
  /** Of a turn that goes on with a parked one: lets that wait again, since its agent has not heard of this one. */
  readonly parkAgain: (() => void) | undefined;
}

export interface TurnRunnerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: TurnLimits;
  readonly openTurns: OpenTurns;
  readonly parked: ParkedTurns;
  readonly retries: RetryGuard;
  readonly onEnd: (record: TurnRecord) => void;
}

/** Never rejects. */
export type RunJob = (job: Job, sink: Sink | undefined) => Promise<TurnEnd>;

export function createTurnRunner(deps: TurnRunnerDeps): RunJob {
  const { clock, random, limits, openTurns, parked, retries } = deps;

  async function run(job: Job, sink: Sink | undefined): Promise<TurnEnd> {
    const startedAt = clock.monotonic();
    job.memory.started = true;
    // An agent that is asked for what has ended already does nothing.
    const isOver = job.open.stop.reason !== undefined;
    const end = await runTurn(
      {
        turn: job.turn,
        fallback: job.fallback,
        lease: job.lease,
        stop: job.open.stop,
        held: job.open.held,
        clock,
        random,
        limits,
      },
      sink,
    );
    job.open.held.release();
    openTurns.leave(job.open);
    settleRates(job.reservation, job.turn.request, end);
    if (end.outcome === "done") park(end, job.open);
    else if (isOver || wasRefused(end)) job.parkAgain?.();
    const ending = end.outcome === "done" ? { result: end.result } : { error: end.error };
    retries.end(job.memory, ending);
    const record: TurnRecord = {
      ...job.record,
      kind: job.turn.request.kind,
      stream: sink !== undefined,
      startedAt: job.open.startedAt,
      outcome: end.outcome,
      errorCode: end.outcome === "done" ? undefined : end.error.code,
      durationMs: clock.monotonic() - startedAt,
      firstEventMs: end.firstEventAt === undefined ? undefined : end.firstEventAt - startedAt,
      usage: end.usage,
    };
    deps.onEnd(record);
    return { ...end, record };
  }

  function park(end: Extract<TurnEnd, { outcome: "done" }>, open: OpenTurn): void {
    if (end.result?.finish.parked !== true) return;
    parked.park({
      turnId: end.ranAs ?? open.turnId,
      sessionId: open.sessionId,
      keyId: open.keyId,
      callIds: end.result.toolCalls.map((call) => call.id),
      abandon: (reason) => open.stop.abandon(reason),
    });
  }

  return run;
}

function wasRefused({ outcome, firstEventAt }: TurnEnd): boolean {
  return outcome === "refused" && firstEventAt === undefined;
}
