// A turn as a sampling request of MCP (`sampling/createMessage`, specification 2025-11-25), and its result as events.
// Pure. Sampling knows no streaming: the answer comes in one piece.

import type {
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
  ImageContent,
  SamplingMessage,
  SamplingMessageContentBlock,
  TextContent,
} from "@modelcontextprotocol/server";
import { AppError } from "../../core/error.ts";
import type { FinishReason, TurnEvent } from "../../core/event.ts";
import { isJsonObject, parseJson } from "../../core/json.ts";
import type { ChatRequest, CompletionRequest, Message, Part, Tool } from "../../core/turn.ts";
import { piecesOf } from "./answer.ts";
import { offeredTools, wholeHandout } from "./text.ts";

/** Sampling insists on a bound; a request without one gets this. */
const DEFAULT_TOKENS = 16_384;

/** `withTools`: the client declared `sampling.tools`. Without it the tools and their results are told in words. */
export function toSampling(
  request: ChatRequest | CompletionRequest,
  withTools: boolean,
): CreateMessageRequestParams {
  const { maxTokens, temperature, stop } = request.parameters;
  const common = {
    maxTokens: maxTokens ?? DEFAULT_TOKENS,
    ...(temperature !== undefined && { temperature }),
    ...(stop !== undefined && { stopSequences: [...stop] }),
  };
  if (request.kind === "completion" || (!withTools && hasToolTalk(request.messages))) {
    return { ...common, messages: [oneMessage(request)] };
  }
  const system = request.messages.flatMap((message) =>
    message.role === "system" ? [textOf(message.content)] : [],
  );
  const tools = withTools ? offeredTools(request) : [];
  return {
    ...common,
    messages: messagesOf(request.messages),
    ...(system.length > 0 && { systemPrompt: system.join("\n\n") }),
    ...(tools.length > 0 && { tools: tools.map(toTool), toolChoice: { mode: modeOf(request) } }),
  };
}

/** @throws AppError agent_error for content that is no answer */
export function* samplingEvents(
  result: CreateMessageResult | CreateMessageResultWithTools,
): Generator<TurnEvent> {
  const blocks = [result.content].flat();
  let calls = 0;
  for (const block of blocks) {
    if (block.type !== "text") continue;
    for (const text of piecesOf(block.text)) yield { type: "text-delta", text };
  }
  for (const block of blocks) {
    if (block.type === "tool_use") {
      calls += 1;
      const { id, name, input } = block;
      yield { type: "tool-call-start", id, name };
      yield { type: "tool-call-delta", id, arguments: JSON.stringify(input) };
    } else if (block.type !== "text") {
      throw new AppError("agent_error", `The MCP client answered with ${block.type}, not text.`);
    }
  }
  yield { type: "finish", reason: reasonOf(result.stopReason, calls) };
}

function reasonOf(stopReason: string | undefined, calls: number): FinishReason {
  if (calls > 0) return "tool_calls";
  return stopReason === "maxTokens" ? "length" : "stop";
}

function modeOf({ toolChoice }: ChatRequest): "auto" | "required" {
  return toolChoice === "required" || typeof toolChoice === "object" ? "required" : "auto";
}

function toTool({ name, description, parameters }: Tool) {
  return {
    name,
    ...(description !== undefined && { description }),
    inputSchema: { ...parameters, type: "object" as const },
  };
}

function hasToolTalk(messages: readonly Message[]): boolean {
  return messages.some(
    (message) =>
      message.role === "tool" ||
      (message.role === "assistant" && (message.toolCalls ?? []).length > 0),
  );
}

function oneMessage(request: ChatRequest | CompletionRequest): SamplingMessage {
  // No tools can be called here, so none are offered.
  const asked = request.kind === "chat" ? { ...request, tools: [] } : request;
  const { text, images } = wholeHandout(asked);
  const pictures = images.map(({ data, mediaType: mimeType }) => {
    return { type: "image" as const, data, mimeType };
  });
  return { role: "user", content: [{ type: "text", text }, ...pictures] };
}

/** A message with tool results may hold nothing else, and all results of one answer are in one message. */
function messagesOf(messages: readonly Message[]): SamplingMessage[] {
  const sent: { role: "user" | "assistant"; content: SamplingMessageContentBlock[] }[] = [];
  let before: Message["role"] | undefined;
  for (const message of messages) {
    const { role } = message;
    if (role === "system") continue;
    const content = contentOf(message);
    const last = sent.at(-1);
    if (role === "tool" && before === "tool") last?.content.push(...content);
    else if (content.length > 0) sent.push({ role: role === "tool" ? "user" : role, content });
    before = role;
  }
  return sent;
}

function contentOf(message: Exclude<Message, { role: "system" }>): SamplingMessageContentBlock[] {
  if (message.role === "tool") {
    const { toolCallId, isError } = message;
    const content = message.content.map(blockOf);
    return [
      { type: "tool_result", toolUseId: toolCallId, content, ...(isError === true && { isError }) },
    ];
  }
  const said = message.content.map(blockOf).filter((block) => !isEmpty(block));
  if (message.role === "user") return said;
  const calls = (message.toolCalls ?? []).map(({ id, name, arguments: text }) => {
    const input = parseJson(text);
    return { type: "tool_use" as const, id, name, input: isJsonObject(input) ? { ...input } : {} };
  });
  return [...said, ...calls];
}

function blockOf(part: Part): TextContent | ImageContent {
  if (part.type === "image") return { type: "image", data: part.data, mimeType: part.mediaType };
  return { type: "text", text: part.type === "text" ? part.text : `[image: ${part.url}]` };
}

function isEmpty(block: TextContent | ImageContent): boolean {
  return block.type === "text" && block.text === "";
}

function textOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}
