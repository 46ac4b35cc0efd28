// What whole answers and streams say alike: why the answer ended, and whose thoughts they are.

import type { FinishEvent } from "../../core/event.ts";
import type { StopReason } from "./answer-schema.ts";

/**
 * Thinking blocks carry a signature by which Anthropic knows its own. Clients drop or refuse blocks without one, so
 * ours have one that claims nothing: base64 of our name. It comes back in the history, and is not looked at.
 */
export const SIGNATURE = "bWNwLWxvY2FsLXByb3ZpZGVy";

/** `tool_use` is said exactly where there are calls: clients act on it. */
export function stopOf(
  { reason, stopSequence }: FinishEvent,
  calls: number,
): { stop_reason: StopReason; stop_sequence: string | null } {
  if (reason === "length") return { stop_reason: "max_tokens", stop_sequence: null };
  if (reason === "content_filter") return { stop_reason: "refusal", stop_sequence: null };
  if (calls > 0) return { stop_reason: "tool_use", stop_sequence: null };
  if (reason === "stop" && stopSequence !== undefined) {
    return { stop_reason: "stop_sequence", stop_sequence: stopSequence };
  }
  return { stop_reason: "end_turn", stop_sequence: null };
}
