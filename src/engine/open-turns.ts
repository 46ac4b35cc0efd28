// The turns that are open now, running or waiting for room: who has how many, how long it takes, and the ways they are
// ended from outside.

import { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { Hold } from "./buffers.ts";
import { createFairQueue } from "./fair-queue.ts";
import type { Entrant, RoomLimits } from "./fair-queue.ts";
import { refusalOf } from "./session-machine.ts";
import { createTurnTimes, estimateWait } from "./turn-times.ts";
import type { TurnStop } from "./turn-stop.ts";

export interface OpenTurn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly model: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly stop: TurnStop;
  /** The memory that it takes. */
  readonly held: Hold;
}

export interface OpenTurnLimits extends RoomLimits {
  /** Longest wait for room, in milliseconds. */
  readonly queueWaitMs: number;
}

/** Where a turn that waits stands. */
export interface QueueStanding {
  /** From 1. */
  readonly position: number;
  /** By the measured times of this agent's turns; `undefined` before one has ended. */
  readonly estimatedWaitMs: number | undefined;
}

/** A turn as it is shown to people. */
export interface ListedTurn extends Omit<OpenTurn, "stop" | "held"> {
  /** Of a turn that waits for room; `undefined` of one that has it. */
  readonly queued: QueueStanding | undefined;
}

export interface WaitingTurn {
  /** The turn with its room, at the session that has it. Rejects with why there is none, and then holds none. */
  readonly room: Promise<OpenTurn>;
  /** `undefined` once it waits no longer. */
  standing(): QueueStanding | undefined;
}

export interface OpenTurns {
  /** Takes room if there is any. */
  enter(turn: OpenTurn): boolean;
  /**
   * Waits for room. `choose` names the session that the turn would go to now, or throws why there is none.
   * @throws AppError too_busy where the queue is full, or the wait would be too long
   */
  wait(turn: OpenTurn, choose: () => string): WaitingTurn;
  leave(turn: OpenTurn): void;
  /** A session has changed: what waits for one that is gone chooses anew, and one that is there may have room. */
  sessionChanged(session: Session): void;
  list(): readonly ListedTurn[];
  /** `undefined`: no turn of this id runs or waits. */
  stopOf(turnId: string): TurnStop | undefined;
  /** Ends all that waits. */
  refuseWaiting(error: () => AppError): void;
  /** Ends all that runs. */
  stopRunning(error: () => AppError): void;
  readonly running: number;
  readonly waiting: number;
  /** Resolves as soon as no turn has room. */
  idle(): Promise<void>;
}

interface Waiter extends Entrant {
  readonly turn: OpenTurn;
  readonly choose: () => string;
  readonly admit: (turn: OpenTurn) => void;
  readonly refuse: (error: AppError) => void;
}

const UNKNOWN_RETRY_MS = 1_000;
const SECOND_MS = 1_000;

