// The asking half of a link: turns that we sent out and whose answers come in. Pure, like link.ts which owns it.
// Holds per turn the next index, what the peer may still send, and what has been read but not yet given back.

import { AppError } from "../core/error.ts";
import type { Violation } from "./decode.ts";
import { type HalfLink, type OverEffect, type TurnEffect, NO_EFFECTS } from "./effect.ts";
import { encodeFrame, frameBytes } from "./encode.ts";
import { agentError, failureOf, fromWireError } from "./failure.ts";
import type { AskFrame, ChunkFrame, ErrorFrame, ResultFrame } from "./frame.ts";
import { createParkedIds } from "./parked-ids.ts";
import { createRecentIds } from "./recent.ts";

interface AskedTurn {
  nextIndex: number;
  /** Bytes of chunks that the peer may send before it hears of more. */
  allowance: number;
  consumed: number;
}

const RECENT = 1024;

export interface Asking {
  readonly size: number;
  has(id: string): boolean;
  /** Whether `id` ended here not long ago. */
  ended(id: string): boolean;
  ask(frame: AskFrame): readonly TurnEffect[];
  chunk(frame: ChunkFrame, bytes: number): readonly TurnEffect[];
  result(frame: ResultFrame, bytes: number): readonly TurnEffect[];
  error(frame: ErrorFrame & { id: string }): readonly TurnEffect[];
  violation(id: string, violation: Violation): readonly TurnEffect[];
  consumed(id: string, bytes: number): readonly TurnEffect[];
  /** Ends the turn here and tells the peer to stop; of one that ended parked, that nobody will bring the results. */
  cancel(id: string, error: AppError): readonly TurnEffect[];
  /** Ends every turn; with `tell` the peer hears of each. */
  endAll(error: AppError, tell: boolean): readonly TurnEffect[];
}

export function createAsking({ limits, readsParts, counters }: HalfLink): Asking {
  const turns = new Map<string, AskedTurn>();
  const recent = createRecentIds(RECENT);
  const parked = createParkedIds();

  function over(id: string, error?: AppError): OverEffect {
    turns.delete(id);
    recent.add(id);
    return error === undefined ? { type: "over", id } : { type: "over", id, error };
  }

  function done(id: string, isParked: boolean | undefined): readonly TurnEffect[] {
    const end = over(id);
    if (isParked !== true) return [end];
    const crowdedOut = parked.add(id);
    const ended: TurnEffect = { ...end, parked: true };
    return crowdedOut === undefined ? [ended] : [ended, ...giveUp(crowdedOut, nobodyComes())];
  }

  function ask(frame: AskFrame): readonly TurnEffect[] {
    const { id } = frame;
    const refuse = (error: AppError): readonly TurnEffect[] => [{ type: "over", id, error }];
    if (turns.size >= limits().turns) return refuse(busy());
    if (hasParts(frame) && !readsParts()) return refuse(tooOldForParts());
    const text = encodeFrame(frame);
    const most = limits().invoke_bytes;
    if (frameBytes(text) > most) {
      const message = `The request is larger than the bridge takes (${most} bytes); send less, or smaller images.`;
      return refuse(new AppError("payload_too_large", message));
    }
    turns.set(id, { nextIndex: 0, allowance: limits().credit_bytes, consumed: 0 });
    const sent: TurnEffect = { type: "send", text };
    const resumes = frame.type === "tool_results" && parked.remove(frame.resumes);
    return resumes ? [sent, { type: "unparked", id: frame.resumes }] : [sent];
  }

  function chunk(frame: ChunkFrame, bytes: number): readonly TurnEffect[] {
    const turn = turns.get(frame.id);
    if (turn === undefined) return stray(frame.id);
    if (frame.chunk_index !== turn.nextIndex) {
      return cancel(frame.id, agentError("A part of the agent's answer was lost on the way."));
    }
    if (bytes > turn.allowance) {
      return cancel(frame.id, agentError("The agent sent more than it was allowed to."));
    }
    turn.nextIndex += 1;
    turn.allowance -= bytes;
    const received: TurnEffect = { type: "received", frame, bytes };
    if (frame.finish_reason === undefined) return [received];
    return [received, ...done(frame.id, frame.parked)];
  }

  function result(frame: ResultFrame, bytes: number): readonly TurnEffect[] {
    const turn = turns.get(frame.id);
    if (turn === undefined) return stray(frame.id);
    if (frame.status !== "ok") return [over(frame.id, failureOf(frame))];
    if (turn.nextIndex > 0) {
      return [over(frame.id, agentError("The agent began to stream and then answered whole."))];
    }
    return [{ type: "received", frame, bytes }, ...done(frame.id, frame.result?.parked)];
  }

  function error(frame: ErrorFrame & { id: string }): readonly TurnEffect[] {
    if (!turns.has(frame.id)) return stray(frame.id);
    return [over(frame.id, fromWireError(frame.error))];
  }

  function stray(id: string): readonly TurnEffect[] {
    if (recent.has(id)) counters.late += 1;
    else counters.unknown += 1;
    return NO_EFFECTS;
  }

  /** Credit is given back in halves of the window: one frame for many chunks. */
  function consumed(id: string, bytes: number): readonly TurnEffect[] {
    const turn = turns.get(id);
    if (turn === undefined) return NO_EFFECTS;
    turn.consumed += bytes;
    if (turn.consumed < limits().credit_bytes / 2) return NO_EFFECTS;
    const credit = turn.consumed;
    turn.consumed = 0;
    turn.allowance += credit;
    return [{ type: "send", text: encodeFrame({ type: "flow", id, credit }) }];
  }

  function cancel(id: string, error: AppError): readonly TurnEffect[] {
    if (turns.has(id)) return [{ type: "send", text: cancelText(id, error) }, over(id, error)];
    return parked.remove(id) ? giveUp(id, error) : NO_EFFECTS;
  }

  function endAll(error: AppError, tell: boolean): readonly TurnEffect[] {
    const ids = [...turns.keys()];
    const ends = ids.flatMap((id) => (tell ? cancel(id, error) : [over(id, error)]));
    // The peer gives up what is parked by itself.
    for (const id of parked.removeAll()) ends.push({ type: "unparked", id, error });
    return ends;
  }

  return {
    get size() {
      return turns.size;
    },
    has: (id) => turns.has(id),
    ended: (id) => recent.has(id),
    ask,
    chunk,
    result,
    error,
    violation: (id, { violation }) => cancel(id, agentError(`The agent's answer: ${violation}.`)),
    consumed,
    cancel,
    endAll,
  };
}

function hasParts(frame: AskFrame): boolean {
  if (frame.type !== "tool_results") return false;
  return (
    Array.isArray(frame.message) || frame.results.some(({ content }) => Array.isArray(content))
  );
}

/** Whoever asked then sends the whole conversation as a new turn, and images are old in those. */
function tooOldForParts(): AppError {
  const message = "The other end takes no images with tool results: send the message again.";
  return new AppError("parked_turn_unknown", message);
}

/** What has ended parked. */
function giveUp(id: string, error: AppError): readonly TurnEffect[] {
  return [
    { type: "send", text: cancelText(id, error) },
    { type: "unparked", id, error },
  ];
}

function cancelText(id: string, error: AppError): string {
  return encodeFrame({ type: "cancel", id, reason: error.code });
}

function nobodyComes(): AppError {
  return new AppError("parked_turn_unknown", "Nobody will bring the results any more.");
}

function busy(): AppError {
  return new AppError("too_busy", "This link already runs as many turns as it may; try again.");
}
