// Turns whose agent has the editor's tools from a server of ours: each begins a run or goes on with a parked one, reads
// it, and ends with its last words or parked, with the calls that the editor is to answer.

import { AppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { ChatRequest, ResumeRequest, Turn } from "../../core/turn.ts";
import { abortError, orAbort, throwIfAborted } from "../abort.ts";
import { unknownTurn } from "../parking-lot.ts";
import type { ToolRunner } from "../tool-runner.ts";
import { addSystem } from "./add-system.ts";
import { withoutOwnCalls } from "./own-calls.ts";
import { createParkedRuns } from "./parked-runs.ts";
import { type EditorCall, type ToolRun, createToolRun } from "./tool-run.ts";
import type { OpenTools, ToolServer } from "./tool-server.ts";
import { choiceInWords } from "./words.ts";

/** Times are in milliseconds. */
export interface EditorToolLimits {
  /** Calls that come this close to each other go to the editor together. Default 250. */
  readonly gatherMs: number;
  /** How often an agent that waits for the editor hears that we are still there. Default 7 s. */
  readonly progressMs: number;
  /** How long an agent may wait that hears so. Default 30 min. */
  readonly patientMs: number;
  /** And one that does not: clients of that kind give up after a minute. Default 50 s. */
  readonly silentMs: number;
  /** How many runs may be parked; the oldest is ended for one more. Default 64. */
  readonly parkedRuns: number;
}

export interface McpTurnsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly server: ToolServer;
  readonly limits: EditorToolLimits;
}

export interface McpTurns {
  start(
    inner: ToolRunner,
    turn: Turn & { readonly request: ChatRequest },
    signal: AbortSignal,
  ): AsyncIterable<TurnEvent>;
  resume(
    turn: Turn & { readonly request: ResumeRequest },
    signal: AbortSignal,
  ): AsyncIterable<TurnEvent>;
  /** A conversation goes on: a run of it that is still parked is ended. */
  moveOn(turn: Turn & { readonly request: ChatRequest }): void;
  /** Ends every run; resolves when their agents have ended. */
  close(): Promise<void>;
}

export function createMcpTurns({ clock, random, server, limits }: McpTurnsDeps): McpTurns {
  const { patientMs, silentMs, parkedRuns: most } = limits;
  const parked = createParkedRuns({ clock, most, patientMs, silentMs });
  const runs = new Set<ToolRun>();
  let closed = false;

  async function* start(
    inner: ToolRunner,
    turn: Turn & { readonly request: ChatRequest },
    signal: AbortSignal,
  ): AsyncGenerator<TurnEvent> {
    const { tools = [], toolChoice, ...request } = turn.request;
    const parallel = request.parameters.parallelToolCalls !== false;
    const run: ToolRun = createToolRun({
      clock,
      random,
      // Where calls go one at a time, none has to wait for another.
      gatherMs: parallel ? limits.gatherMs : 0,
      parallel,
      onLost: () => parked.forget(run),
    });
    const door = await openDoor(server.open(tools, run.onCall), signal);
    if (closed) throw shutdown();
    runs.add(run);
    void run.ended.then(() => {
      runs.delete(run);
      door.close();
    });
    const told = addSystem(request, choiceInWords(toolChoice));
    run.start((signal) =>
      withoutOwnCalls(inner.run({ ...turn, request: told }, signal, [door.server])),
    );
    yield* follow(run, turn, signal);
  }

  async function* resume(
    turn: Turn & { readonly request: ResumeRequest },
    signal: AbortSignal,
  ): AsyncGenerator<TurnEvent> {
    throwIfAborted(signal);
    const { resumes, results, message } = turn.request;
    const run = parked.take(resumes, turn.sessionId);
    if (!run.resume(results, message)) {
      run.stop(unknownTurn());
      throw unknownTurn();
    }
    yield* follow(run, turn, signal);
  }

  async function* follow(run: ToolRun, turn: Turn, signal: AbortSignal): AsyncGenerator<TurnEvent> {
    const abort = (): void => run.stop(abortError(signal));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const unfollow = (): void => signal.removeEventListener("abort", abort);
    let isParked = false;
    try {
      for (;;) {
        const step = await run.next();
        if (step.type === "event") {
          yield step.event;
          if (step.event.type === "finish") return;
          continue;
        }
        for (const call of step.calls) yield* eventsOf(call);
        throwIfAborted(signal);
        // Before the finish is out: the results may come at once. Until then this turn's end is still the run's.
        parked.park(turn, run, unfollow);
        isParked = true;
        yield { type: "finish", reason: "tool_calls", parked: true };
        return;
      }
    } finally {
      if (!isParked) {
        unfollow();
        // For one that has ended this does nothing: the reader has walked away, or the turn has failed.
        run.stop(new AppError("client_cancelled", "The turn was cancelled."));
      }
    }
  }

  async function close(): Promise<void> {
    closed = true;
    const all = [...runs];
    for (const run of all) run.stop(shutdown());
    await Promise.all(all.map(({ ended }) => ended));
  }

  return {
    start,
    resume,
    moveOn: ({ sessionId, request }) => parked.abandon(sessionId, request.messages),
    close,
  };
}

/** A door that opens for a turn which is gone by then is shut again. */
async function openDoor(opening: Promise<OpenTools>, signal: AbortSignal): Promise<OpenTools> {
  try {
    return await orAbort(opening, signal);
  } catch (error) {
    void opening.then(
      (door) => door.close(),
      () => undefined,
    );
    throw error;
  }
}

export function shutdown(): AppError {
  return new AppError("shutdown", "The agent is shutting down.");
}

function* eventsOf({ id, name, arguments: text }: EditorCall): Generator<TurnEvent> {
  yield { type: "tool-call-start", id, name };
  if (text !== "{}") yield { type: "tool-call-delta", id, arguments: text };
}
