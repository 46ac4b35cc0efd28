// One run of an agent that has the editor's tools, however many turns it takes: the agent goes on in the background, its
// words and its calls wait here for the turn that is there to read them. Knows neither MCP nor how turns are parked.

import { AppError, toAppError } from "../../core/error.ts";
import type { TurnEvent } from "../../core/event.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Part, ToolResult } from "../../core/turn.ts";
import { createEventBuffer } from "./event-buffer.ts";
import { createGathering } from "./gathering.ts";
import { type AskedCall, type CallAnswer, type OnCall, failed } from "./tool-call.ts";
import { NO_RESULT, TOO_MANY, TURN_OVER } from "./words.ts";

/** A call on its way to the editor. */
export interface EditorCall {
  readonly id: string;
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
  readonly patient: boolean;
}

export type RunStep =
  | { readonly type: "event"; readonly event: TurnEvent }
  | { readonly type: "calls"; readonly calls: readonly EditorCall[] };

export interface ToolRun {
  /** For the tool server. */
  readonly onCall: OnCall;
  /** Lets the agent begin; `signal` is aborted when the run is stopped. */
  start(begin: (signal: AbortSignal) => AsyncIterable<TurnEvent>): void;
  /** The next words of the agent, or calls that the editor is to answer now. @throws AppError how the run ended */
  next(): Promise<RunStep>;
  /** The calls that wait for the editor. */
  readonly asked: readonly EditorCall[];
  /**
   * Answers every call that waits: one without a result is told so, the last is told the user's `message` too. `false`: a
   * result is for none of them.
   */
  resume(results: readonly ToolResult[], message?: readonly Part[]): boolean;
  /** Ends the agent for real; its open calls hear `words`. Does nothing once the run is over. */
  stop(error: AppError, words?: string): void;
  /** Nothing comes of it any more but what `next` still hands out. */
  readonly over: boolean;
  /** Resolves when the agent has ended, or has been given all the time that it gets for that. */
  readonly ended: Promise<void>;
}

export interface ToolRunOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly gatherMs: number;
  /** Whether several calls may go to the editor together. */
  readonly parallel: boolean;
  /** Called once, when the run ends while calls wait for the editor: nobody will want their results. */
  readonly onLost: () => void;
}

interface WaitingCall extends EditorCall {
  answer(answer: CallAnswer): void;
}

/** What an agent may say ahead of its reader, in UTF-16 code units. */
const AHEAD_UNITS = 256 * 1024;
const MAX_CALLS = 128;
/** How long an agent may take to end, once its run is over, before nobody waits for it any more. */
const STOP_MS = 2_000;

export function createToolRun(options: ToolRunOptions): ToolRun {
  const { clock, random } = options;
  const controller = new AbortController();
  const queue = createEventBuffer(AHEAD_UNITS);
  const gathering = createGathering<WaitingCall>({
    clock,
    gatherMs: options.gatherMs,
    most: MAX_CALLS,
    atOnce: options.parallel ? MAX_CALLS : 1,
    onReady: wake,
  });
  const ended = Promise.withResolvers<void>();
  let asked: readonly WaitingCall[] = [];
  let failure: AppError | undefined;
  let over = false;
  let stopWaiting = (): void => undefined;
  let waiting: PromiseWithResolvers<void> | undefined;

  function wake(): void {
    waiting?.resolve();
    waiting = undefined;
  }

  async function onCall(call: AskedCall): Promise<CallAnswer> {
    if (over) return failed(TURN_OVER);
    const { promise, resolve } = Promise.withResolvers<CallAnswer>();
    const { name, patient } = call;
    const id = random.id("call_");
    const mine: WaitingCall = { id, name, arguments: call.arguments, patient, answer: resolve };
    if (!gathering.add(mine)) return failed(TOO_MANY);
    const giveUp = (): void => {
      if (!gathering.remove(mine) && asked.includes(mine)) stop(lost(), TURN_OVER);
      resolve(failed(TURN_OVER));
    };
    call.signal.addEventListener("abort", giveUp, { once: true });
    try {
      return await promise;
    } finally {
      call.signal.removeEventListener("abort", giveUp);
    }
  }

  function start(begin: (signal: AbortSignal) => AsyncIterable<TurnEvent>): void {
    void listen(begin)
      .catch((error: unknown) => end(toAppError(error), TURN_OVER))
      .finally(() => {
        stopWaiting();
        ended.resolve();
      });
  }

  async function listen(begin: (signal: AbortSignal) => AsyncIterable<TurnEvent>): Promise<void> {
    for await (const event of begin(controller.signal)) {
      if (over) return;
      const wait = queue.push(event);
      if (event.type === "finish") return end(undefined, TURN_OVER);
      wake();
      if (wait !== undefined) await wait;
    }
    throw new AppError("agent_error", "The agent stopped without finishing its answer.");
  }

  /** Without an error: the agent has finished, and its last words are in the queue. */
  function end(error: AppError | undefined, words: string): void {
    if (over) return;
    over = true;
    failure = error;
    const unanswered = asked;
    asked = [];
    for (const call of [...unanswered, ...gathering.close()]) call.answer(failed(words));
    queue.open();
    wake();
    stopWaiting = clock.timer(STOP_MS, () => ended.resolve());
    if (unanswered.length > 0) options.onLost();
  }

  function stop(error: AppError, words = TURN_OVER): void {
    if (over) return;
    end(error, words);
    controller.abort(error);
  }

  async function next(): Promise<RunStep> {
    for (;;) {
      // What was said before a failure of the agent's own still counts; after a stop nobody wants it.
      if (controller.signal.aborted && failure !== undefined) throw failure;
      const event = queue.shift();
      if (event !== undefined) return { type: "event", event };
      if (failure !== undefined) throw failure;
      if (gathering.ready) {
        asked = gathering.take();
        return { type: "calls", calls: asked };
      }
      waiting ??= Promise.withResolvers<void>();
      await waiting.promise;
    }
  }

  function resume(results: readonly ToolResult[], message?: readonly Part[]): boolean {
    const byId = new Map(results.map((result) => [result.toolCallId, result]));
    if (results.some(({ toolCallId }) => !asked.some(({ id }) => id === toolCallId))) return false;
    const answered = asked;
    asked = [];
    for (const call of answered) {
      const result = byId.get(call.id);
      const answer =
        result === undefined
          ? failed(NO_RESULT)
          : { content: result.content, isError: result.isError ?? false };
      const isLast = call === answered.at(-1);
      call.answer(isLast && message !== undefined ? { ...answer, message } : answer);
    }
    return true;
  }

  return {
    onCall,
    start,
    next,
    get asked() {
      return asked;
    },
    resume,
    stop,
    get over() {
      return over;
    },
    ended: ended.promise,
  };
}

function lost(): AppError {
  return new AppError(
    "agent_error",
    "The agent gave up waiting for the editor's tools: send the message again.",
  );
}
