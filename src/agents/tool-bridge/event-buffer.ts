// What the agent has said and nobody has read yet: bounded, so that an agent whose turn is parked or read slowly is
// held up rather than remembered. One writer, one reader.

import type { TurnEvent } from "../../core/event.ts";

export interface EventBuffer {
  /** A promise where there is more now than may be kept: nothing may follow before it is fulfilled. */
  push(event: TurnEvent): Promise<void> | undefined;
  shift(): TurnEvent | undefined;
  /** Lets a held-up writer go, for good. */
  open(): void;
}

/** Room that an event takes beside its text, in UTF-16 code units. */
const EVENT_UNITS = 64;

/** `most`: in UTF-16 code units. */
export function createEventBuffer(most: number): EventBuffer {
  const events: TurnEvent[] = [];
  let size = 0;
  let opened = false;
  let room: PromiseWithResolvers<void> | undefined;

  function letGo(): void {
    room?.resolve();
    room = undefined;
  }

  return {
    push: (event) => {
      events.push(event);
      size += unitsOf(event);
      if (size <= most || opened) return undefined;
      room ??= Promise.withResolvers<void>();
      return room.promise;
    },
    shift: () => {
      const event = events.shift();
      if (event === undefined) return undefined;
      size -= unitsOf(event);
      if (size <= most) letGo();
      return event;
    },
    open: () => {
      opened = true;
      letGo();
    },
  };
}

function unitsOf(event: TurnEvent): number {
  const spoken = event.type === "text-delta" || event.type === "reasoning-delta";
  return EVENT_UNITS + (spoken ? event.text.length : 0);
}
