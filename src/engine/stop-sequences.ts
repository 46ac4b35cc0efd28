// Ends an answer at the first of the request's stop sequences, for agents that take no notice of them.
// Looks at text alone: reasoning passes, and from the first tool call on so does everything.

import type { TurnEvent } from "../core/event.ts";

/** The agent whose answer is listened to. */
export interface StoppableAgent {
  /** Called at each of its events, of which some are held back. */
  heard(): void;
  /** Called once, when its answer has reached a stop sequence: nothing of it is read after that. */
  stop(): void;
}

/**
 * The answer up to the earliest place where a sequence begins; of two that begin there, the shorter one counts. Holds
 * back only what may be the beginning of one. An agent that is stopped had no time to count: its finish has no usage.
 */
export async function* withStop(
  events: AsyncIterable<TurnEvent>,
  stop: readonly string[],
  agent: StoppableAgent,
): AsyncGenerator<TurnEvent> {
  const search = createStopSearch(stop);
  const iterator = events[Symbol.asyncIterator]();
  let callsTools = false;
  let isStopped = false;
  try {
    for (;;) {
      const step = await iterator.next();
      if (step.done === true) return;
      const event = step.value;
      agent.heard();
      if (callsTools || event.type === "reasoning-delta") {
        yield event;
        continue;
      }
      const { text, stopSequence } =
        event.type === "text-delta" ? search.push(event.text) : search.end();
      if (text !== "") yield { type: "text-delta", text };
      if (stopSequence !== undefined) {
        isStopped = event.type !== "finish";
        if (isStopped) agent.stop();
        const end = event.type === "finish" ? event : { type: "finish" as const };
        yield { ...end, reason: "stop", stopSequence };
        return;
      }
      callsTools = event.type === "tool-call-start";
      if (event.type !== "text-delta") yield event;
    }
  } finally {
    // An agent that was stopped may take its time to clean up: its answer is over, and nobody waits for that.
    const ended = iterator.return?.();
    if (isStopped) ended?.catch(() => undefined);
    else await ended;
  }
}

/** `text` is certain to come before any stop sequence. With `stopSequence`, it is the last of the answer. */
export interface Searched {
  readonly text: string;
  readonly stopSequence?: string;
}

export interface StopSearch {
  push(text: string): Searched;
  /** No more text comes: what was held back is not the beginning of anything now. */
  end(): Searched;
}

export function createStopSearch(stop: readonly string[]): StopSearch {
  const byFirst = sequencesByFirst(stop);
  let held = "";

  function search(text: string, isLast: boolean): Searched {
    held = "";
    for (let at = 0; at < text.length; at += 1) {
      const candidates = byFirst.get(text.charCodeAt(at));
      if (candidates === undefined || isInsidePair(text, at)) continue;
      const found = candidates.find((sequence) => text.startsWith(sequence, at));
      if (found !== undefined) return { text: text.slice(0, at), stopSequence: found };
      const rest = text.slice(at);
      if (isLast || !candidates.some((sequence) => sequence.startsWith(rest))) continue;
      held = rest;
      return { text: text.slice(0, at) };
    }
    return { text };
  }

  return {
    push: (text) => search(held + text, false),
    end: () => search(held, true),
  };
}

/** By their first code unit, the shorter ones first. */
function sequencesByFirst(stop: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const byFirst = new Map<number, string[]>();
  for (const sequence of stop.toSorted((one, other) => one.length - other.length)) {
    if (sequence === "") continue;
    const first = sequence.charCodeAt(0);
    const known = byFirst.get(first);
    if (known === undefined) byFirst.set(first, [sequence]);
    else known.push(sequence);
  }
  return byFirst;
}

/** A sequence that begins with half a character is not looked for inside whole ones: the text would end in the other half. */
function isInsidePair(text: string, at: number): boolean {
  return at > 0 && /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(at - 1, at + 1));
}
