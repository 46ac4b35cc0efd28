// A conversation as editors write it → core `Message`s. Order and text stay as they are. Anthropic's parts and
// Gemini's messages are understood too, since Void posts both to this route, going by the model's name.

import { AppError } from "../../core/error.ts";
import type { Message, Part, ToolCall } from "../../core/turn.ts";
import { createCallBook } from "./decode-calls.ts";
import type { CallBook } from "./decode-calls.ts";
import { fromGemini } from "./decode-gemini.ts";
import { decodePart, decodeText } from "./decode-parts.ts";
import { said } from "../kit/said.ts";
import type { ChatMessage, ContentPart } from "./schema.ts";

/** Throws `invalid_request` or `unsupported` with the place as `param`. */
export function decodeMessages(messages: readonly ChatMessage[]): Message[] {
  if (messages.length === 0) {
    throw new AppError("invalid_request", "Send at least one message.", { param: "messages" });
  }
  const calls = createCallBook();
  return messages.flatMap((message, index) => decodeMessage(message, `messages[${index}]`, calls));
}

function decodeMessage(message: ChatMessage, place: string, calls: CallBook): Message[] {
  switch (message.role) {
    case "system":
    case "developer":
      return [{ role: "system", content: plainContent(message, place) }];
    case "user":
      return decodeUser(message, place, calls);
    case "assistant":
    case "model":
      return [decodeAssistant(message, place, calls)];
    case "tool":
    case "function":
      return [decodeTool(message, place, calls)];
    default:
      throw new AppError(
        "invalid_request",
        "A message's role is system, developer, user, assistant or tool.",
        { param: `${place}.role` },
      );
  }
}

/** Tool results among the parts become messages of their own, in their place. */
function decodeUser(message: ChatMessage, place: string, calls: CallBook): Message[] {
  const messages: Message[] = [];
  let content: Part[] = [];
  const endMessage = () => {
    messages.push({ role: "user", content, ...said({ name: message.name }) });
    content = [];
  };
  for (const { part, place: at } of partsOf(message, place)) {
    if (part.type === "tool_result") {
      if (content.length > 0) endMessage();
      messages.push(decodeToolResult(part, at, calls));
    } else {
      content.push(decodePart(part, at));
    }
  }
  if (content.length > 0 || messages.length === 0) endMessage();
  return messages;
}

function decodeToolResult(part: ContentPart, place: string, calls: CallBook): Message {
  const content =
    typeof part.content === "string"
      ? decodeText(part.content)
      : (part.content ?? []).map((inner, index) => decodePart(inner, `${place}.content[${index}]`));
  return {
    role: "tool",
    toolCallId: calls.answer(part.tool_use_id, part.name),
    content,
    ...said({ isError: part.is_error }),
  };
}

function decodeAssistant(message: ChatMessage, place: string, calls: CallBook): Message {
  const content: Part[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  for (const { part, place: at } of partsOf(message, place)) {
    if (part.type === "tool_use")
      toolCalls.push(calls.call({ ...part, arguments: part.input }, at));
    else if (part.type === "thinking") thoughts.push(part.thinking ?? "");
    // What a redacted thought says is known to its model alone.
    else if (part.type !== "redacted_thinking") content.push(decodePart(part, at));
  }
  for (const [index, call] of (message.tool_calls ?? []).entries()) {
    const at = `${place}.tool_calls[${index}].function`;
    toolCalls.push(calls.call({ ...call.function, id: call.id }, at));
  }
  if (message.function_call) {
    toolCalls.push(calls.call({ ...message.function_call, id: null }, `${place}.function_call`));
  }
  const reasoning = message.reasoning_content || message.reasoning || thoughts.join("\n\n");
  return {
    role: "assistant",
    content,
    ...(reasoning !== "" && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

function decodeTool(message: ChatMessage, place: string, calls: CallBook): Message {
  return {
    role: "tool",
    toolCallId: calls.answer(message.tool_call_id, message.name),
    ...said({ name: message.name }),
    content: plainContent(message, place),
  };
}

function plainContent(message: ChatMessage, place: string): Part[] {
  return partsOf(message, place).map(({ part, place: at }) => decodePart(part, at));
}

interface PlacedPart {
  readonly part: ContentPart;
  readonly place: string;
}

function partsOf(message: ChatMessage, place: string): PlacedPart[] {
  const { content, parts, refusal } = message;
  if (typeof content === "string") return textPart(content, `${place}.content`);
  if (content) return content.map((part, index) => ({ part, place: `${place}.content[${index}]` }));
  if (parts) {
    return parts.map((part, at) => ({ part: fromGemini(part), place: `${place}.parts[${at}]` }));
  }
  return textPart(refusal ?? "", `${place}.refusal`);
}

function textPart(text: string, place: string): PlacedPart[] {
  return text === "" ? [] : [{ part: { type: "text", text }, place }];
}
