// Turns that ended waiting for the editor's tools, and the requests that bring the results.
// Parked work belongs to its key and its session; ids of others are simply not known here.

import { AppError } from "../core/error.ts";
import type { ChatRequest, Part, ResumeRequest, ToolResult } from "../core/turn.ts";

export interface ParkedTurn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly keyId: string;
  readonly callIds: readonly string[];
  /** Called when the turn is forgotten without having been claimed: its agent waits for nothing. */
  abandon(reason: AppError): void;
}

export interface ParkedTurns {
  park(turn: ParkedTurn): void;
  /**
   * The parked turn whose results this request brings, all of them, with or without words of the user's beside them; it
   * is handed out once, to its own key, and not to a client that insists on another session.
   */
  claim(
    request: ChatRequest,
    caller: { readonly keyId: string; readonly pin: string | undefined },
  ): { turn: ParkedTurn; resume: ResumeRequest } | undefined;
  /** Forgets a turn, and tells its agent. */
  abandon(turn: ParkedTurn): void;
  forgetSession(sessionId: string): void;
  readonly size: number;
}

/** `limit`: how many turns are remembered; the oldest is forgotten first. */
export function createParkedTurns(limit: number): ParkedTurns {
  const turns = new Map<string, ParkedTurn>();
  const byCall = new Map<string, ParkedTurn>();

  function forget(turn: ParkedTurn): void {
    turns.delete(turn.turnId);
    for (const callId of turn.callIds) if (byCall.get(callId) === turn) byCall.delete(callId);
  }

  function park(turn: ParkedTurn): void {
    turns.set(turn.turnId, turn);
    for (const callId of turn.callIds) byCall.set(callId, turn);
    const oldest = turns.values().next().value;
    if (turns.size > limit && oldest !== undefined) abandon(oldest);
  }

  function abandon(turn: ParkedTurn): void {
    forget(turn);
    turn.abandon(new AppError("parked_turn_unknown", "Nobody will bring the results any more."));
  }

  function claim(
    ...[request, { keyId, pin }]: Parameters<ParkedTurns["claim"]>
  ): ReturnType<ParkedTurns["claim"]> {
    if (byCall.size === 0) return undefined;
    const brought = broughtBy(request);
    if (brought === undefined) return undefined;
    const { results, message } = brought;
    const turn = results[0] && byCall.get(results[0].toolCallId);
    if (turn === undefined || turn.keyId !== keyId) return undefined;
    if (pin !== undefined && pin !== turn.sessionId) return undefined;
    const given = new Set(results.map((result) => result.toolCallId));
    if (!turn.callIds.every((callId) => given.has(callId))) return undefined;
    forget(turn);
    const resume: ResumeRequest = {
      kind: "resume",
      model: request.model,
      stream: request.stream,
      resumes: turn.turnId,
      results: results.filter((result) => turn.callIds.includes(result.toolCallId)),
      ...(message !== "" && { message }),
    };
    return { turn, resume };
  }

  function forgetSession(sessionId: string): void {
    for (const turn of turns.values()) if (turn.sessionId === sessionId) abandon(turn);
  }

  return {
    park,
    claim,
    abandon,
    forgetSession,
    get size() {
      return turns.size;
    },
  };
}

/**
 * What follows the assistant's last message: results, and the user's words among and after them, a paragraph each.
 * `undefined` where there is more than a resumed turn can be told.
 */
function broughtBy({
  messages,
}: ChatRequest): { readonly results: readonly ToolResult[]; readonly message: string } | undefined {
  const results: ToolResult[] = [];
  const texts: string[] = [];
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  // Without the calls themselves nothing says what was written with the results.
  const from = last < 0 ? messages.findIndex(({ role }) => role === "tool") : last + 1;
  for (const message of messages.slice(from)) {
    if (message.role === "tool") {
      results.push({
        toolCallId: message.toolCallId,
        content: textOf(message.content),
        ...(message.isError === undefined ? {} : { isError: message.isError }),
      });
    } else if (message.role === "user" && message.content.every(({ type }) => type === "text")) {
      texts.push(...message.content.map(textIn));
    } else return undefined;
  }
  return { results, message: texts.filter((text) => text.trim() !== "").join("\n\n") };
}

function textOf(parts: readonly Part[]): string {
  return parts.map(textIn).join("");
}

function textIn(part: Part): string {
  return part.type === "text" ? part.text : "";
}
