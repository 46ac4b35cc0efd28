// A conversation in Anthropic's form → core `Message`s. Results of tools stand among a user's blocks there, and
// become messages of their own, in their place.

import { AppError } from "../../core/error.ts";
import type { Message, Part, ToolCall } from "../../core/turn.ts";
import { decodeBlock, decodeContent, decodeText } from "./decode-blocks.ts";
import { said } from "../kit/said.ts";
import type { ContentBlock, InputMessage, MessagesRequest } from "./schema.ts";

/** The tools that were called so far, by the call's id. */
type CalledTools = Map<string, string>;

/** `system` first. Throws `invalid_request` or `unsupported` with the place as `param`. */
export function decodeMessages({
  system,
  messages,
}: Pick<MessagesRequest, "system" | "messages">): Message[] {
  if (messages.length === 0) {
    throw new AppError("invalid_request", "Send at least one message.", { param: "messages" });
  }
  const called: CalledTools = new Map();
  const content = decodeContent(system, "system");
  return [
    ...(content.length > 0 ? [{ role: "system", content } as const] : []),
    ...messages.flatMap((message, index) => decodeMessage(message, `messages[${index}]`, called)),
  ];
}

function decodeMessage(message: InputMessage, place: string, called: CalledTools): Message[] {
  switch (message.role) {
    case "user":
      return decodeUser(message, `${place}.content`, called);
    case "assistant":
      return [decodeAssistant(message, `${place}.content`, called)];
    case "system":
      return [{ role: "system", content: decodeContent(message.content, `${place}.content`) }];
    default:
      throw new AppError("invalid_request", "A message's role is user or assistant.", {
        param: `${place}.role`,
      });
  }
}

function decodeUser({ content }: InputMessage, place: string, called: CalledTools): Message[] {
  const messages: Message[] = [];
  let parts: Part[] = [];
  const endMessage = () => {
    messages.push({ role: "user", content: parts });
    parts = [];
  };
  if (typeof content === "string") parts = decodeText(content);
  else {
    for (const [index, block] of (content ?? []).entries()) {
      const at = `${place}[${index}]`;
      if (block.type === "tool_result") {
        if (parts.length > 0) endMessage();
        messages.push(decodeToolResult(block, at, called));
      } else {
        parts.push(...decodeBlock(block, at));
      }
    }
  }
  if (parts.length > 0 || messages.length === 0) endMessage();
  return messages;
}

function decodeToolResult(block: ContentBlock, place: string, called: CalledTools): Message {
  const id = block.tool_use_id;
  if (!id) {
    throw new AppError("invalid_request", "A tool_result needs the id of its tool_use.", {
      param: `${place}.tool_use_id`,
    });
  }
  return {
    role: "tool",
    toolCallId: id,
    ...said({ name: called.get(id) }),
    content: decodeContent(block.content, `${place}.content`),
    ...said({ isError: block.is_error }),
  };
}

function decodeAssistant({ content }: InputMessage, place: string, called: CalledTools): Message {
  const parts: Part[] = [];
  const thoughts: string[] = [];
  const toolCalls: ToolCall[] = [];
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  for (const [index, block] of blocks.entries()) {
    const at = `${place}[${index}]`;
    switch (block.type) {
      case "text":
      case "image":
      case "document":
        parts.push(...decodeBlock(block, at));
        break;
      case "thinking":
        if (block.thinking) thoughts.push(block.thinking);
        break;
      case "tool_use": {
        const call = decodeToolUse(block, at);
        called.set(call.id, call.name);
        toolCalls.push(call);
        break;
      }
      case "compaction":
        parts.push(...decodeContent(block.content, `${at}.content`));
        break;
      default:
        // Redacted thoughts, and what tools on Anthropic's servers did: of use to those servers alone.
        break;
    }
  }
  return {
    role: "assistant",
    content: parts,
    ...(thoughts.length > 0 && { reasoning: thoughts.join("\n\n") }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

function decodeToolUse({ id, name, input }: ContentBlock, place: string): ToolCall {
  if (!id || !name) {
    throw new AppError("invalid_request", "A tool_use needs an id, and the name of its tool.", {
      param: place,
    });
  }
  return { id, name, arguments: JSON.stringify(input ?? {}) };
}
