// Runs that wait for the editor's results, by the turn that they ended with: bounded, each for its own session, and each
// with a deadline at which its agent is ended for real.

import type { Clock } from "../../core/ports.ts";
import type { Message, Turn } from "../../core/turn.ts";
import { unknownTurn } from "../parking-lot.ts";
import type { ToolRun } from "./tool-run.ts";
import { TOO_LATE } from "./words.ts";

export interface ParkedRuns {
  /** `onLeave` is called once, when the run is taken or is over. */
  park(turn: Turn, run: ToolRun, onLeave: () => void): void;
  /** Hands a run out once, to its own session. @throws AppError parked_turn_unknown */
  take(turnId: string, sessionId: string): ToolRun;
  /** Ends the runs of a session whose calls these messages already speak of: their conversation went on without them. */
  abandon(sessionId: string, messages: readonly Message[]): void;
  /** The run ended by itself. */
  forget(run: ToolRun): void;
  readonly size: number;
}

export interface ParkedRunsOptions {
  readonly clock: Clock;
  readonly most: number;
  /** How long a run may wait whose agent hears of progress on every call, and how long any other; milliseconds. */
  readonly patientMs: number;
  readonly silentMs: number;
}

interface Place {
  readonly sessionId: string;
  readonly run: ToolRun;
  readonly leave: () => void;
}

export function createParkedRuns(options: ParkedRunsOptions): ParkedRuns {
  const { clock, most, patientMs, silentMs } = options;
  const places = new Map<string, Place>();

  function clear(turnId: string): Place | undefined {
    const place = places.get(turnId);
    places.delete(turnId);
    place?.leave();
    return place;
  }

  function park(turn: Turn, run: ToolRun, onLeave: () => void): void {
    const keepMs = run.asked.every(({ patient }) => patient) ? patientMs : silentMs;
    const stopTimer = clock.timer(keepMs, () => expire(turn.id));
    const leave = (): void => {
      stopTimer();
      onLeave();
    };
    places.set(turn.id, { sessionId: turn.sessionId, run, leave });
    const [oldest] = places.keys();
    if (places.size > most && oldest !== undefined) expire(oldest);
    // It ended between its last call and now.
    if (run.over) clear(turn.id);
  }

  function expire(turnId: string): void {
    clear(turnId)?.run.stop(unknownTurn(), TOO_LATE);
  }

  function take(turnId: string, sessionId: string): ToolRun {
    if (places.get(turnId)?.sessionId !== sessionId) throw unknownTurn();
    const place = clear(turnId);
    if (place === undefined) throw unknownTurn();
    return place.run;
  }

  function abandon(sessionId: string, messages: readonly Message[]): void {
    if (places.size === 0) return;
    const known = new Set(messages.flatMap(callIdsOf));
    for (const [turnId, place] of places) {
      if (place.sessionId !== sessionId || !place.run.asked.some(({ id }) => known.has(id)))
        continue;
      clear(turnId)?.run.stop(unknownTurn());
    }
  }

  function forget(run: ToolRun): void {
    for (const [turnId, place] of places) if (place.run === run) clear(turnId);
  }

  return {
    park,
    take,
    abandon,
    forget,
    get size() {
      return places.size;
    },
  };
}

function callIdsOf(message: Message): readonly string[] {
  if (message.role === "tool") return [message.toolCallId];
  if (message.role !== "assistant") return [];
  return (message.toolCalls ?? []).map(({ id }) => id);
}
