// What agents are told about the editor's tools. Read by models: short, plain, and never a word of the conversation.

import type { ToolChoice } from "../../core/turn.ts";

export const SERVER_INSTRUCTIONS =
  "The tools of the editor that the user works in. Where one of them does what is needed, call it rather than a tool of your own: it acts on what the user has open.";

export const STILL_WAITING = "Waiting for the editor.";

/** Stands before what the user sent beside the results. */
export const USER_WROTE = "The user wrote with these results:";

export const NO_RESULT = "The editor sent no result for this call.";
export const TOO_LATE = "The editor did not answer in time. The turn has ended.";
export const TURN_OVER = "The turn has ended: the editor answers no more calls in it.";
export const TOO_MANY = "Too many calls at once. Wait for the results of the others first.";

/** What a tool choice comes down to where nothing can be forced: `undefined` for one that leaves it to the agent. */
export function choiceInWords(choice: ToolChoice | undefined): string | undefined {
  if (choice === undefined || choice === "auto" || choice === "none") return undefined;
  return choice === "required"
    ? "Call at least one of the editor's tools before you answer."
    : `Call the editor's tool "${choice.name}" before you answer.`;
}
