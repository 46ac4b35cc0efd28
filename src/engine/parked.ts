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
  /** Agents name their calls: where two turns of a key would wait under one name, neither waits any longer. */
  park(turn: ParkedTurn): void;
  /**
   * The parked turn whose results this request brings, all of them, with or without what the user sent beside them; it
   * is handed out once, to its own key, and not to a client that insists on another session.
   */
  claim(
    request: ChatRequest,
    caller: { readonly keyId: string; readonly pin: string | undefined },
  ): { turn: ParkedTurn; resume: ResumeRequest } | undefined;
  forgetSession(sessionId: string): void;
  readonly size: number;
}

interface Brought {
  readonly results: readonly ToolResult[];
  readonly message: readonly Part[];
}

/**
 * `limit`: how many turns are remembered; the oldest is forgotten first. `isThere`: whether a session can go on: what would
 * wait for one that cannot is given up at once.
 */
export function createParkedTurns(
  limit: number,
  isThere: (sessionId: string) => boolean,
): ParkedTurns {
  const turns = new Map<string, ParkedTurn>();
  const byCall = new Map<string, ParkedTurn>();
  /** Names that two turns have waited under: results of the one could be brought to the other. */
  const ambiguous = new Set<string>();

  function forget(turn: ParkedTurn): void {
    turns.delete(turn.turnId);
    for (const name of namesOf(turn)) if (byCall.get(name) === turn) byCall.delete(name);
  }

  function refuseTwins(turn: ParkedTurn): boolean {
    const taken = namesOf(turn).filter((name) => byCall.has(name) || ambiguous.has(name));
    for (const name of taken) {
      ambiguous.add(name);
      const other = byCall.get(name);
      if (other !== undefined) abandon(other);
    }
    for (const oldest of ambiguous) {
      if (ambiguous.size <= limit) break;
      ambiguous.delete(oldest);
    }
    return taken.length > 0;
  }

  function park(turn: ParkedTurn): void {
    if (!isThere(turn.sessionId) || refuseTwins(turn)) return abandon(turn);
    turns.set(turn.turnId, turn);
    for (const name of namesOf(turn)) byCall.set(name, turn);
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
    const turn = results[0] && byCall.get(nameOf(keyId, results[0].toolCallId));
    if (turn === undefined) return undefined;
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
      ...(message.length > 0 && { message }),
    };
    return { turn, resume };
  }

  function forgetSession(sessionId: string): void {
    for (const turn of turns.values()) if (turn.sessionId === sessionId) abandon(turn);
  }

  return {
    park,
    claim,
    forgetSession,
    get size() {
      return turns.size;
    },
  };
}

function namesOf({ keyId, callIds }: ParkedTurn): readonly string[] {
  return callIds.map((callId) => nameOf(keyId, callId));
}

/** No key's id has a line break. */
function nameOf(keyId: string, callId: string): string {
  return `${keyId}\n${callId}`;
}

/**
 * What follows the assistant's last message: results, and what the user sent among and after them, each text a
 * paragraph. `undefined` where there is more than a resumed turn can be told.
 */
function broughtBy({ messages }: ChatRequest): Brought | undefined {
  const results: ToolResult[] = [];
  const sent: Part[] = [];
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  // Without the calls themselves nothing says what was written with the results.
  const from = last < 0 ? messages.findIndex(({ role }) => role === "tool") : last + 1;
  for (const message of messages.slice(from)) {
    if (message.role === "tool") {
      results.push({
        toolCallId: message.toolCallId,
        content: joinTexts(message.content, ""),
        ...(message.isError === undefined ? {} : { isError: message.isError }),
      });
    } else if (message.role === "user") sent.push(...message.content.filter(saysSomething));
    else return undefined;
  }
  return { results, message: joinTexts(sent, "\n\n") };
}

function saysSomething(part: Part): boolean {
  return part.type !== "text" || part.text.trim() !== "";
}

/** Texts side by side as one, and no empty ones. */
function joinTexts(parts: readonly Part[], between: string): readonly Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    if (part.type === "text" && part.text === "") continue;
    const last = joined.at(-1);
    if (part.type === "text" && last?.type === "text") {
      joined[joined.length - 1] = { type: "text", text: last.text + between + part.text };
    } else joined.push(part);
  }
  return joined;
}