export function createOpenTurns(limits: OpenTurnLimits, clock: Clock): OpenTurns {
  const turns = new Map<string, { readonly turn: OpenTurn; readonly since: number }>();
  const room = createFairQueue<Waiter>(limits);
  const times = createTurnTimes();
  /** The waiters as they are now, by turn: one that changes its session is another waiter. */
  const waiters = new Map<string, Waiter>();
  let idlers: (() => void)[] = [];

  function start(turn: OpenTurn): void {
    turns.set(turn.turnId, { turn, since: clock.monotonic() });
  }

  function enter(turn: OpenTurn): boolean {
    if (!room.enter(turn)) return false;
    start(turn);
    return true;
  }

  function wait(turn: OpenTurn, choose: () => string): WaitingTurn {
    const estimate = estimateFor(turn, room.standingFor(turn));
    if (estimate !== undefined && estimate > limits.queueWaitMs) throw tooBusy(estimate);
    const { promise, resolve, reject } = Promise.withResolvers<OpenTurn>();
    let stopTimer = (): void => undefined;
    const ended = (): void => {
      stopTimer();
      waiters.delete(turn.turnId);
    };
    const waiter: Waiter = {
      sessionId: turn.sessionId,
      keyId: turn.keyId,
      turn,
      choose,
      admit: (admitted) => {
        ended();
        start(admitted);
        resolve(admitted);
      },
      refuse: (error) => {
        ended();
        reject(error);
      },
    };
    if (!queue(waiter)) throw tooBusy(estimate);
    stopTimer = clock.timer(limits.queueWaitMs, () => giveUp(turn.turnId));
    turn.stop.onStop((reason) => withdraw(turn.turnId)?.refuse(reason));
    return { room: promise, standing: () => standingOf(turn.turnId) };
  }

  /** `false`: the queue is full. */
  function queue(waiter: Waiter): boolean {
    const { waits, displaced } = room.wait(waiter);
    displaced?.refuse(tooBusy(estimateFor(displaced, room.standingFor(displaced))));
    if (waits) waiters.set(waiter.turn.turnId, waiter);
    return waits;
  }

  function withdraw(turnId: string): Waiter | undefined {
    const waiter = waiters.get(turnId);
    return waiter !== undefined && room.withdraw(waiter) ? waiter : undefined;
  }

  function giveUp(turnId: string): void {
    const left = standingOf(turnId)?.estimatedWaitMs;
    withdraw(turnId)?.refuse(tooBusy(left ?? limits.queueWaitMs));
  }

  function standingOf(turnId: string): QueueStanding | undefined {
    const waiter = waiters.get(turnId);
    const standing = waiter && room.standingOf(waiter);
    if (waiter === undefined || standing === undefined) return undefined;
    return { position: standing.position, estimatedWaitMs: estimateFor(waiter, standing) };
  }

  function estimateFor(
    entrant: Entrant,
    standing: ReturnType<typeof room.standingFor>,
  ): number | undefined {
    const mean = times.meanMs(entrant.sessionId);
    if (mean === undefined) return undefined;
    return estimateWait(mean, standing, { crowding: room.crowding(entrant), limits });
  }

  function leave(turn: OpenTurn): void {
    const open = turns.get(turn.turnId);
    if (open === undefined) return;
    turns.delete(turn.turnId);
    times.ended(turn.sessionId, clock.monotonic() - open.since);
    for (const waiter of room.leave(turn)) waiter.admit(waiter.turn);
    offer(turn.sessionId);
    if (turns.size > 0) return;
    for (const resolve of idlers) resolve();
    idlers = [];
  }

  /** Room that none of a session's own waiters can use goes to those of other sessions who would go there now. */
  function offer(sessionId: string): void {
    if (room.waiting === 0) return;
    for (const waiter of room.all()) {
      const there = { sessionId, keyId: waiter.keyId };
      const { agent, total, key } = room.crowding(there);
      if (agent || total) return;
      if (key || waiter.sessionId === sessionId || !wouldGoTo(waiter, sessionId)) continue;
      if (!room.enter(there)) continue;
      room.withdraw(waiter);
      waiter.admit({ ...waiter.turn, sessionId });
    }
  }

  function wouldGoTo(waiter: Waiter, sessionId: string): boolean {
    try {
      return waiter.choose() === sessionId;
    } catch {
      // Its own session is there, or it would have been refused when that went.
      return false;
    }
  }

  function sessionChanged(session: Session): void {
    if (room.waiting === 0) return;
    if (session.status === "active" && session.connected) offer(session.sessionId);
    else for (const waiter of room.waitingAt(session.sessionId)) moveFrom(session, waiter);
  }

  function moveFrom(session: Session, waiter: Waiter): void {
    room.withdraw(waiter);
    try {
      const sessionId = waiter.choose();
      if (sessionId === session.sessionId) throw refusalOf(session) ?? away();
      const turn = { ...waiter.turn, sessionId };
      const moved = { ...waiter, turn, sessionId };
      if (room.enter(moved)) moved.admit(turn);
      else if (!queue(moved)) throw tooBusy(estimateFor(moved, room.standingFor(moved)));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      waiter.refuse(error);
    }
  }

  function list(): readonly ListedTurn[] {
    return [
      ...Array.from(turns.values(), ({ turn }) => listed(turn, undefined)),
      ...Array.from(waiters.values(), ({ turn }) => listed(turn, standingOf(turn.turnId))),
    ];
  }

  return {
    enter,
    wait,
    leave,
    sessionChanged,
    list,
    stopOf: (turnId) => (turns.get(turnId) ?? waiters.get(turnId))?.turn.stop,
    refuseWaiting: (error) => {
      for (const turnId of waiters.keys()) withdraw(turnId)?.refuse(error());
    },
    stopRunning: (error) => {
      for (const { turn } of turns.values()) turn.stop.stop(error());
    },
    get running() {
      return turns.size;
    },
    get waiting() {
      return room.waiting;
    },
    idle: () =>
      turns.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve)),
  };
}

function listed(turn: OpenTurn, queued: QueueStanding | undefined): ListedTurn {
  const { turnId, sessionId, keyId, model, startedAt } = turn;
  return { turnId, sessionId, keyId, model, startedAt, queued };
}

function away(): AppError {
  return new AppError(
    "no_active_session",
    "The agent of this session went away. It is used again when it is back.",
  );
}

/** `waitMs`: until there may be room; `undefined`: nothing was measured that would tell. */
function tooBusy(waitMs: number | undefined): AppError {
  const retryAfterMs = Math.max(waitMs ?? UNKNOWN_RETRY_MS, UNKNOWN_RETRY_MS);
  const seconds = Math.ceil(retryAfterMs / SECOND_MS);
  return new AppError(
    "too_busy",
    `All room is taken, and others wait for it already. Try again in ${seconds} s.`,
    { retryAfterMs },
  );
}
