// An agent's own tools are its own business: what it says of them is no call of the editor's, whatever its connector
// makes of them.

import type { TurnEvent } from "../../core/event.ts";

/** The agent's events without calls of its own; a turn that ended with such calls has simply stopped. */
export async function* withoutOwnCalls(
  events: AsyncIterable<TurnEvent>,
): AsyncGenerator<TurnEvent> {
  for await (const event of events) {
    if (event.type === "tool-call-start" || event.type === "tool-call-delta") continue;
    const stopped = event.type === "finish" && event.reason === "tool_calls";
    yield stopped ? { ...event, reason: "stop" } : event;
  }
}
