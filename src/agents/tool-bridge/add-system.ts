// One more instruction for the agent, where it belongs: after the editor's own, before the conversation, so that what
// follows is the same from one request to the next.

import type { ChatRequest, Message } from "../../core/turn.ts";

/** The request as it is where there is nothing to add. */
export function addSystem(request: ChatRequest, text: string | undefined): ChatRequest {
  if (text === undefined) return request;
  const { messages } = request;
  const first = messages.findIndex(({ role }) => role !== "system");
  const at = first < 0 ? messages.length : first;
  const added: Message = { role: "system", content: [{ type: "text", text }] };
  return { ...request, messages: [...messages.slice(0, at), added, ...messages.slice(at)] };
}
