// What a foreign bridge answers as a turn's events, streamed or whole, in either guide's form. Pure, but keeps what a
// stream's next frame depends on. Both guides leave ends open that real answers have; each is closed here once.

import { AppError } from "../core/error.ts";
import type { FinishReason, TurnEvent, Usage } from "../core/event.ts";
import { agentError } from "./failure.ts";
import { createGuideCalls } from "./guide-calls.ts";
import type {
  GuideAnswer,
  GuideChunk,
  GuideDelta,
  GuideError,
  GuideFailure,
  GuideResult,
  GuideUsage,
} from "./guide-frames.ts";

/** `repeated`: the frame before, come a second time; it adds nothing. */
export type GuideProgress = "more" | "over" | "repeated";

export interface GuideReader {
  /** Adds the frame's events to `into`, the finish included. Throws the turn's failure as an `AppError`. */
  read(frame: GuideChunk | GuideResult, into: TurnEvent[]): GuideProgress;
}

/** `callId` names tool calls that come without an id. */
export function createGuideReader(callId: () => string): GuideReader {
  const calls = createGuideCalls(callId);
  const order = createOrder();
  let spoke = false;
  /** Half of a character, whose other half is in the next piece. */
  let half = "";

  function say(delta: GuideDelta | null | undefined, into: TurnEvent[]): void {
    if (delta === null || delta === undefined) return;
    const before = into.length;
    const reasoning = delta.reasoning_content ?? delta.reasoning ?? "";
    if (reasoning !== "") into.push({ type: "reasoning-delta", text: reasoning });
    const text = wholeCharacters(contentOf(delta));
    if (text !== "") into.push({ type: "text-delta", text });
    if (into.length > before) calls.close();
    for (const call of delta.tool_calls ?? []) calls.read(call, into);
    if (into.length > before) spoke = true;
  }

  function wholeCharacters(piece: string): string {
    const text = half + piece;
    const isTorn = isHighSurrogate(text.charCodeAt(text.length - 1));
    half = isTorn ? text.slice(-1) : "";
    return isTorn ? text.slice(0, -1) : text;
  }

  function finish(
    reason: string | null | undefined,
    usage: GuideUsage | null | undefined,
    into: TurnEvent[],
  ): "over" {
    const given = reasonOf(reason);
    // Many a server says "stop" after a tool call.
    const meant = given === "stop" && calls.called ? "tool_calls" : given;
    const counts = usageOf(usage);
    into.push({
      type: "finish",
      reason: meant,
      ...(counts === undefined ? {} : { usage: counts }),
    });
    return "over";
  }

  function readChunk(frame: GuideChunk, into: TurnEvent[]): GuideProgress {
    if (!isAbsent(frame.error)) throw guideFailure(frame.error);
    if (order.isRepeat(frame.chunk_index)) return "repeated";
    say(frame.delta ?? frame.chunk?.delta, into);
    const reason = frame.finish_reason ?? frame.chunk?.finish_reason;
    if (!isAbsent(reason) || frame.finished === true) return finish(reason, frame.usage, into);
    return "more";
  }

  function readResult(frame: GuideResult, into: TurnEvent[]): GuideProgress {
    throwFailure(frame);
    const answer = frame.result ?? frame;
    const [choice] = answer.choices ?? [];
    // After a stream it only says that the stream has ended: its text has been heard already.
    if (!spoke) sayWhole(answer, into);
    return finish(choice?.finish_reason, answer.usage ?? frame.usage, into);
  }

  function sayWhole({ choices, embeddings, data }: GuideAnswer, into: TurnEvent[]): void {
    const [choice] = choices ?? [];
    const vectors = embeddings ?? data?.map(({ embedding }) => embedding);
    if (choice === undefined && vectors === undefined) {
      throw agentError("The agent said that it was done but gave no answer.");
    }
    say(choice?.message ?? { content: choice?.text ?? "" }, into);
    if (vectors !== undefined) into.push({ type: "embeddings", vectors });
  }

  return {
    read: (frame, into) =>
      frame.type === "model_result" ? readResult(frame, into) : readChunk(frame, into),
  };
}

function throwFailure({ status, error }: GuideResult): void {
  if (status === "timeout") {
    throw new AppError("agent_timeout", "The agent took too long; try again.");
  }
  if (status === "error" || !isAbsent(error)) throw guideFailure(error);
}

/** The nested guide counts chunks and does not say from where: from 0 or from 1, without a gap. The flat one does not. */
function createOrder(): { isRepeat(index: number | null | undefined): boolean } {
  let last: number | undefined;
  return {
    isRepeat(index) {
      if (index === null || index === undefined) return false;
      if (index === last) return true;
      const inOrder = last === undefined ? index === 0 || index === 1 : index === last + 1;
      if (!inOrder) throw agentError("A part of the agent's answer was lost on the way.");
      last = index;
      return false;
    },
  };
}

function contentOf({ content }: GuideDelta): string {
  if (Array.isArray(content)) return content.map((part) => part.text ?? "").join("");
  return content ?? "";
}

function isAbsent(value: unknown): value is null | undefined | "" {
  return value === null || value === undefined || value === "";
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Throws where the reason is a failure: the nested guide's own `error`. */
function reasonOf(reason: string | null | undefined): FinishReason {
  switch (reason) {
    case "length":
    case "max_tokens":
      return "length";
    case "tool_calls":
    case "tool_use":
    case "function_call":
      return "tool_calls";
    case "content_filter":
      return "content_filter";
    case "error":
      throw agentError("The agent gave up in the middle of its answer.");
    default:
      return "stop";
  }
}

/** Both guides fill in zeros where nobody counted: that is no count. */
function usageOf(usage: GuideUsage | null | undefined): Usage | undefined {
  const promptTokens = count(usage?.prompt_tokens);
  const completionTokens = count(usage?.completion_tokens);
  return promptTokens + completionTokens === 0 ? undefined : { promptTokens, completionTokens };
}

function count(value: number | null | undefined): number {
  return Number.isSafeInteger(value) && typeof value === "number" && value > 0 ? value : 0;
}

const LONGEST_MESSAGE = 500;

/** A foreign bridge's codes are not ours, and must not pass as ours: whatever it says, the agent failed. */
export function guideFailure(error: GuideError | null | undefined): AppError {
  const text = (typeof error === "string" ? error : error?.message) ?? "";
  if (text.trim() === "") return agentError("The agent failed and did not say why.");
  return agentError(`The agent failed: ${text.slice(0, LONGEST_MESSAGE)}`);
}

export function failureOfFrame(frame: GuideFailure): AppError {
  return guideFailure(isAbsent(frame.error) ? frame.message : frame.error);
}
