// Ollama's chat messages and images → ours. Knows nothing of the rest of a request.
// Ollama's tool calls have no ids, or ids that the editor does not send back: we give each call one that depends on
// its place only, and find for every tool message the call it answers.

import { AppError } from "../../core/error.ts";
import type { Message, Part, ToolCall } from "../../core/turn.ts";
import { compact } from "./compact.ts";
import type { ChatMessage, ContentPart } from "./schema.ts";

/** Throws `AppError` `invalid_request` or `unsupported`, naming the message. */
export function decodeMessages(messages: readonly ChatMessage[]): Message[] {
  const calls = createOpenCalls();
  return messages.map((message, index) => decodeMessage(message, index, calls));
}

function decodeMessage(message: ChatMessage, index: number, calls: OpenCalls): Message {
  const path = `messages[${index}]`;
  const content = [
    ...decodeContent(message.content, path),
    ...decodeImages(message.images, `${path}.images`),
  ];
  switch (message.role.toLowerCase()) {
    case "system":
    case "developer":
      return { role: "system", content };
    case "user":
      return { role: "user", content };
    case "assistant": {
      const toolCalls = decodeToolCalls(message.tool_calls, index);
      calls.open(toolCalls);
      return {
        role: "assistant",
        content,
        ...(message.thinking && { reasoning: message.thinking }),
        ...(toolCalls.length > 0 && { toolCalls }),
      };
    }
    case "tool": {
      const { id, name } = calls.answer(message, `call_${index}_0`);
      return { role: "tool", toolCallId: id, content, ...compact<{ name: string }>({ name }) };
    }
    default:
      throw new AppError(
        "invalid_request",
        `${path}.role must be system, user, assistant or tool.`,
        { param: `${path}.role` },
      );
  }
}

function decodeToolCalls(calls: ChatMessage["tool_calls"], messageIndex: number): ToolCall[] {
  return (calls ?? []).map((call, index) => ({
    id: call.id || `call_${messageIndex}_${index}`,
    name: call.function.name,
    arguments: JSON.stringify(call.function.arguments ?? {}),
  }));
}

interface OpenCalls {
  /** The calls that the tool messages from here on answer. No calls: nothing changes. */
  open(calls: readonly ToolCall[]): void;
  /** The call that a tool message answers, or one with `orphanId` when no call is left. */
  answer(message: ChatMessage, orphanId: string): { id: string; name: string | undefined };
}

function createOpenCalls(): OpenCalls {
  let waiting: ToolCall[] = [];
  return {
    open(calls) {
      if (calls.length > 0) waiting = [...calls];
    },
    answer(message, orphanId) {
      const call = findCall(waiting, message);
      waiting = waiting.filter((other) => other !== call);
      return {
        id: message.tool_call_id || (call?.id ?? orphanId),
        name: message.tool_name || call?.name,
      };
    },
  };
}

/** By id where the message has one; else the first of that name; else the first. */
function findCall(waiting: readonly ToolCall[], message: ChatMessage): ToolCall | undefined {
  if (message.tool_call_id) return waiting.find((call) => call.id === message.tool_call_id);
  return waiting.find((call) => call.name === message.tool_name) ?? waiting[0];
}

function decodeContent(content: ChatMessage["content"], path: string): Part[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.map((part, index) => decodePart(part, `${path}.content[${index}]`));
}

function decodePart(part: ContentPart, param: string): Part {
  if (part.type === "text") return { type: "text", text: part.text ?? "" };
  const image = part.image_url;
  const url = typeof image === "string" ? image : image?.url;
  if (part.type !== "image_url" || url === undefined) {
    throw new AppError("unsupported", `${param} must be of type text or image_url.`, { param });
  }
  return url.startsWith("data:") ? decodeImage(url, param) : { type: "image-url", url };
}

/** Base64 images as parts. Throws `AppError` `invalid_request` naming the image. */
export function decodeImages(images: ChatMessage["images"], path: string): Part[] {
  return (images ?? []).map((image, index) => decodeImage(image, `${path}[${index}]`));
}

const DATA_URL = /^data:(image\/[\w.+-]+);base64,/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** `text` is bare base64, as Ollama has it, or a data URL, as some clients pass on. Line breaks are no part of the data. */
function decodeImage(text: string, param: string): Part {
  const prefix = DATA_URL.exec(text);
  const data = text.slice(prefix?.[0].length ?? 0).replaceAll(/[\r\n]/g, "");
  if (!BASE64.test(data)) {
    throw new AppError("invalid_request", `${param} must be an image in base64.`, { param });
  }
  return { type: "image", mediaType: prefix?.[1] ?? sniffMediaType(data), data };
}

/** By the first bytes, in base64: Ollama's images come without a type. PNG when they say nothing. */
function sniffMediaType(data: string): string {
  if (data.startsWith("/9j/")) return "image/jpeg";
  if (data.startsWith("R0lGOD")) return "image/gif";
  // "RIFF", four bytes of length, then "WEBP", of which the last three begin a base64 group.
  if (data.startsWith("UklGR") && data.startsWith("RUJQ", 12)) return "image/webp";
  return "image/png";
}
