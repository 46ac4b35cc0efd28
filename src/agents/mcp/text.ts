// A request of an editor as a chat is to read it: one text, and the images beside it. Pure; knows no transport.

import { AppError } from "../../core/error.ts";
import type {
  ChatRequest,
  CompletionRequest,
  Message,
  Part,
  ResponseFormat,
  Tool,
  ToolCall,
  ResumeRequest,
  ToolResult,
} from "../../core/turn.ts";
import type { Handout } from "./inbox-parts.ts";

type Images = Handout["images"][number][];

/** The request whole, for a chat that has seen nothing of it. */
export function wholeHandout(request: ChatRequest | CompletionRequest): Handout {
  return request.kind === "completion" ? completionHandout(request) : chatHandout(request);
}

/** `id` is what the editor knows, `own` what the chat calls it. */
export interface ReportedCall extends ToolCall {
  readonly own: string;
}

/** What came of the tool calls that a chat made, and what the user sent with it, for the chat that made them. */
export function resultsHandout(
  continues: string,
  calls: readonly ReportedCall[],
  { results, message }: Pick<ResumeRequest, "results" | "message">,
): Handout {
  const images: Images = [];
  const text = [
    `The editor has run the tools that you called in request ${continues}. Go on with that request.`,
    ...results.map((result) => resultText(result, calls, images)),
    ...(message === undefined
      ? []
      : [block("message", partsText(message, images), { from: "user" })]),
  ].join("\n\n");
  return { text, images, continues };
}

/** The editor's tools that may be called in the answer. */
export function offeredTools(request: ChatRequest | CompletionRequest): readonly Tool[] {
  if (request.kind === "completion" || request.toolChoice === "none") return [];
  const { tools = [], toolChoice } = request;
  if (typeof toolChoice !== "object") return tools;
  return tools.filter(({ name }) => name === toolChoice.name);
}

function completionHandout({ prompt, suffix, parameters }: CompletionRequest): Handout {
  const task =
    suffix === undefined
      ? "Continue this text. Answer with the continuation alone: no explanation, no code fence."
      : "Fill in what belongs between the two parts. Answer with that alone: no explanation, no code fence.";
  const parts = [block("before", prompt), ...(suffix ? [block("after", suffix)] : [])];
  return { text: [task, ...parts, ...limits(parameters)].join("\n\n"), images: [] };
}

function chatHandout(request: ChatRequest): Handout {
  const images: Images = [];
  const tools = offeredTools(request);
  const system = request.messages.filter(({ role }) => role === "system");
  const others = request.messages.filter(({ role }) => role !== "system");
  const text = [
    "An editor asks you this. Answer the last message of the conversation, as the assistant in it.",
    ...system.map(({ content }) => block("instructions", partsText(content, images))),
    block("conversation", others.map((message) => messageText(message, images)).join("\n")),
    ...toolsText(tools, request.toolChoice),
    ...formatText(request.responseFormat),
    ...limits(request.parameters),
  ].join("\n\n");
  return { text, images };
}

function messageText(message: Message, images: Images): string {
  const said = partsText(message.content, images);
  switch (message.role) {
    case "system":
      return block("instructions", said);
    case "user":
      return block("message", said, { from: message.name ?? "user" });
    case "tool": {
      const { toolCallId, name, isError } = message;
      const about = { call: toolCallId, ...(name !== undefined && { tool: name }) };
      return block("tool-result", said, { ...about, ...(isError === true && { failed: "yes" }) });
    }
    case "assistant": {
      const calls = (message.toolCalls ?? []).map(({ id, name, arguments: text }) =>
        block("tool-call", text, { call: id, tool: name }),
      );
      return block("message", [said, ...calls].filter((part) => part !== "").join("\n"), {
        from: "assistant",
      });
    }
  }
}

function partsText(parts: readonly Part[], images: Images): string {
  return parts
    .map((part) => {
      if (part.type === "text") return part.text;
      if (part.type === "image-url") return `[image: ${part.url}]`;
      images.push({ mediaType: part.mediaType, data: part.data });
      return `[image ${images.length}, below]`;
    })
    .join("\n");
}

function resultText(
  { toolCallId, content, isError }: ToolResult,
  calls: readonly ReportedCall[],
  images: Images,
): string {
  const call = calls.find(({ id }) => id === toolCallId);
  return block("tool-result", partsText(content, images), {
    call: call?.own ?? toolCallId,
    ...(call !== undefined && { tool: call.name }),
    ...(isError === true && { failed: "yes" }),
  });
}

function toolsText(
  tools: readonly Tool[],
  choice: ChatRequest["toolChoice"],
): readonly [] | readonly [string] {
  if (tools.length === 0) return [];
  const must = choice === "required" || typeof choice === "object";
  const list = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters }),
  );
  const how =
    "The editor runs these tools for you. To use one, call report_tool_call with its name and its arguments; " +
    "the result comes as a later request. Use none of your own tools in their place.";
  return [block("tools", [how, ...(must ? ["You must call one."] : []), ...list].join("\n"))];
}

function formatText(format: ResponseFormat | undefined): readonly [] | readonly [string] {
  if (format === undefined) return [];
  if (format.type === "json") return ["Answer with one JSON object and nothing else."];
  return [
    `Answer with one JSON value of this schema and nothing else:\n${JSON.stringify(format.schema)}`,
  ];
}

function limits({ maxTokens }: ChatRequest["parameters"]): readonly [] | readonly [string] {
  return maxTokens === undefined ? [] : [`Keep the answer under ${maxTokens} tokens.`];
}

function block(name: string, text: string, about: Readonly<Record<string, string>> = {}): string {
  const attributes = Object.entries(about).map(
    ([key, value]) => ` ${key}=${JSON.stringify(value)}`,
  );
  return `<${name}${attributes.join("")}>\n${text}\n</${name}>`;
}

/** @throws AppError unsupported */
export function refuseEmbedding(): never {
  throw new AppError("unsupported", "A chat makes no embeddings; choose another model for them.");
}
