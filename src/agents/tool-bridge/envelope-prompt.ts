// How an agent without MCP is told of the editor's tools and of what came of its calls: in the prompt, in the same words
// from one request to the next. Pure.

import type { ChatRequest, Message, Tool, ToolCall } from "../../core/turn.ts";
import { parseJson } from "../../core/json.ts";
import { addSystem } from "./add-system.ts";
import { choiceInWords } from "./words.ts";

/** The request in words alone: tools, calls and results are text of its messages. */
export function inWords({ tools = [], toolChoice, ...request }: ChatRequest): ChatRequest {
  const names = new Map(
    request.messages.flatMap((message) =>
      message.role === "assistant"
        ? (message.toolCalls ?? []).map(({ id, name }) => [id, name] as const)
        : [],
    ),
  );
  const single = request.parameters.parallelToolCalls === false;
  const told = [instructionFor(tools, single), choiceInWords(toolChoice) ?? ""].join("\n").trim();
  const messages = request.messages.map((message) => messageInWords(message, names));
  return addSystem({ ...request, messages }, told);
}

/** Asks once more after an answer that was meant as an envelope and is none. */
export function repairRequest(request: ChatRequest, answer: string, problem: string): ChatRequest {
  const said: Message = { role: "assistant", content: [{ type: "text", text: answer }] };
  const asked: Message = { role: "user", content: [{ type: "text", text: repairWords(problem) }] };
  return { ...request, messages: [...request.messages, said, asked] };
}

function repairWords(problem: string): string {
  return `Your last answer was to call tools, and could not be used: ${problem}. Answer again: the corrected JSON object and nothing else, or plain text if you need no tool.`;
}

function instructionFor(tools: readonly Tool[], single: boolean): string {
  const listed = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters: parameters ?? { type: "object" } }),
  );
  const many = single ? "exactly one call" : "one or more calls";
  return [
    "You can use tools of the user's editor. Where one of them does what is needed, call it rather than a tool of your own.",
    "To call tools, answer with one JSON object and nothing else, no text before or after it:",
    `{"tool_calls":[{"name":"<tool>","arguments":{}}]}`,
    `It holds ${many}; "arguments" fit the tool's parameters, a JSON Schema. The results come in the next message.`,
    "To answer without a tool, answer in plain text.",
    "The tools, one a line:",
    ...listed,
  ].join("\n");
}

function messageInWords(message: Message, names: ReadonlyMap<string, string>): Message {
  if (message.role === "tool") {
    const name = message.name ?? names.get(message.toolCallId) ?? "a tool";
    const what = message.isError === true ? "Error" : "Result";
    const head = { type: "text", text: `${what} of ${name}:\n` } as const;
    return { role: "user", content: [head, ...message.content] };
  }
  if (message.role !== "assistant" || (message.toolCalls ?? []).length === 0) return message;
  const { toolCalls = [], ...rest } = message;
  const text = envelopeOf(toolCalls);
  return { ...rest, content: [...message.content, { type: "text", text }] };
}

function envelopeOf(calls: readonly ToolCall[]): string {
  const listed = calls.map(({ name, arguments: text }) => ({
    name,
    arguments: parseJson(text) ?? {},
  }));
  return JSON.stringify({ tool_calls: listed });
}
