// A turn's events put together, for clients that do not stream and for repeating an outcome.

import { assertNever } from "../core/assert.ts";
import type { FinishEvent, TurnEvent, TurnResult } from "../core/event.ts";
import type { Hold } from "./buffers.ts";

export interface Collector {
  /** `false` once the answer has outgrown the limit: from then on nothing more is kept. */
  add(event: TurnEvent): boolean;
  /** Text, reasoning and arguments so far, in UTF-16 code units. */
  readonly size: number;
  /** `undefined` before the finish, and for an answer that outgrew the limit. */
  result(): TurnResult | undefined;
}

/** What a call takes beside its texts, so that calls of nothing are not free. */
const CALL_SIZE = 64;

/** `limit` in UTF-16 code units of text, ids, reasoning and arguments together. `held` is told of what is kept. */
export function createCollector(limit: number, held: Pick<Hold, "grow">): Collector {
  let text = "";
  let reasoning = "";
  const toolCalls: { id: string; name: string; arguments: string }[] = [];
  let vectors: TurnResult["vectors"] = [];
  let finish: FinishEvent | undefined;
  let size = 0;
  let kept = 0;

  function add(event: TurnEvent): boolean {
    const said = sizeOf(event);
    const more = said + (event.type === "tool-call-start" ? event.id.length + CALL_SIZE : 0);
    size += said;
    kept += more;
    if (kept > limit) return false;
    if (more > 0) held.grow(more);
    switch (event.type) {
      case "text-delta":
        text += event.text;
        break;
      case "reasoning-delta":
        reasoning += event.text;
        break;
      case "tool-call-start":
        toolCalls.push({ id: event.id, name: event.name, arguments: "" });
        break;
      case "tool-call-delta": {
        const call = toolCalls.at(-1);
        if (call !== undefined) call.arguments += event.arguments;
        break;
      }
      case "embeddings":
        vectors = event.vectors;
        break;
      case "finish":
        finish = event;
        break;
      default:
        assertNever(event);
    }
    return true;
  }

  function result(): TurnResult | undefined {
    if (finish === undefined || kept > limit) return undefined;
    const calls = toolCalls.map((call) => ({
      id: call.id,
      name: call.name,
      arguments: call.arguments || "{}",
    }));
    return { text, reasoning, toolCalls: calls, vectors, finish };
  }

  return {
    add,
    result,
    get size() {
      return size;
    },
  };
}

function sizeOf(event: TurnEvent): number {
  switch (event.type) {
    case "text-delta":
    case "reasoning-delta":
      return event.text.length;
    case "tool-call-start":
      return event.name.length;
    case "tool-call-delta":
      return event.arguments.length;
    default:
      return 0;
  }
}

/** The events of a result, for a client that asked for them streamed. */
export function* eventsOf(result: TurnResult): Iterable<TurnEvent> {
  if (result.reasoning !== "") yield { type: "reasoning-delta", text: result.reasoning };
  if (result.text !== "") yield { type: "text-delta", text: result.text };
  for (const call of result.toolCalls) {
    yield { type: "tool-call-start", id: call.id, name: call.name };
    yield { type: "tool-call-delta", id: call.id, arguments: call.arguments };
  }
  if (result.vectors.length > 0) yield { type: "embeddings", vectors: result.vectors };
  yield result.finish;
}
