// Tool calls in the answer of a foreign bridge (OpenAI's form, of which neither guide speaks) put into our grammar: one
// after the other. Pure, but keeps which call is open.

import type { TurnEvent } from "../core/event.ts";
import { agentError } from "./failure.ts";
import type { GuideCall } from "./guide-frames.ts";

export interface GuideCalls {
  /** Throws `agent_error` for a piece of a call that is not the open one. */
  read(call: GuideCall, into: TurnEvent[]): void;
  /** Something else was said: the open call is complete. */
  close(): void;
  /** Whether there was any call. */
  readonly called: boolean;
}

interface OpenCall {
  readonly id: string;
  readonly index: number | undefined;
}

export function createGuideCalls(callId: () => string): GuideCalls {
  const ids = new Set<string>();
  let open: OpenCall | undefined;

  function read(call: GuideCall, into: TurnEvent[]): void {
    const name = call.function?.name ?? "";
    const id = call.id ?? "";
    const index = call.index ?? undefined;
    if (name !== "" && isAnother(open, id, index)) {
      open = { id: id === "" ? callId() : id, index };
      if (ids.has(open.id)) throw agentError("The agent mixed up its tool calls.");
      ids.add(open.id);
      into.push({ type: "tool-call-start", id: open.id, name });
    } else if (open === undefined || isElse(open, id, index)) {
      throw agentError("The agent sent its tool calls out of order.");
    }
    const given = call.function?.arguments ?? "";
    const text = typeof given === "string" ? given : JSON.stringify(given);
    if (text !== "") into.push({ type: "tool-call-delta", id: open.id, arguments: text });
  }

  return {
    read,
    close: () => {
      open = undefined;
    },
    get called() {
      return ids.size > 0;
    },
  };
}

/** A piece with a name begins a call, unless it repeats the name of the open one. */
function isAnother(open: OpenCall | undefined, id: string, index: number | undefined): boolean {
  if (open === undefined || isElse(open, id, index)) return true;
  return id === "" && index === undefined;
}

function isElse(open: OpenCall, id: string, index: number | undefined): boolean {
  return (id !== "" && id !== open.id) || (index !== undefined && index !== open.index);
}
