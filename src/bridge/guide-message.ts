// What an editor asks as the guides' bridges understand it: messages of a role and text. What the guides do not know
// (images, tools) is in OpenAI's form beside it. Pure; shared by both forms.

import { AppError } from "../core/error.ts";
import type { Turn, TurnRequest } from "../core/turn.ts";
import type { WireMessage } from "./payload.ts";
import { type Payload } from "./payload.ts";
import { toPayload } from "./request.ts";

/** The request of a turn. Throws `parked_turn_unknown`: no guide's agent waits for tools, so it holds no such turn. */
export function askedOf(turn: Turn): TurnRequest {
  if (turn.request.kind !== "resume") return turn.request;
  throw new AppError("parked_turn_unknown", "The agent does not hold that turn: ask again.");
}

/** The payload, and the messages that say the same to an agent that knows nothing else. */
export function plainPayload(request: TurnRequest): {
  readonly payload: Payload;
  readonly messages: readonly WireMessage[];
} {
  const payload = toPayload(request);
  switch (payload.kind) {
    case "chat":
      return { payload, messages: payload.messages.map(plainMessage) };
    case "completion":
      return { payload, messages: [{ role: "user", content: payload.prompt }] };
    case "embedding":
      return { payload, messages: payload.input.map((content) => ({ role: "user", content })) };
  }
}

/** Text in parts becomes one text, a line each; only images need parts. */
function plainMessage(message: WireMessage): WireMessage {
  const { content } = message;
  if (typeof content === "string") return message;
  const texts: string[] = [];
  for (const part of content) {
    if (part.type !== "text") return message;
    texts.push(part.text);
  }
  return { ...message, content: texts.join("\n") };
}
