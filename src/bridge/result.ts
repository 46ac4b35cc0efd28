// A whole answer: events → one `model_result`, and back. Pure; the collector bounds what it holds.

import type { FinishEvent, TurnEvent } from "../core/event.ts";
import type { ToolCall } from "../core/turn.ts";
import { finishEvent, toWireUsage } from "./chunk.ts";
import { agentError } from "./failure.ts";
import type { ResultFrame } from "./frame.ts";
import { toToolCall } from "./message.ts";
import { present } from "./present.ts";

export interface ResultCollector {
  /** The frame once the answer is finished. Throws `agent_error` over the limit and against the grammar. */
  add(event: TurnEvent): ResultFrame | undefined;
}

/** A number in JSON takes about this much. */
const NUMBER_BYTES = 20;

/** `limit`: the most to hold, in bytes, counted low: the exact size is checked when the frame is sent. */
export function createResultCollector(id: string, limit: number): ResultCollector {
  let size = 0;
  let text = "";
  let reasoning = "";
  const calls: ToolCall[] = [];
  const vectors: number[][] = [];

  function grow(by: number): void {
    size += by;
    if (size > limit) throw tooLarge();
  }

  function growCall(callId: string, more: string): void {
    const last = calls.at(-1);
    if (last?.id !== callId) throw agentError("The agent mixed up its tool calls.");
    calls[calls.length - 1] = { ...last, arguments: last.arguments + more };
  }

  function addVectors(added: readonly (readonly number[])[]): void {
    for (const vector of added) {
      grow((vector.length * NUMBER_BYTES) / 2);
      vectors.push([...vector]);
    }
  }

  function add(event: TurnEvent): ResultFrame | undefined {
    switch (event.type) {
      case "text-delta":
        grow(event.text.length);
        text += event.text;
        return undefined;
      case "reasoning-delta":
        grow(event.text.length);
        reasoning += event.text;
        return undefined;
      case "tool-call-start":
        grow(event.id.length + event.name.length);
        calls.push({ id: event.id, name: event.name, arguments: "" });
        return undefined;
      case "tool-call-delta":
        grow(event.arguments.length);
        growCall(event.id, event.arguments);
        return undefined;
      case "embeddings":
        addVectors(event.vectors);
        return undefined;
      case "finish":
        return frame(event);
    }
  }

  function frame(finish: FinishEvent): ResultFrame {
    const message = present({
      role: "assistant" as const,
      content: text,
      reasoning: reasoning === "" ? undefined : reasoning,
      tool_calls: calls.length === 0 ? undefined : calls.map(toToolCall),
    });
    const result = present({
      choices: [{ index: 0 as const, message, finish_reason: finish.reason }],
      usage: finish.usage && toWireUsage(finish.usage),
      embeddings: vectors.length === 0 ? undefined : vectors,
      parked: finish.parked === true ? true : undefined,
    });
    return { type: "model_result", id, status: "ok", result };
  }

  return { add };
}

/** The failure of an answer that no single frame can carry. */
export function tooLarge() {
  return agentError("The answer is too large to come in one piece; ask for a stream.");
}

/** The events that say the same as a successful `model_result`. Throws `agent_error` when it holds no answer. */
export function resultEvents(frame: ResultFrame): readonly TurnEvent[] {
  const choice = frame.result?.choices[0];
  if (frame.result === undefined || choice === undefined) {
    throw agentError("The agent said that it was done but gave no answer.");
  }
  const { usage, embeddings, parked } = frame.result;
  const { content, reasoning, tool_calls: calls } = choice.message;
  const events: TurnEvent[] = [];
  if (reasoning) events.push({ type: "reasoning-delta", text: reasoning });
  if (content !== "") events.push({ type: "text-delta", text: content });
  for (const { id, function: called } of calls ?? []) {
    events.push({ type: "tool-call-start", id, name: called.name });
    if (called.arguments !== "") {
      events.push({ type: "tool-call-delta", id, arguments: called.arguments });
    }
  }
  if (embeddings !== undefined) events.push({ type: "embeddings", vectors: embeddings });
  events.push(finishEvent(choice.finish_reason, usage, parked));
  return events;
}
