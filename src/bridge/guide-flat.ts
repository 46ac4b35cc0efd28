// A turn in the flat form: everything at the top of the frame. Pure.

import { AppError } from "../core/error.ts";
import type { Turn } from "../core/turn.ts";
import { askedOf, plainPayload } from "./guide-message.ts";

/** The text of the frame. `agentId` is sent where one is configured. Throws `unsupported`, `parked_turn_unknown`. */
export function encodeFlat(turn: Turn, agentId: string | undefined): string {
  const request = askedOf(turn);
  if (request.kind === "embedding") {
    throw new AppError("unsupported", "A bridge of the flat form cannot make embeddings.");
  }
  const { payload, messages } = plainPayload(request);
  const { kind: _kind, parameters, ...asked } = payload;
  return JSON.stringify({
    type: "model_invoke",
    id: turn.id,
    ...asked,
    messages,
    ...parameters,
    ...(agentId === undefined ? {} : { agent_id: agentId }),
  });
}

/** The liveness message of the flat guide, which no reply is defined for. `now` in milliseconds since the epoch. */
export function flatPing(now: number): string {
  return JSON.stringify({ type: "ping", timestamp: new Date(now).toISOString() });
}
