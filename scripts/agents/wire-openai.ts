// The model's side of OpenAI's chat completions, as far as a scripted model needs it.

import type { Frame } from "./model.ts";
import type { Asked, Move, Tool } from "./play.ts";

interface Message {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly { readonly function: { readonly name: string } }[];
}

interface Body {
  readonly messages: readonly Message[];
  readonly tools?: readonly { readonly function: { name: string; parameters?: unknown } }[];
}

export function fromOpenAi(body: unknown): Asked {
  const { messages, tools = [] } = body as Body;
  return {
    text: messages
      .filter(({ role }) => role !== "tool" && role !== "assistant")
      .map(({ content }) => textOf(content))
      .join("\n"),
    tools: tools.map(({ function: { name, parameters } }) => toTool(name, parameters)),
    called: messages.flatMap(({ tool_calls: calls = [] }) => calls.map((c) => c.function.name)),
    results: messages.filter(({ role }) => role === "tool").map(({ content }) => textOf(content)),
  };
}

/** `schema`: of its parameters. */
export function toTool(name: string, schema: unknown): Tool {
  const { properties = {}, required = [] } = Object(schema) as Partial<Tool>;
  return { name, properties, required };
}

export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { readonly text?: string }) => part.text ?? "").join("\n");
}

const USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
const head = { id: "chatcmpl-mock", created: 1, model: "mock-1" };

function callsOf(move: Move): readonly object[] {
  if (move.type === "say") return [];
  return move.calls.map(({ name, arguments: values }, index) => ({
    index,
    id: `call_${crypto.randomUUID().slice(0, 12)}`,
    type: "function",
    function: { name, arguments: JSON.stringify(values) },
  }));
}

export const toOpenAi = {
  frames: (move: Move): readonly Frame[] => {
    const chunk = (choices: readonly object[], more: object = {}): string =>
      `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...more })}\n\n`;
    const delta = (delta: object): string => chunk([{ index: 0, delta, finish_reason: null }]);
    const first = { text: delta({ role: "assistant", content: "" }), afterMs: 0 };
    const middle =
      move.type === "say"
        ? move.pieces.map((content) => ({ text: delta({ content }), afterMs: move.everyMs }))
        : [{ text: delta({ tool_calls: callsOf(move) }), afterMs: 0 }];
    const reason = move.type === "say" ? "stop" : "tool_calls";
    const last = chunk([{ index: 0, delta: {}, finish_reason: reason }]);
    const end = `${last}${chunk([], { usage: USAGE })}data: [DONE]\n\n`;
    return [first, ...middle, { text: end, afterMs: 0 }];
  },
  whole: (move: Move): object => {
    const isSaid = move.type === "say";
    const message = isSaid
      ? { role: "assistant", content: move.pieces.join("") }
      : { role: "assistant", content: null, tool_calls: callsOf(move) };
    const choice = { index: 0, message, finish_reason: isSaid ? "stop" : "tool_calls" };
    return { ...head, object: "chat.completion", choices: [choice], usage: USAGE };
  },
};
