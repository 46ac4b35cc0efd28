// A guess at token counts, for agents that do not count: about four characters to a token.
// Always marked as estimated; never used where a real figure is known.

import type { Usage } from "../core/event.ts";
import type { Message, Part, ResumeRequest, TurnRequest } from "../core/turn.ts";

const CHARACTERS_PER_TOKEN = 4;

export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

export function estimateUsage(
  request: TurnRequest | ResumeRequest,
  answeredCharacters: number,
): Usage {
  return {
    promptTokens: estimateTokens(promptCharacters(request)),
    completionTokens: estimateTokens(answeredCharacters),
    estimated: true,
  };
}

export function promptCharacters(request: TurnRequest | ResumeRequest): number {
  switch (request.kind) {
    case "chat":
      return request.messages.reduce((sum, message) => sum + messageCharacters(message), 0);
    case "completion":
      return request.prompt.length + (request.suffix?.length ?? 0);
    case "embedding":
      return request.input.reduce((sum, text) => sum + text.length, 0);
    case "resume":
      return request.results.reduce(
        (sum, { content }) => sum + textCharacters(content),
        textCharacters(request.message ?? []),
      );
  }
}

function messageCharacters(message: Message): number {
  let sum = textCharacters(message.content);
  if (message.role === "assistant") {
    for (const call of message.toolCalls ?? []) sum += call.name.length + call.arguments.length;
  }
  return sum;
}

function textCharacters(parts: readonly Part[]): number {
  let sum = 0;
  for (const part of parts) if (part.type === "text") sum += part.text.length;
  return sum;
}
