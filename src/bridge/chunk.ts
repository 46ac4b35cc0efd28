// A streamed answer: events → bodies of chunks and chunks → events. Pure, but each side keeps which tool call is open.
// The index, the credit and the size limit are the link machine's.

import type { FinishEvent, TurnEvent, Usage } from "../core/event.ts";
import { agentError } from "./failure.ts";
import type { ChunkFrame, WireUsage } from "./frame.ts";
import type { ToolCallDelta } from "./payload.ts";
import { present } from "./present.ts";

export interface ChunkWriter {
  /** What `encodeChunk` takes. Throws `agent_error` for events against the grammar, or that cannot be streamed. */
  body(event: TurnEvent): string;
}

export interface ChunkReader {
  /** Adds the chunk's events to `into`: none for an empty delta. Throws `agent_error` for a broken order of calls. */
  read(frame: ChunkFrame, into: TurnEvent[]): void;
}

export function createChunkWriter(): ChunkWriter {
  let index = -1;
  let callId: string | undefined;

  function toolDelta(fields: object): string {
    return `"delta":${JSON.stringify({ tool_calls: [{ index, ...fields }] })}`;
  }

  function body(event: TurnEvent): string {
    switch (event.type) {
      case "text-delta":
        return `"delta":{"content":${JSON.stringify(event.text)}}`;
      case "reasoning-delta":
        return `"delta":{"reasoning":${JSON.stringify(event.text)}}`;
      case "tool-call-start":
        index += 1;
        callId = event.id;
        return toolDelta({ id: event.id, type: "function", function: { name: event.name } });
      case "tool-call-delta":
        if (event.id !== callId) throw agentError("The agent mixed up its tool calls.");
        return toolDelta({ function: { arguments: event.arguments } });
      case "embeddings":
        throw agentError("The agent streamed embeddings, which only a whole answer can carry.");
      case "finish":
        return finishBody(event);
    }
  }

  return { body };
}

function finishBody(event: FinishEvent): string {
  const usage = event.usage && `,"usage":${JSON.stringify(toWireUsage(event.usage))}`;
  const parked = event.parked === true ? ',"parked":true' : "";
  return `"delta":{},"finish_reason":"${event.reason}"${usage ?? ""}${parked}`;
}

/**
 * The same event in pieces of at most `units` UTF-16 units, no character torn; `undefined` where it fits as it is.
 * A unit takes six bytes at most once it is JSON.
 */
export function splitEvent(event: TurnEvent, units: number): readonly TurnEvent[] | undefined {
  switch (event.type) {
    case "text-delta":
    case "reasoning-delta":
      if (event.text.length <= units) return undefined;
      return splitText(event.text, units).map((text) => ({ type: event.type, text }));
    case "tool-call-delta":
      if (event.arguments.length <= units) return undefined;
      return splitText(event.arguments, units).map((piece) => ({
        type: event.type,
        id: event.id,
        arguments: piece,
      }));
    default:
      return undefined;
  }
}

function splitText(text: string, units: number): readonly string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + units, text.length);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

export function createChunkReader(): ChunkReader {
  let index = -1;
  let callId = "";

  function readCall(call: ToolCallDelta, into: TurnEvent[]): void {
    const { id, function: part } = call;
    const { name } = part;
    if (call.index === index + 1 && id !== undefined && name !== undefined) {
      index += 1;
      callId = id;
      into.push({ type: "tool-call-start", id, name });
    } else if (index < 0 || call.index !== index || (id ?? callId) !== callId) {
      throw agentError("The agent sent its tool calls out of order.");
    }
    if (part.arguments !== undefined) {
      into.push({ type: "tool-call-delta", id: callId, arguments: part.arguments });
    }
  }

  function read(frame: ChunkFrame, into: TurnEvent[]): void {
    const { reasoning, content, tool_calls: calls } = frame.delta;
    if (reasoning) into.push({ type: "reasoning-delta", text: reasoning });
    if (content) into.push({ type: "text-delta", text: content });
    if (calls !== undefined) for (const call of calls) readCall(call, into);
    if (frame.finish_reason !== undefined) {
      into.push(finishEvent(frame.finish_reason, frame.usage, frame.parked));
    }
  }

  return { read };
}

export function finishEvent(
  reason: FinishEvent["reason"],
  usage: WireUsage | undefined,
  parked: boolean | undefined,
): FinishEvent {
  return present({
    type: "finish" as const,
    reason,
    usage: usage && fromWireUsage(usage),
    parked: parked === true ? true : undefined,
  });
}

export function toWireUsage(usage: Usage): WireUsage {
  return present({
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    reasoning_tokens: usage.reasoningTokens,
    cached_tokens: usage.cachedTokens,
    estimated: usage.estimated,
  });
}

function fromWireUsage(usage: WireUsage): Usage {
  return present({
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
    reasoningTokens: usage.reasoning_tokens,
    cachedTokens: usage.cached_tokens,
    estimated: usage.estimated,
  });
}
