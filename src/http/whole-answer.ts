// A turn's answer in one piece, once the turn is over. What the client hears of it is what is written down of it.

import { toAppError } from "../core/error.ts";
import type { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { TurnRecord } from "../engine/records.ts";
import type { TurnEnd } from "../engine/run-turn.ts";
import { failureResponse } from "./failure.ts";
import { notKept, recordAll, resultsBefore } from "./several-turns.ts";

export interface WholeAnswer {
  readonly end: TurnEnd;
  /** Of the route, as the gate saw it. */
  readonly path: string;
  readonly headers: Record<string, string>;
  /** The answer as the dialect has it. `before`: the results of the earlier turns of a request that has several. */
  readonly encode: (result: TurnResult, before: readonly TurnResult[]) => object;
  /** With the bytes of the answer's body. */
  readonly onAnswered: (record: TurnRecord, bytes: number) => void;
  /** An answer could not be written, and nobody but us is to blame. */
  readonly onFault: (error: unknown) => void;
}

/** @throws AppError where no agent ran: a refusal after all, told of and counted as any other */
export function wholeResponse(answer: WholeAnswer): Response {
  const { end, headers, onAnswered } = answer;
  if (end.outcome !== "done") {
    if (end.neverRan !== true) return failed(answer, end.error);
    recordAll(end, 0, onAnswered);
    throw end.error;
  }
  let body: string;
  try {
    if (end.result === undefined) throw notKept();
    body = JSON.stringify(answer.encode(end.result, resultsBefore(end)));
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code === "internal") answer.onFault(caught);
    return failed({ ...answer, end: endingIn(error, end) }, error);
  }
  recordAll(end, Buffer.byteLength(body), onAnswered);
  return new Response(body, { headers });
}

function failed({ end, path, onAnswered }: WholeAnswer, error: AppError): Response {
  const response = failureResponse(error, path, { agentStarted: true });
  recordAll(end, Number(response.headers.get("content-length")), onAnswered);
  return response;
}

/** The agent has done its part, and the dialect has no way to say what it said: the client hears of a failure. */
function endingIn({ code, kind }: AppError, end: TurnEnd): TurnEnd {
  if (end.record === undefined) return end;
  return { ...end, record: { ...end.record, outcome: kind.outcome, errorCode: code } };
}
