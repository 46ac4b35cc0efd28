// What a scripted agent does in one turn, in a small language that every kind of agent can be made to act out.
// Knows no agent and no test runner: a harness turns a scenario into its agent's own script.

import type { ErrorCode } from "../../src/core/error.ts";
import type { FinishReason, Usage } from "../../src/core/event.ts";
import type { Turn } from "../../src/core/turn.ts";

export type Step =
  | { readonly type: "say"; readonly text: string }
  | { readonly type: "think"; readonly text: string }
  /** The fragments joined are the JSON text of the arguments; none at all means `{}`. */
  | {
      readonly type: "call";
      readonly id: string;
      readonly name: string;
      readonly fragments: readonly string[];
    }
  /**
   * Says the content of every tool result that the turn brought, one after the other with nothing between; an image as
   * `[image/png, 3 bytes]`.
   */
  | { readonly type: "say-results" }
  /** What the finish will report. */
  | { readonly type: "usage"; readonly usage: Usage }
  /** Ends the turn with this reason. Without it: `tool_calls` when there were calls, else `stop`. */
  | { readonly type: "finish"; readonly reason: FinishReason }
  /** Ends the turn `parked`; the steps that follow are what the resumed turn does. */
  | { readonly type: "park" }
  | { readonly type: "fail"; readonly code: ErrorCode }
  /** Nothing more, until the turn is cancelled. */
  | { readonly type: "hang" }
  /** Answers an embedding: input → vector. */
  | { readonly type: "vectors"; readonly table: Readonly<Record<string, readonly number[]>> };

/** Played when the last user message is exactly `when`; without `when`, for every message. */
interface Play {
  readonly when?: string;
  readonly steps: readonly Step[];
}

/** The first play that fits is played. */
export type Scenario = readonly Play[];

export const say = (text: string): Step => ({ type: "say", text });
export const think = (text: string): Step => ({ type: "think", text });
export const call = (id: string, name: string, ...fragments: readonly string[]): Step => ({
  type: "call",
  id,
  name,
  fragments,
});
export const sayResults: Step = { type: "say-results" };
export const usage = (usage: Usage): Step => ({ type: "usage", usage });
export const finish = (reason: FinishReason): Step => ({ type: "finish", reason });
export const park: Step = { type: "park" };
export const fail = (code: ErrorCode): Step => ({ type: "fail", code });
export const hang: Step = { type: "hang" };
export const vectors = (table: Readonly<Record<string, readonly number[]>>): Step => ({
  type: "vectors",
  table,
});

/** The steps for a last user message (`""` when there is none). */
export function stepsFor(scenario: Scenario, message: string): readonly Step[] {
  const play = scenario.find(({ when }) => when === undefined || when === message);
  if (play === undefined) throw new Error("the scenario has no play for this message");
  return play.steps;
}

/** The text of the last user message of a turn, `""` when there is none. */
export function lastUserText(turn: Turn): string {
  if (turn.request.kind !== "chat") return "";
  const last = turn.request.messages.findLast(({ role }) => role === "user");
  return (last?.content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}
