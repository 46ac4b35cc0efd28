// The answering half of a link: turns that the peer sent us and that we serve. Pure, like link.ts which owns it.
// Holds per turn the next index, the credit left, and at most one chunk that waits for credit.

import { AppError } from "../core/error.ts";
import {
  type ChunkInput,
  type HalfLink,
  type OverEffect,
  type TurnEffect,
  NO_EFFECTS,
} from "./effect.ts";
import { chunkPrefix, encodeChunk, encodeFrame, frameBytes } from "./encode.ts";
import { agentError, cancelError, failureFrame, fromWireError, toWireError } from "./failure.ts";
import type {
  AskFrame,
  CancelFrame,
  ErrorFrame,
  FlowFrame,
  ResultFrame,
  WireError,
} from "./frame.ts";
import { createParkedIds } from "./parked-ids.ts";
import { createRecentIds } from "./recent.ts";
import { tooLarge } from "./result.ts";

interface ServedTurn {
  readonly prefix: string;
  nextIndex: number;
  credit: number;
  held: ReadyChunk | undefined;
}

interface ReadyChunk {
  readonly text: string;
  readonly bytes: number;
  readonly last: boolean;
  readonly parked: boolean;
}

const RECENT = 1024;

export interface Answering {
  readonly size: number;
  has(id: string): boolean;
  /** `undefined` when the id is in use: the peer has broken the protocol. */
  start(frame: AskFrame): readonly TurnEffect[] | undefined;
  refuse(id: string, error: AppError): readonly TurnEffect[];
  flow(frame: FlowFrame): readonly TurnEffect[];
  cancelled(frame: CancelFrame | (ErrorFrame & { id: string })): readonly TurnEffect[];
  chunk(chunk: ChunkInput): readonly TurnEffect[];
  result(frame: ResultFrame): readonly TurnEffect[];
  fail(id: string, error: AppError): readonly TurnEffect[];
  /** Ends every turn; with `tell` the peer hears of each. */
  endAll(error: AppError, tell: boolean): readonly TurnEffect[];
}

export function createAnswering({ limits, counters }: HalfLink): Answering {
  const turns = new Map<string, ServedTurn>();
  const recent = createRecentIds(RECENT);
  const parked = createParkedIds();

  function over(id: string, error?: AppError): OverEffect {
    turns.delete(id);
    recent.add(id);
    return error === undefined ? { type: "over", id } : { type: "over", id, error };
  }

  function done(id: string, isParked: boolean): readonly TurnEffect[] {
    const end = over(id);
    if (!isParked) return [end];
    const crowdedOut = parked.add(id);
    const ended: TurnEffect = { ...end, parked: true };
    return crowdedOut === undefined
      ? [ended]
      : [ended, { type: "unparked", id: crowdedOut, error: cancelError("parked_turn_unknown") }];
  }

  function start(frame: AskFrame): readonly TurnEffect[] | undefined {
    const { id } = frame;
    if (turns.has(id)) return undefined;
    if (turns.size >= limits().turns) return refuse(id, busy());
    const credit = limits().credit_bytes;
    turns.set(id, { prefix: chunkPrefix(id), nextIndex: 0, credit, held: undefined });
    const started: TurnEffect = { type: "start", frame };
    const resumes = frame.type === "tool_results" && parked.remove(frame.resumes);
    return resumes ? [{ type: "unparked", id: frame.resumes }, started] : [started];
  }

  function refuse(id: string, error: AppError): readonly TurnEffect[] {
    return [errorEffect(id, toWireError(error))];
  }

  function flow(frame: FlowFrame): readonly TurnEffect[] {
    const turn = turns.get(frame.id);
    if (turn === undefined) return stray(frame.id);
    turn.credit += frame.credit;
    const { held } = turn;
    if (held === undefined || held.bytes > turn.credit) return NO_EFFECTS;
    turn.held = undefined;
    const sent = send(frame.id, turn, held);
    return [...sent, { type: "resumed", id: frame.id }];
  }

  function cancelled(frame: CancelFrame | (ErrorFrame & { id: string })): readonly TurnEffect[] {
    const { id } = frame;
    const error = frame.type === "cancel" ? cancelError(frame.reason) : fromWireError(frame.error);
    if (turns.has(id)) return [over(id, error)];
    return parked.remove(id) ? [{ type: "unparked", id, error }] : stray(id);
  }

  function stray(id: string): readonly TurnEffect[] {
    if (recent.has(id)) counters.late += 1;
    else counters.unknown += 1;
    return NO_EFFECTS;
  }

  function chunk({ id, body, last, parked = false }: ChunkInput): readonly TurnEffect[] {
    const turn = turns.get(id);
    if (turn === undefined) return NO_EFFECTS;
    if (turn.held !== undefined) throw new Error("a chunk was sent while one is held");
    const text = encodeChunk(turn.prefix, turn.nextIndex, body);
    const bytes = frameBytes(text);
    if (bytes > largestChunk(limits())) {
      return fail(id, agentError("The agent sent a piece that is too large for the bridge."));
    }
    if (bytes > turn.credit) {
      turn.held = { text, bytes, last, parked };
      return [{ type: "held", id }];
    }
    return send(id, turn, { text, bytes, last, parked });
  }

  function send(id: string, turn: ServedTurn, chunk: ReadyChunk): readonly TurnEffect[] {
    turn.credit -= chunk.bytes;
    turn.nextIndex += 1;
    const sent: TurnEffect = { type: "send", text: chunk.text };
    return chunk.last ? [sent, ...done(id, chunk.parked)] : [sent];
  }

  function result(frame: ResultFrame): readonly TurnEffect[] {
    if (!turns.has(frame.id)) return NO_EFFECTS;
    const text = encodeFrame(frame);
    if (frameBytes(text) > limits().answer_bytes) return fail(frame.id, tooLarge());
    return [{ type: "send", text }, ...done(frame.id, frame.result?.parked === true)];
  }

  function fail(id: string, error: AppError): readonly TurnEffect[] {
    if (!turns.has(id)) return NO_EFFECTS;
    return [{ type: "send", text: encodeFrame(failureFrame(id, error)) }, over(id, error)];
  }

  function endAll(error: AppError, tell: boolean): readonly TurnEffect[] {
    const ids = [...turns.keys()];
    const ends = ids.flatMap((id) => (tell ? fail(id, error) : [over(id, error)]));
    for (const id of parked.removeAll()) ends.push({ type: "unparked", id, error });
    return ends;
  }

  return {
    get size() {
      return turns.size;
    },
    has: (id) => turns.has(id),
    start,
    refuse,
    flow,
    cancelled,
    chunk,
    result,
    fail,
    endAll,
  };
}

/** Half the window: then a reader that has read everything has always given back enough for the next chunk. */
export function largestChunk(limits: { answer_bytes: number; credit_bytes: number }): number {
  return Math.min(limits.answer_bytes, Math.floor(limits.credit_bytes / 2));
}

function errorEffect(id: string, error: WireError): TurnEffect {
  return { type: "send", text: encodeFrame({ type: "error", id, error }) };
}

function busy(): AppError {
  return new AppError("too_busy", "This link already runs as many turns as it may; try again.");
}
