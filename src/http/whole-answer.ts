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
}

/** @throws AppError where no agent ran, and the error of an answer that cannot be written, for whoever logs it */
export function wholeResponse(answer: WholeAnswer): Response {
  const { end, headers } = answer;
  if (end.outcome !== "done") return failed(answer, end.error);
  let body: string;
  try {
    if (end.result === undefined) throw notKept();
    body = JSON.stringify(answer.encode(end.result, resultsBefore(end)));
  } catch (caught) {
    const error = toAppError(caught);
    const untold = { ...answer, end: endingIn(error, end) };
    if (error.code !== "internal") return failed(untold, error);
    recordAll(untold.end, 0, answer.onAnswered);
    throw caught;
  }
  recordAll(end, Buffer.byteLength(body), answer.onAnswered);
  return new Response(body, { headers });
}

function failed({ end, path, onAnswered }: WholeAnswer, error: AppError): Response {
  // A refusal after all: it is told of, and counted, as any other.
  const isRefusal = end.outcome !== "done" && end.neverRan === true;
  const response = failureResponse(error, path, { agentStarted: true });
  const bytes = isRefusal ? 0 : Number(response.headers.get("content-length"));
  recordAll(end, bytes, onAnswered);
  if (isRefusal) throw error;
  return response;
}

/** The agent has done its part, and the dialect has no way to say what it said: the client hears of a failure. */
function endingIn({ code, kind }: AppError, end: TurnEnd): TurnEnd {
  if (end.record === undefined) return end;
  return { ...end, record: { ...end.record, outcome: kind.outcome, errorCode: code } };
}
