// Reads a turn to its end, holding every event against the grammar of core/event.ts, and puts it together.

import type { TurnEvent, TurnResult } from "../../src/core/event.ts";
import { isJsonObject, parseJson } from "../../src/core/json.ts";

export interface CollectedTurn extends TurnResult {
  readonly events: readonly TurnEvent[];
}

interface OpenCall {
  readonly id: string;
  readonly name: string;
  arguments: string;
}

/** Throws what the turn throws, or an `Error` that names the rule an event broke. */
export async function collectTurn(turn: AsyncIterable<TurnEvent>): Promise<CollectedTurn> {
  const events: TurnEvent[] = [];
  for await (const event of turn) events.push(event);
  return assembleTurn(events);
}

/** The events so far of a turn that need not have ended well: `finish` stays out when there was none. */
export function assembleTurn(events: readonly TurnEvent[]): CollectedTurn {
  let text = "";
  let reasoning = "";
  const calls: OpenCall[] = [];
  const vectors: (readonly number[])[] = [];
  let open: OpenCall | undefined;
  let finish: CollectedTurn["finish"] | undefined;
  for (const event of events) {
    if (finish !== undefined) throw new Error(`"${event.type}" came after the finish`);
    if (event.type !== "tool-call-delta") open = undefined;
    switch (event.type) {
      case "text-delta":
        text += event.text;
        break;
      case "reasoning-delta":
        reasoning += event.text;
        break;
      case "tool-call-start":
        if (calls.some(({ id }) => id === event.id)) throw new Error("a tool call started twice");
        open = { id: event.id, name: event.name, arguments: "" };
        calls.push(open);
        break;
      case "tool-call-delta":
        if (open?.id !== event.id) throw new Error("a tool call's delta does not follow its start");
        open.arguments += event.arguments;
        break;
      case "embeddings":
        vectors.push(...event.vectors);
        break;
      case "finish":
        finish = event;
        break;
    }
  }
  if (finish === undefined) throw new Error("the turn ended without a finish");
  for (const call of calls) {
    if (call.arguments === "") call.arguments = "{}";
    if (!isJsonObject(parseJson(call.arguments))) throw new Error("arguments are no JSON object");
  }
  return { events, text, reasoning, toolCalls: calls, vectors, finish };
}
