// A turn in the nested form: what it asks is in `payload`, who asks in `model_meta`. Pure.

import type { Turn } from "../core/turn.ts";
import { askedOf, plainPayload } from "./guide-message.ts";

/** The words that the guide itself sends. */
const PROVIDER = "mcp-proxy";

/** The text of the frame. `label` names this provider to people. Throws `parked_turn_unknown`. */
export function encodeNested(turn: Turn, label: string): string {
  const { payload, messages } = plainPayload(askedOf(turn));
  return JSON.stringify({
    type: "model_invoke",
    id: turn.id,
    session_id: turn.sessionId,
    model_meta: { provider: PROVIDER, label, requested_scopes: turn.scopes },
    payload: { ...payload, messages },
  });
}
