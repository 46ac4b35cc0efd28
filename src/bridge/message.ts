// Messages of a conversation as the link carries them (OpenAI chat completions shape), and back. Pure.

import type { Message, Part, ToolCall } from "../core/turn.ts";
import type { WireContent, WireMessage, WirePart, WireToolCall } from "./payload.ts";
import { present } from "./present.ts";

export function toMessage(message: Message): WireMessage {
  const content = toContent(message.content);
  switch (message.role) {
    case "system":
      return { role: "system", content };
    case "user":
      return present({ role: "user" as const, content, name: message.name });
    case "assistant":
      return present({
        role: "assistant" as const,
        content,
        reasoning: message.reasoning,
        tool_calls: message.toolCalls?.map(toToolCall),
      });
    case "tool":
      return present({
        role: "tool" as const,
        tool_call_id: message.toolCallId,
        name: message.name,
        content,
        is_error: message.isError,
      });
  }
}

export function fromMessage(message: WireMessage): Message {
  const content = fromContent(message.content);
  switch (message.role) {
    case "system":
      return { role: "system", content };
    case "user":
      return present({ role: "user" as const, content, name: message.name });
    case "assistant":
      return present({
        role: "assistant" as const,
        content,
        reasoning: message.reasoning,
        toolCalls: message.tool_calls?.map((call) => ({ id: call.id, ...call.function })),
      });
    case "tool":
      return present({
        role: "tool" as const,
        toolCallId: message.tool_call_id,
        name: message.name,
        content,
        isError: message.is_error,
      });
  }
}

function toContent(parts: readonly Part[]): WireContent {
  const [first] = parts;
  if (parts.length === 1 && first?.type === "text") return first.text;
  return parts.map(toPart);
}

function fromContent(content: WireContent): readonly Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.map(fromPart);
}

/** Content of a tool's result, or what came with it: text alone is a string, and none is an empty one. */
export function toResultContent(parts: readonly Part[]): WireContent {
  let text = "";
  for (const part of parts) {
    if (part.type !== "text") return parts.map(toPart);
    text += part.text;
  }
  return text;
}

export function fromResultContent(content: WireContent): readonly Part[] {
  return content === "" ? [] : fromContent(content);
}

function toPart(part: Part): WirePart {
  if (part.type === "text") return { type: "text", text: part.text };
  const url = part.type === "image" ? `data:${part.mediaType}${BASE64_MARK}${part.data}` : part.url;
  return { type: "image_url", image_url: { url } };
}

const BASE64_MARK = ";base64,";

function fromPart(part: WirePart): Part {
  if (part.type === "text") return part;
  const { url } = part.image_url;
  const mark = url.startsWith("data:") ? url.indexOf(BASE64_MARK) : -1;
  if (mark < 0) return { type: "image-url", url };
  const data = url.slice(mark + BASE64_MARK.length);
  return { type: "image", mediaType: url.slice("data:".length, mark), data };
}

export function toToolCall(call: ToolCall): WireToolCall {
  const { id, name } = call;
  return { id, type: "function", function: { name, arguments: call.arguments } };
}
