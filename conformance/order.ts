// Streams as bytes on the wire: reading server-sent events and lines of JSON, and judging the order of what is in them.

import { must } from "./check.ts";
import { parsed } from "./server.ts";

export interface StreamEvent {
  /** Of its `event:` line; "" without one. */
  readonly event: string;
  readonly data: string;
}

/** Comments are left out; a line that is none of the format's is a failure. */
export function readEvents(text: string): readonly StreamEvent[] {
  must(text.endsWith("\n\n"), "the stream's last event is not ended by an empty line");
  const events: StreamEvent[] = [];
  for (const block of text.split("\n\n").slice(0, -1)) {
    const lines = block.split("\n").filter((line) => !line.startsWith(":"));
    if (lines.length === 0) continue;
    const event = lines.filter((line) => line.startsWith("event: "));
    const data = lines.filter((line) => line.startsWith("data: "));
    must(data.length === 1 && event.length <= 1, `an event has ${data.length} lines of data`);
    must(event.length + data.length === lines.length, "an event has a line of no known field");
    events.push({
      event: event[0]?.slice("event: ".length) ?? "",
      data: data[0]?.slice("data: ".length) ?? "",
    });
  }
  return events;
}

/** Each line is JSON, the last one ends with a line feed, and none is empty. */
export function readLines(text: string): readonly unknown[] {
  must(text.endsWith("\n"), "the last line does not end with a line feed");
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      const value = parsed(line);
      must(value !== undefined, "a line is not JSON");
      return value;
    });
}

/** State → event → next state. An event that a state does not name is out of order there. */
export type Machine = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Follows the events from `start` to `end`. */
export function follow(machine: Machine, events: readonly string[]): void {
  let state = "start";
  for (const [index, event] of events.entries()) {
    const next = machine[state]?.[event];
    const before = events.slice(Math.max(0, index - 3), index).join(", ") || "the beginning";
    must(next !== undefined, `event ${index}, "${event}", is out of order after ${before}`);
    state = next;
  }
  must(state === "end", `the stream ends in the state "${state}", after ${events.at(-1)}`);
}
