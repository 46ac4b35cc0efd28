// The items of a conversation as `/v1/responses` has them → core `Message`s. Order and text stay as they are. What
// an assistant said in one go (thoughts, text, calls) is several items there, and one message here.

import { AppError } from "../../core/error.ts";
import type { Message, Part, ToolCall } from "../../core/turn.ts";
import { createCallBook } from "./decode-calls.ts";
import type { CallBook } from "./decode-calls.ts";
import { decodePart, decodeText } from "./decode-parts.ts";
import type { InputItem, InputPart } from "./responses-schema.ts";
import { agentToolName, customArguments } from "./responses-tools.ts";

/** An item, and where it stands in the request, as `input[2]`. */
export interface PlacedItem {
  readonly item: InputItem;
  readonly place: string;
}

/** Kinds that we do not know say nothing. @throws AppError invalid_request or unsupported with the place as `param` */
export function decodeItems(items: readonly PlacedItem[]): Message[] {
  const calls = createCallBook();
  const messages = createMessages();
  for (const { item, place } of items) decodeItem(item, place, { calls, messages });
  return messages.all();
}

/** A reference may leave its type out. */
export function isReference({ type, role, id }: InputItem): boolean {
  return type === "item_reference" || (!type && !role && Boolean(id));
}

interface Conversation {
  readonly calls: CallBook;
  readonly messages: Messages;
}

function decodeItem(item: InputItem, place: string, { calls, messages }: Conversation): void {
  switch (item.type ?? "message") {
    case "message":
      return decodeMessage(item, place, messages);
    case "reasoning":
      for (const text of thoughtsOf(item)) messages.assistant().thoughts.push(text);
      return;
    case "function_call":
    case "custom_tool_call": {
      const name = item.name ? agentToolName(item.name, item.namespace) : undefined;
      const isCustom = item.type === "custom_tool_call";
      const text = isCustom ? customArguments(item.input ?? "") : item.arguments;
      const call = calls.call({ id: item.call_id ?? item.id, name, arguments: text }, place);
      messages.assistant().toolCalls.push(call);
      return;
    }
    case "function_call_output":
    case "custom_tool_call_output":
      messages.add({
        role: "tool",
        toolCallId: calls.answer(item.call_id, undefined),
        content: decodeOutput(item.output, `${place}.output`),
      });
      return;
    default:
  }
}

function decodeMessage(item: InputItem, place: string, messages: Messages): void {
  const content = decodeContent(item.content, `${place}.content`);
  switch (item.role) {
    case "user":
      return messages.add({ role: "user", content });
    case "system":
    case "developer":
      return messages.add({ role: "system", content });
    case "assistant":
      messages.assistant().content.push(...content);
      return;
    default:
      throw new AppError(
        "invalid_request",
        "A message's role is user, assistant, system or developer.",
        { param: `${place}.role` },
      );
  }
}

function decodeContent(content: InputItem["content"], place: string): Part[] {
  if (!content) return [];
  return typeof content === "string" ? decodeText(content) : decodeParts(content, place);
}

function decodeParts(parts: readonly InputPart[], place: string): Part[] {
  return parts.map((part, index) => decodePart(part, `${place}[${index}]`));
}

/** An object is passed on as its JSON text: it is not for us to read. */
function decodeOutput(output: InputItem["output"], place: string): Part[] {
  if (!output) return [];
  if (typeof output === "string") return decodeText(output);
  return Array.isArray(output) ? decodeParts(output, place) : decodeText(JSON.stringify(output));
}

/** What encrypted content says is known to nobody here. */
function thoughtsOf({ summary, content }: InputItem): readonly string[] {
  const parts = typeof content === "string" ? [{ text: content }] : (content ?? []);
  return [...(summary ?? []), ...parts].flatMap(({ text }) => (text ? [text] : []));
}

interface OpenAssistant {
  readonly content: Part[];
  readonly thoughts: string[];
  readonly toolCalls: ToolCall[];
}

interface Messages {
  /** What the assistant is saying, until another message is added. */
  assistant(): OpenAssistant;
  add(message: Message): void;
  all(): Message[];
}

function createMessages(): Messages {
  const messages: Message[] = [];
  let open: OpenAssistant | undefined;

  function close(): void {
    if (open === undefined) return;
    const { content, thoughts, toolCalls } = open;
    messages.push({
      role: "assistant",
      content,
      ...(thoughts.length > 0 && { reasoning: thoughts.join("\n\n") }),
      ...(toolCalls.length > 0 && { toolCalls }),
    });
    open = undefined;
  }

  return {
    assistant: () => (open ??= { content: [], thoughts: [], toolCalls: [] }),
    add: (message) => {
      close();
      messages.push(message);
    },
    all: () => {
      close();
      return messages;
    },
  };
}
