// One request with several prompts: a turn for each, one after the other, as one answer. Each is admitted when its turn
// has come, and counted, recorded and recognised by itself; the first that fails ends the request. docs/adr/0018.

import { AppError } from "../core/error.ts";
import type { TurnRequest } from "../core/turn.ts";
import type { AdmittedTurn, Caller, QueuedTurn } from "./admit.ts";
import type { Buffers, Hold } from "./buffers.ts";
import { failedEnd } from "./repeats.ts";
import type { ListMemory, RetryGuard } from "./retries.ts";
import type { DoneEnd, Sink, TurnEnd } from "./run-turn.ts";

/** Why a request of several turns has failed. An agent has been started for it, so that it must not simply be repeated. */
export class ListError extends AppError {
  /** `place`: of the turn that failed, from 1. */
  constructor(error: AppError, place: number, count: number) {
    const { retryAfterMs } = error;
    const param = fieldAt(error.param, place - 1);
    super(error.code, `Prompt ${place} of ${count}: ${error.message}`, {
      ...(param !== undefined && { param }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      cause: error,
    });
  }
}

/** The field at fault with its place, from 0, where that is the prompt: all other fields are those of the whole list. */
export function fieldAt(param: string | undefined, index: number): string | undefined {
  return param === "prompt" ? `prompt[${index}]` : param;
}

/** As the engine's `admit`, of several requests of one caller: what it returns runs all of them. */
export type AdmitList = (
  requests: TurnRequests,
  caller: Caller,
  signal: AbortSignal,
  onQueued?: (place: QueuedTurn) => void,
) => Promise<AdmittedTurn>;

export type TurnRequests = readonly [TurnRequest, ...TurnRequest[]];

export interface TurnListDeps {
  readonly admit: (
    request: TurnRequest,
    caller: Caller,
    signal: AbortSignal,
    onQueued?: (place: QueuedTurn) => void,
  ) => Promise<AdmittedTurn>;
  /** What the chosen model cannot do of them. @throws AppError unsupported */
  readonly judge: (requests: TurnRequests, caller: Caller) => void;
  readonly retries: Pick<RetryGuard, "openList" | "endList">;
  readonly buffers: Pick<Buffers, "hold">;
}

/** A request with several prompts on its way. */
interface List {
  readonly requests: TurnRequests;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly memory: ListMemory;
}

/** A character of an answer that is kept until all are there. */
const BYTES_PER_CHARACTER = 2;

export function createTurnLists({ admit, judge, retries, buffers }: TurnListDeps): AdmitList {
  async function admitList(
    requests: TurnRequests,
    caller: Caller,
    signal: AbortSignal,
    onQueued?: (place: QueuedTurn) => void,
  ): Promise<AdmittedTurn> {
    // One that was refused when its turn came would be so after the agent ran for those before it.
    judge(requests, caller);
    const list: List = { requests, caller, signal, memory: retries.openList() };
    try {
      const first = await admit(requests[0], callerAt(1, list), signal, onQueued);
      return { ...first, run: (sink) => runAll(list, first, sink) };
    } catch (error) {
      retries.endList(list.memory, true);
      throw error;
    }
  }

  async function runAll(list: List, first: AdmittedTurn, sink?: Sink): Promise<TurnEnd> {
    const kept = buffers.hold(0);
    const end = await runEach(list, { first, sink, kept });
    kept.release();
    retries.endList(list.memory, end.outcome !== "done");
    return end;
  }

  async function runEach(
    list: List,
    { first, sink, kept }: { first: AdmittedTurn; sink: Sink | undefined; kept: Hold },
  ): Promise<TurnEnd> {
    const before: DoneEnd[] = [];
    let end = await first.run(sink);
    for (const [index, request] of list.requests.slice(1).entries()) {
      if (end.outcome !== "done") break;
      // What has been streamed is with the client.
      before.push(sink === undefined ? end : { ...end, result: undefined });
      if (sink === undefined) kept.grow(end.answered * BYTES_PER_CHARACTER);
      end = await runNext(list, { request, place: index + 2, sink });
    }
    return endOfAll(end, before, list.requests.length);
  }

  async function runNext(
    list: List,
    { request, place, sink }: { request: TurnRequest; place: number; sink: Sink | undefined },
  ): Promise<TurnEnd> {
    const { signal } = list;
    try {
      if (signal.aborted) throw new AppError("client_cancelled", "The client hung up.");
      const turn = await admit(request, callerAt(place, list), signal);
      return await turn.run(sink);
    } catch (error) {
      return failedEnd(error, true);
    }
  }

  return admitList;
}

/** The first has the names of the request; a line break is in no header, so that none of the others' is a client's. */
function callerAt(place: number, { caller, memory: list }: List): Caller {
  if (place === 1) return { ...caller, list };
  const { requestId, fingerprint, idempotencyKey: key } = caller;
  return {
    ...caller,
    requestId: `${requestId}.${place}`,
    fingerprint: `${fingerprint} #${place}`,
    idempotencyKey: key === undefined ? undefined : `${key}\n#${place}`,
    list,
  };
}

/** Nothing has begun where the first was refused: that is the refusal of a request like any other. */
function endOfAll(end: TurnEnd, before: readonly DoneEnd[], count: number): TurnEnd {
  if (end.outcome === "done") return { ...end, before };
  if (before.length === 0 && end.neverRan === true) return end;
  return { ...end, error: new ListError(end.error, before.length + 1, count), before };
}
