// What the rehearsal agent can be told to do, and how the steps of an answer fall into turns.
// Knows neither of the two ways in which it is told: directives in a message, or a script file.

import type { ErrorCode } from "../../core/error.ts";
import type { FinishReason, Usage } from "../../core/event.ts";

export type RehearsalStep =
  /** Says the text, or what it would have said untold. */
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "answer" }
  | { readonly type: "reasoning"; readonly text: string }
  /** Says what the tools returned and nothing else; `report` says it in a sentence. */
  | { readonly type: "results" }
  | { readonly type: "report" }
  /** `arguments` is JSON text of an object. Without `id` the agent makes one. */
  | {
      readonly type: "tool";
      readonly name: string;
      readonly arguments: string;
      readonly id?: string;
    }
  | { readonly type: "park" }
  /** In force from here on: milliseconds before each piece, characters in each piece. */
  | { readonly type: "delay"; readonly ms: number }
  | { readonly type: "chunk"; readonly characters: number }
  /** How often the next text is said. */
  | { readonly type: "repeat"; readonly times: number }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "finish"; readonly reason: FinishReason }
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "crash" }
  | { readonly type: "hang" };

/** The range of each number, the same in both ways of telling. */
export const STEP_LIMITS = {
  delay: { least: 0, most: 3_600_000 },
  chunk: { least: 1, most: 1_000_000 },
  repeat: { least: 0, most: 10_000_000 },
  usage: { least: 0, most: 1_000_000_000 },
} as const;

/** What one turn does. */
export interface Segment {
  readonly steps: readonly RehearsalStep[];
  readonly parks: boolean;
}

/**
 * Steps as turns: a turn ends after its tool calls, and what is to be said next answers their results.
 * A segment that would say nothing gets the agent's own answer, or after a parked call its own report.
 */
export function toSegments(steps: readonly RehearsalStep[]): readonly Segment[] {
  const segments: Segment[] = [];
  let open: RehearsalStep[] = [];
  const close = (parks: boolean): void => {
    segments.push({ steps: open, parks });
    open = paceOf(open);
  };
  for (const step of steps) {
    if (step.type === "park") {
      close(true);
      continue;
    }
    if (isSpeech(step) && callsTools(open)) close(false);
    open.push(step);
  }
  close(false);
  return segments.map(speaking);
}

/** Why these steps make no sense together, as a sentence; `undefined` when they do. */
export function faultOf(steps: readonly RehearsalStep[]): string | undefined {
  let calls = 0;
  let repeats = false;
  for (const step of steps) {
    if (step.type === "tool") calls += 1;
    if (step.type === "repeat") repeats = true;
    if (step.type === "say") repeats = false;
    if (step.type === "park" && calls === 0)
      return '"park" comes right after the "tool" it waits for.';
    if (step.type === "park" || isSpeech(step)) calls = 0;
  }
  if (repeats && steps.some(isContent)) return '"repeat" needs a "say" after it to repeat.';
  return undefined;
}

/** Delay and chunk stay in force from one turn of an answer to the next. */
function paceOf(steps: readonly RehearsalStep[]): RehearsalStep[] {
  const delay = steps.findLast(({ type }) => type === "delay");
  const chunk = steps.findLast(({ type }) => type === "chunk");
  return [delay, chunk].filter((step) => step !== undefined);
}

function speaking(segment: Segment, index: number): Segment {
  if (segment.steps.some(isContent)) return segment;
  return { ...segment, steps: [...segment.steps, { type: index === 0 ? "answer" : "report" }] };
}

function callsTools(steps: readonly RehearsalStep[]): boolean {
  return steps.some(({ type }) => type === "tool");
}

function isSpeech({ type }: RehearsalStep): boolean {
  return type === "say" || type === "reasoning" || type === "results";
}

/** Steps that make an answer by themselves. Reasoning alone is none: editors take it for an empty one. */
function isContent({ type }: RehearsalStep): boolean {
  switch (type) {
    case "say":
    case "answer":
    case "results":
    case "report":
    case "tool":
    case "error":
    case "crash":
    case "hang":
      return true;
    default:
      return false;
  }
}
