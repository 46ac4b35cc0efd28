// The turns that this end of a link asked: each is an iteration that its consumer reads, fed by the link machine and
// cancelled by the consumer's signal. The counterpart of serving.ts; knows the machine by `step` only.

import { AppError, toAppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Turn } from "../core/turn.ts";
import { type AskedTurn, createAskedTurn } from "./asked-turn.ts";
import { type ChunkReader, createChunkReader } from "./chunk.ts";
import type { LinkInput } from "./effect.ts";
import { abortError } from "./failure.ts";
import type { ChunkFrame, ResultFrame } from "./frame.ts";
import { type Asker, askFrame } from "./invoke.ts";
import { resultEvents } from "./result.ts";

/** Turn ids are unique over all links of a hub; other owners have nothing to claim. */
export interface TurnIds {
  claim(id: string): boolean;
  release(id: string): void;
  livesElsewhere(id: string): boolean;
}

export const FREE_IDS: TurnIds = {
  claim: () => true,
  release: () => undefined,
  livesElsewhere: () => false,
};

export interface ConsumingDeps {
  readonly step: (input: LinkInput) => void;
  readonly ids: TurnIds;
  readonly asker: Asker;
  /** Whether so much waits to be sent that one more request would not help. */
  readonly isClogged: () => boolean;
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
}

export interface Consuming {
  /** Turns that have not been answered a word. */
  readonly waiting: number;
  /** Nothing is sent before the first read. */
  run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent>;
  received(frame: ChunkFrame | ResultFrame, bytes: number): void;
  /** Whether the turn was one of these. `parked`: its signal still counts, until `unparked`. */
  over(id: string, error: AppError | undefined, parked: boolean): boolean;
  /** Whether the turn was one of these. */
  unparked(id: string): boolean;
}

interface Asked {
  readonly events: AskedTurn;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
  /** Made by the first chunk: a whole answer needs none. */
  reader: ChunkReader | undefined;
  answered: boolean;
}

export function createConsuming(deps: ConsumingDeps): Consuming {
  const { step, ids, asker, isClogged, buffered } = deps;
  const turns = new Map<string, Asked>();
  const parkedTurns = new Map<string, Pick<Asked, "signal" | "onAbort">>();
  /** Filled and emptied within one call: spares the hot path an array per chunk. */
  const scratch: TurnEvent[] = [];
  let waiting = 0;

  function run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent> {
    const { id } = turn;
    const events = createAskedTurn({
      begin: () => ask(turn, signal, events),
      read: (bytes) => step({ type: "consumed", id, bytes }),
      dropped: () => step({ type: "cancel", id, error: abortError(signal) }),
      buffered,
    });
    return events;
  }

  function ask(turn: Turn, signal: AbortSignal, events: AskedTurn): void {
    const { id } = turn;
    if (signal.aborted) return events.abort(abortError(signal));
    if (isClogged()) {
      const message = "The link to the agent is congested; try again in a moment.";
      return events.abort(new AppError("too_busy", message));
    }
    if (turns.has(id) || !ids.claim(id)) {
      return events.abort(new AppError("conflict", "A turn with this id is running already."));
    }
    const onAbort = () => {
      const error = abortError(signal);
      events.abort(error);
      step({ type: "cancel", id, error });
    };
    // Taken away by `over` or `unparked`, to which every turn comes: a signal may outlive many turns.
    signal.addEventListener("abort", onAbort);
    turns.set(id, { events, signal, onAbort, reader: undefined, answered: false });
    waiting += 1;
    return step({ type: "ask", frame: askFrame(turn, asker) });
  }

  function received(frame: ChunkFrame | ResultFrame, bytes: number): void {
    const asked = turns.get(frame.id);
    if (asked === undefined) return;
    begun(asked);
    try {
      if (frame.type === "model_result") return asked.events.push(resultEvents(frame), bytes);
      scratch.length = 0;
      asked.reader ??= createChunkReader();
      asked.reader.read(frame, scratch);
      asked.events.push(scratch, bytes);
    } catch (error) {
      const failure = toAppError(error);
      asked.events.end(failure);
      step({ type: "cancel", id: frame.id, error: failure });
    }
  }

  function begun(asked: Asked): void {
    if (asked.answered) return;
    asked.answered = true;
    waiting -= 1;
  }

  function over(id: string, error: AppError | undefined, parked: boolean): boolean {
    const asked = turns.get(id);
    if (asked === undefined) return false;
    turns.delete(id);
    begun(asked);
    const { signal, onAbort } = asked;
    if (parked) parkedTurns.set(id, { signal, onAbort });
    else signal.removeEventListener("abort", onAbort);
    ids.release(id);
    asked.events.end(error);
    return true;
  }

  function unparked(id: string): boolean {
    const asked = parkedTurns.get(id);
    if (asked === undefined) return false;
    parkedTurns.delete(id);
    asked.signal.removeEventListener("abort", asked.onAbort);
    return true;
  }

  return {
    get waiting() {
      return waiting;
    },
    run,
    received,
    over,
    unparked,
  };
}
