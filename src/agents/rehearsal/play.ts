// What one segment of a rehearsal amounts to: events, and cues for the shell that owns time and the process.
// Pure and lazy. Fast when nothing delays it: no cue for a word.

import { AppError } from "../../core/error.ts";
import type { FinishEvent, TurnEvent, Usage } from "../../core/event.ts";
import type { RehearsalStep, Segment } from "./step.ts";
import { cutText } from "./words.ts";

/** What a segment needs of the turn that plays it. */
export interface Stage {
  /** Estimated; completion tokens are counted while playing. */
  readonly promptTokens: number;
  /** What it says untold. */
  answer(): string;
  /** What the tools returned, in a sentence, and bare. */
  report(): string;
  results(): string;
  callId(): string;
}

export type Cue =
  | TurnEvent
  | { readonly type: "pause"; readonly ms: number }
  /** An answer of a million words must leave the event loop free to hear of a cancel. */
  | { readonly type: "breath" }
  | { readonly type: "hang" }
  | { readonly type: "crash" };

interface Pace {
  delayMs: number;
  chunk: number | undefined;
  repeat: number;
  /** Pieces since the last breath. */
  pieces: number;
}

const PIECES_PER_BREATH = 256;
const ARGUMENT_CHARACTERS = 16;
const CHARACTERS_PER_TOKEN = 4;

/** Ends with a finish, or throws the `AppError` of an `error` step. After `hang` or `crash` nothing is asked of it. */
export function* playSegment(segment: Segment, stage: Stage): Generator<Cue> {
  const pace: Pace = { delayMs: 0, chunk: undefined, repeat: 1, pieces: 0 };
  let characters = 0;
  for (const step of segment.steps) {
    if (step.type === "error") throw new AppError(step.code, step.message);
    if (step.type === "hang" || step.type === "crash") yield step;
    setPace(pace, step);
    const events = eventsOf(step, pace, stage);
    const times = isRepeatable(step) ? pace.repeat : 1;
    if (isRepeatable(step)) pace.repeat = 1;
    for (let time = 0; time < times; time += 1) {
      for (const event of events) {
        if (pace.delayMs > 0) yield { type: "pause", ms: pace.delayMs };
        else if ((pace.pieces += 1) % PIECES_PER_BREATH === 0) yield { type: "breath" };
        characters += lengthOf(event);
        yield event;
      }
    }
  }
  yield finishOf(segment, {
    promptTokens: stage.promptTokens,
    completionTokens: Math.ceil(characters / CHARACTERS_PER_TOKEN),
    estimated: true,
  });
}

function setPace(pace: Pace, step: RehearsalStep): void {
  if (step.type === "delay") pace.delayMs = step.ms;
  if (step.type === "chunk") pace.chunk = step.characters;
  if (step.type === "repeat") pace.repeat = step.times;
}

/** Made once and yielded again for each repetition: events are never changed. */
function eventsOf(step: RehearsalStep, { chunk }: Pace, stage: Stage): readonly TurnEvent[] {
  switch (step.type) {
    case "say":
      return textEvents("text-delta", step.text, chunk);
    case "answer":
      return textEvents("text-delta", stage.answer(), chunk);
    case "report":
      return textEvents("text-delta", stage.report(), chunk);
    case "results":
      return textEvents("text-delta", stage.results(), chunk);
    case "reasoning":
      return textEvents("reasoning-delta", step.text, chunk);
    case "tool":
      return toolEvents(step, step.id ?? stage.callId(), chunk);
    default:
      return [];
  }
}

function textEvents(
  type: "text-delta" | "reasoning-delta",
  text: string,
  chunk: number | undefined,
): readonly TurnEvent[] {
  return cutText(text, chunk).map((text) => ({ type, text }));
}

function toolEvents(
  step: RehearsalStep & { type: "tool" },
  id: string,
  chunk: number = ARGUMENT_CHARACTERS,
): readonly TurnEvent[] {
  const events: TurnEvent[] = [{ type: "tool-call-start", id, name: step.name }];
  for (const fragment of cutText(step.arguments, chunk)) {
    events.push({ type: "tool-call-delta", id, arguments: fragment });
  }
  return events;
}

function finishOf({ steps, parks }: Segment, estimate: Usage): FinishEvent {
  let usage = estimate;
  let reason: FinishEvent["reason"] = "stop";
  let told: FinishEvent["reason"] | undefined;
  for (const step of steps) {
    if (step.type === "usage") usage = step.usage;
    if (step.type === "finish") told = step.reason;
    if (step.type === "tool") reason = "tool_calls";
  }
  return parks
    ? { type: "finish", reason: "tool_calls", usage, parked: true }
    : { type: "finish", reason: told ?? reason, usage };
}

function isRepeatable({ type }: RehearsalStep): boolean {
  return type === "say" || type === "answer" || type === "report";
}

function lengthOf(event: TurnEvent): number {
  switch (event.type) {
    case "text-delta":
    case "reasoning-delta":
      return event.text.length;
    case "tool-call-delta":
      return event.arguments.length;
    default:
      return 0;
  }
}
