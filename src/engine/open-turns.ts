// The turns that are open now: who has how many, and the ways they are ended from outside.

import { AppError } from "../core/error.ts";
import type { TurnStop } from "./turn-stop.ts";

export interface OpenTurn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly model: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly stop: TurnStop;
}

export interface OpenTurnLimits {
  readonly turnsInFlight: number;
  readonly turnsPerAgent: number;
  /** Turns that one client key may have open at once. */
  readonly turnsPerKey: number;
}

export interface OpenTurns {
  /** @throws AppError too_busy */
  enter(turn: OpenTurn): void;
  leave(turn: OpenTurn): void;
  list(): readonly OpenTurn[];
  get(turnId: string): OpenTurn | undefined;
  /** Resolves as soon as no turn is open. */
  idle(): Promise<void>;
}

export function createOpenTurns(limits: OpenTurnLimits): OpenTurns {
  const turns = new Map<string, OpenTurn>();
  const perKey = new Map<string, number>();
  const perSession = new Map<string, number>();
  let waiting: (() => void)[] = [];

  function enter(turn: OpenTurn): void {
    const ofSession = perSession.get(turn.sessionId) ?? 0;
    const ofKey = perKey.get(turn.keyId) ?? 0;
    if (turns.size >= limits.turnsInFlight || ofSession >= limits.turnsPerAgent) {
      throw tooBusy("The agent has as many requests as it can take.");
    }
    if (ofKey >= limits.turnsPerKey) {
      throw tooBusy("This key has as many requests open as it may.");
    }
    turns.set(turn.turnId, turn);
    perSession.set(turn.sessionId, ofSession + 1);
    perKey.set(turn.keyId, ofKey + 1);
  }

  function leave(turn: OpenTurn): void {
    if (!turns.delete(turn.turnId)) return;
    decrement(perSession, turn.sessionId);
    decrement(perKey, turn.keyId);
    if (turns.size > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  }

  function idle(): Promise<void> {
    if (turns.size === 0) return Promise.resolve();
    return new Promise((resolve) => waiting.push(resolve));
  }

  return {
    enter,
    leave,
    idle,
    list: () => [...turns.values()],
    get: (turnId) => turns.get(turnId),
  };
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

function tooBusy(message: string): AppError {
  return new AppError("too_busy", message, { retryAfterMs: 1_000 });
}
