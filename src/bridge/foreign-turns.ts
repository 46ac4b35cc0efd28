// The turns that were asked over a foreign bridge: each is a queue that exists before its frame is sent, fed by what the
// bridge answers, and ended once by whatever comes first. A foreign bridge knows no credit, so a queue that its reader
// leaves to grow fails its turn. Knows sockets by `send` only, and survives them: ids are remembered over links.

import { AppError, toAppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Turn } from "../core/turn.ts";
import { type AskedTurn, createAskedTurn } from "./asked-turn.ts";
import { frameBytes } from "./encode.ts";
import { abortError, agentError } from "./failure.ts";
import { createGuideReader, failureOfFrame, type GuideReader } from "./guide-answer.ts";
import type { GuideChunk, GuideFailure, GuideResult } from "./guide-frames.ts";
import { createRecentIds } from "./recent.ts";

/** In bytes, but `turns`. */
export interface ForeignLimits {
  /** Largest frame that asks, and largest that answers. */
  readonly invokeBytes: number;
  readonly frameBytes: number;
  /** Most of one answer that waits for a slow reader. */
  readonly bufferBytes: number;
  /** Turns open at once. */
  readonly turns: number;
}

export interface ForeignTurnsDeps {
  /** The frame that asks for a turn. Throws what the form cannot say. */
  readonly encode: (turn: Turn) => string;
  /** The text of a frame onto the link. */
  readonly send: (text: string) => void;
  /** Why nothing can be sent now, if so. */
  readonly hindrance: () => AppError | undefined;
  readonly callId: () => string;
  readonly limits: ForeignLimits;
  /** Hears of what has arrived for turns and is not read yet: bytes more, or less. */
  readonly buffered?: ((bytes: number) => void) | undefined;
}

export interface ForeignCounts {
  /** Turns that have not been answered a word. */
  readonly pending: number;
  /** Turns whose answer has begun. */
  readonly active: number;
  /** Frames for a turn that had ended here, and those that came twice. */
  readonly late: number;
  /** Frames for turns that nobody here asked. */
  readonly stray: number;
}

export interface ForeignTurns {
  counts(): ForeignCounts;
  /** Nothing is sent before the first read. */
  run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent>;
  receive(frame: GuideChunk | GuideResult, bytes: number): void;
  /** An `error` frame about a turn. */
  failed(id: string, frame: GuideFailure): void;
  /** A frame that names a turn and cannot be read. */
  broken(id: string): void;
  /** Ends every turn; with `tell` the bridge hears of each. */
  endAll(error: AppError, tell: boolean): void;
}

interface Asked {
  readonly events: AskedTurn;
  readonly signal: AbortSignal;
  readonly onAbort: () => void;
  readonly reader: GuideReader;
  /** Bytes of frames that wait to be read. */
  waiting: number;
  answered: boolean;
}

const RECENT = 1024;

export function createForeignTurns(deps: ForeignTurnsDeps): ForeignTurns {
  const { limits } = deps;
  const turns = new Map<string, Asked>();
  const recent = createRecentIds(RECENT);
  let active = 0;
  let late = 0;
  let stray = 0;

  function run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent> {
    const { id } = turn;
    const events = createAskedTurn({
      begin: () => ask(turn, signal, events),
      read: (bytes) => {
        const asked = turns.get(id);
        if (asked !== undefined) asked.waiting -= bytes;
      },
      dropped: () => over(id, { error: abortError(signal), tell: true }),
      buffered: deps.buffered,
    });
    return events;
  }

  function ask(turn: Turn, signal: AbortSignal, events: AskedTurn): void {
    const { id } = turn;
    if (signal.aborted) return events.abort(abortError(signal));
    let text: string;
    try {
      text = askText(turn);
    } catch (error) {
      return events.abort(toAppError(error));
    }
    const onAbort = (): void => {
      const error = abortError(signal);
      events.abort(error);
      over(id, { error, tell: true });
    };
    signal.addEventListener("abort", onAbort);
    const reader = createGuideReader(deps.callId);
    turns.set(id, { events, signal, onAbort, reader, waiting: 0, answered: false });
    return deps.send(text);
  }

  /** Throws why the turn cannot be asked. */
  function askText(turn: Turn): string {
    const hindrance = deps.hindrance();
    if (hindrance !== undefined) throw hindrance;
    if (turns.has(turn.id)) {
      throw new AppError("conflict", "A turn with this id is running already.");
    }
    if (turns.size >= limits.turns) {
      const message = "This bridge already runs as many turns as it may; try again.";
      throw new AppError("too_busy", message);
    }
    const text = deps.encode(turn);
    if (frameBytes(text) <= limits.invokeBytes) return text;
    const message = `The request is larger than the bridge takes (${limits.invokeBytes} bytes); send less, or smaller images.`;
    throw new AppError("payload_too_large", message);
  }

  /** `tell`: the agent may still be at work. The second end of a turn finds nothing to end. */
  function over(id: string, end: { readonly error?: AppError; readonly tell: boolean }): void {
    const asked = turns.get(id);
    if (asked === undefined) return;
    turns.delete(id);
    recent.add(id);
    if (asked.answered) active -= 1;
    asked.signal.removeEventListener("abort", asked.onAbort);
    asked.events.end(end.error);
    if (end.tell) deps.send(JSON.stringify({ type: "cancel", id }));
  }

  function find(id: string): Asked | undefined {
    const asked = turns.get(id);
    if (asked === undefined && recent.has(id)) late += 1;
    else if (asked === undefined) stray += 1;
    return asked;
  }

  function receive(frame: GuideChunk | GuideResult, bytes: number): void {
    const { id } = frame;
    const asked = find(id);
    if (asked === undefined) return;
    if (bytes > limits.frameBytes) {
      const message = "The agent sent a piece that is too large for the bridge.";
      return over(id, { error: agentError(message), tell: true });
    }
    if (!asked.answered) active += 1;
    asked.answered = true;
    const events: TurnEvent[] = [];
    try {
      const progress = asked.reader.read(frame, events);
      if (progress === "repeated") late += 1;
      asked.waiting += bytes;
      asked.events.push(events, bytes);
      if (progress === "over") return over(id, { tell: false });
    } catch (caught) {
      const error = toAppError(caught);
      return over(id, { error, tell: frame.type === "model_stream_chunk" });
    }
    if (asked.waiting <= limits.bufferBytes) return undefined;
    const message =
      "The answer came faster than it was read, and this bridge cannot be slowed down.";
    return over(id, { error: agentError(message), tell: true });
  }

  function failed(id: string, frame: GuideFailure): void {
    if (find(id) !== undefined) over(id, { error: failureOfFrame(frame), tell: false });
  }

  function broken(id: string): void {
    if (find(id) === undefined) return;
    const error = agentError("The agent sent an answer that cannot be read.");
    over(id, { error, tell: true });
  }

  return {
    counts: () => ({ pending: turns.size - active, active, late, stray }),
    run,
    receive,
    failed,
    broken,
    endAll: (error, tell) => {
      for (const id of turns.keys()) over(id, { error, tell });
    },
  };
}
