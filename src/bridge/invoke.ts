// A turn as the frame that asks for it, and back. Pure. What is asked is in request.ts.

import { isScope, type Scope } from "../core/session.ts";
import type { Turn } from "../core/turn.ts";
import type { AskFrame } from "./frame.ts";
import { fromResultContent, toResultContent } from "./message.ts";
import { present } from "./present.ts";
import { fromPayload, toPayload } from "./request.ts";

/** Who asks, for the agent's logs and people. */
export interface Asker {
  readonly provider: string;
  readonly label: string;
}

export function askFrame(turn: Turn, asker: Asker): AskFrame {
  const scopes = [...turn.scopes];
  const { request } = turn;
  if (request.kind !== "resume") {
    return {
      type: "model_invoke",
      id: turn.id,
      session_id: turn.sessionId,
      model_meta: {
        ...asker,
        requested_scopes: scopes,
        ...(turn.owner !== undefined && { owner: turn.owner }),
      },
      payload: toPayload(request),
      deadline_ms: turn.deadlineMs,
    };
  }
  return {
    type: "tool_results",
    id: turn.id,
    session_id: turn.sessionId,
    resumes: request.resumes,
    model: request.model,
    stream: request.stream,
    results: request.results.map((result) =>
      present({
        tool_call_id: result.toolCallId,
        content: toResultContent(result.content),
        is_error: result.isError,
      }),
    ),
    ...(request.message !== undefined && { message: toResultContent(request.message) }),
    requested_scopes: scopes,
    deadline_ms: turn.deadlineMs,
  };
}

/** `scopes` is what the frame says: true from our hub, a wish from anybody else. */
export function turnOf(frame: AskFrame): Turn {
  const turn = { id: frame.id, sessionId: frame.session_id, deadlineMs: frame.deadline_ms };
  if (frame.type === "model_invoke") {
    const request = fromPayload(frame.payload);
    const { requested_scopes: scopes, owner } = frame.model_meta;
    return { ...turn, ...(owner !== undefined && { owner }), scopes, request };
  }
  const results = frame.results.map((result) =>
    present({
      toolCallId: result.tool_call_id,
      content: fromResultContent(result.content),
      isError: result.is_error,
    }),
  );
  const { model, stream, resumes, message } = frame;
  const said = message === undefined ? {} : { message: fromResultContent(message) };
  const request = { kind: "resume", model, stream, resumes, results, ...said } as const;
  return { ...turn, scopes: frame.requested_scopes ?? [], request };
}

/** What a turn needs of its session, read from what it asks for and not from what it says. */
export function neededScopes(request: Turn["request"]): readonly Scope[] {
  const usesTools =
    request.kind === "resume" || (request.kind === "chat" && (request.tools?.length ?? 0) > 0);
  return usesTools ? ["inference", "tools"] : ["inference"];
}

/** The words among `texts` that are scopes here. */
export function knownScopes(texts: readonly string[]): readonly Scope[] {
  return texts.filter(isScope);
}
