// Ollama's chat messages → ours. Knows nothing of the rest of a request.
// Ollama's tool calls have no ids, or ids that the editor does not send back: we give each call one that depends on
// its place only, and find for every tool message the call it answers.

import { assertNever } from "../../core/assert.ts";
import { AppError } from "../../core/error.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Message, Part, ToolCall } from "../../core/turn.ts";
import { compact } from "./compact.ts";
import { decodeImage, decodeImages } from "./decode-images.ts";
import type { ChatMessage, ContentPart } from "./schema.ts";

type Role = Message["role"] | "thinking";

/** In lower case. Beyond Ollama's own four: what chats begun in other protocols bring along. */
const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "system",
  // Granite's switches, such as "thinking".
  control: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  model: "assistant",
  ai: "assistant",
  tool: "tool",
  function: "tool",
  // What Continue has of an answer's thinking: a message of its own, before the answer.
  thinking: "thinking",
};

/** Throws `AppError` `invalid_request` or `unsupported`, naming the message. */
export function decodeMessages(messages: readonly ChatMessage[]): Message[] {
  const calls = createOpenCalls();
  const decoded: Message[] = [];
  let thinking = "";
  messages.forEach((message, index) => {
    const role = roleOf(message, index);
    if (role === "thinking") {
      thinking += textOf(decodeContent(message.content, `messages[${index}]`));
      return;
    }
    decoded.push(decodeMessage({ message, role, index, thinking }, calls));
    thinking = "";
  });
  return decoded;
}

function roleOf(message: ChatMessage, index: number): Role {
  const role = message.role.toLowerCase();
  const known = Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
  if (known !== undefined) return known;
  const param = `messages[${index}].role`;
  throw new AppError("invalid_request", `${param} must be system, user, assistant or tool.`, {
    param,
  });
}

interface Place {
  readonly message: ChatMessage;
  readonly role: Message["role"];
  readonly index: number;
  /** The text of thinking messages just before it: an assistant's own. */
  readonly thinking: string;
}

function decodeMessage({ message, role, index, thinking }: Place, calls: OpenCalls): Message {
  const path = `messages[${index}]`;
  const content = [
    ...decodeContent(message.content, path),
    ...decodeImages(message.images, `${path}.images`),
  ];
  switch (role) {
    case "system":
    case "user":
      return { role, content };
    case "assistant": {
      const toolCalls = decodeToolCalls(message.tool_calls, index);
      calls.open(toolCalls);
      const reasoning = message.thinking || thinking;
      return {
        role,
        content,
        ...(reasoning && { reasoning }),
        ...(toolCalls.length > 0 && { toolCalls }),
      };
    }
    case "tool": {
      const { id, name } = calls.answer(message, `call_${index}_0`);
      return { role, toolCallId: id, content, ...compact<{ name: string }>({ name }) };
    }
    default:
      return assertNever(role);
  }
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function decodeToolCalls(calls: ChatMessage["tool_calls"], messageIndex: number): ToolCall[] {
  return (calls ?? []).map((call, index) => ({
    id: call.id || `call_${messageIndex}_${index}`,
    name: call.function.name,
    arguments: decodeArguments(
      call.function.arguments,
      `messages[${messageIndex}].tool_calls[${index}].function.arguments`,
    ),
  }));
}

/** JSON text stays as it is written, digits and all. */
function decodeArguments(given: JsonObject | string | null | undefined, param: string): string {
  if (typeof given !== "string") return JSON.stringify(given ?? {});
  if (given.trim() === "") return "{}";
  if (isJsonObject(parseJson(given))) return given;
  throw new AppError("invalid_request", `${param} must be an object, or the JSON text of one.`, {
    param,
  });
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
        name: toolNameOf(message) || call?.name,
      };
    },
  };
}

/** By id where the message has one; else the first of that name; else the first. */
function findCall(waiting: readonly ToolCall[], message: ChatMessage): ToolCall | undefined {
  if (message.tool_call_id) return waiting.find((call) => call.id === message.tool_call_id);
  const name = toolNameOf(message);
  return waiting.find((call) => call.name === name) ?? waiting[0];
}

function toolNameOf(message: ChatMessage): string | null | undefined {
  return message.tool_name || message.name;
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
