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
   * The parked turn that this request's last tool results all belong to; it is handed out once, to its own key, and not
   * to a client that insists on another session.
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
    const results = lastToolResults(request);
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

/** The tool messages that end the request: a user message after them is a new question instead. */
function lastToolResults(request: ChatRequest): readonly ToolResult[] {
  const results: ToolResult[] = [];
  for (let index = request.messages.length - 1; index >= 0; index -= 1) {
    const message = request.messages[index];
    if (message?.role !== "tool") break;
    results.unshift({
      toolCallId: message.toolCallId,
      content: textOf(message.content),
      ...(message.isError === undefined ? {} : { isError: message.isError }),
    });
  }
  return results;
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
