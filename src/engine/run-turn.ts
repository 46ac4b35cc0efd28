// One admitted turn from the agent's first event to its one definite end: watchdogs, the grammar of events,
// usage, and who hears of the end. Knows neither HTTP nor the bridge.

import { AppError, toAppError } from "../core/error.ts";
import type { FinishEvent, Outcome, TurnEvent, TurnResult, Usage } from "../core/event.ts";
import { isJsonObject, parseJson } from "../core/json.ts";
import type { Clock, Lease, Random } from "../core/ports.ts";
import type { Turn } from "../core/turn.ts";
import { eventsOfTurn } from "./answer-rules.ts";
import type { Hold } from "./buffers.ts";
import type { TurnRecord } from "./records.ts";
import { estimateUsage } from "./estimate.ts";
import type { TurnStop } from "./turn-stop.ts";
import { createCollector } from "./whole.ts";
import type { Collector } from "./whole.ts";

/** All in milliseconds but `answerSize`, which is in UTF-16 code units. */
export interface TurnLimits {
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly turnMs: number;
  readonly answerSize: number;
}

/** Takes each event of an answer. A promise it returns slows the agent down until it is fulfilled. */
export type Sink = (event: TurnEvent) => Promise<void> | undefined;

/**
 * `firstEventAt` in monotonic milliseconds; `undefined` when the agent never said anything. `answered`: how much
 * of an answer there was, in UTF-16 code units.
 */
export type TurnEnd = {
  readonly firstEventAt: number | undefined;
  readonly answered: number;
  /** What was written down of it; absent where an earlier turn's outcome was repeated. */
  readonly record?: TurnRecord;
  /** No agent has heard of it, so that it may be asked again. */
  readonly neverRan?: boolean;
  /** Of the last of several turns of one request: the ends of those before it. All else is about this one alone. */
  readonly before?: readonly DoneEnd[];
} & (
  | {
      readonly outcome: "done";
      readonly result: TurnResult | undefined;
      readonly usage: Usage | undefined;
      /** The id under which the agent ran it, where that is not the turn's own: it ran the fallback. */
      readonly ranAs?: string;
    }
  | {
      readonly outcome: Exclude<Outcome, "done">;
      readonly error: AppError;
      readonly usage: undefined;
    }
);

export type DoneEnd = Extract<TurnEnd, { readonly outcome: "done" }>;

export interface TurnJob {
  readonly turn: Turn;
  /** What to run instead when the agent no longer knows the parked turn that `turn` goes on with. */
  readonly fallback: Turn | undefined;
  readonly lease: Lease;
  readonly stop: TurnStop;
  /** The memory that the turn takes: what is kept of its answer is added. */
  readonly held: Hold;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: TurnLimits;
}

/**
 * Runs the turn and never rejects. Without a sink the whole answer is in the end's `result`, and an answer
 * over the limit fails; with one, `result` is there only where the answer was small enough to keep.
 * A stop ends the turn at once, so that an agent that takes no notice cannot keep the request open.
 */
export function runTurn(job: TurnJob, sink: Sink | undefined): Promise<TurnEnd> {
  const progress: Progress = {
    startedAt: job.clock.monotonic(),
    firstEventAt: undefined,
    lastEventAt: undefined,
    blockedSince: undefined,
    ended: false,
  };
  const collector = createCollector(job.limits.answerSize, job.held);
  const stopWatching = watch(job, progress);
  return new Promise((resolve) => {
    const end = (ended: TurnEnd): void => {
      if (progress.ended) return;
      progress.ended = true;
      stopWatching();
      job.lease.settle(ended.usage);
      resolve(ended);
    };
    const fail = (error: AppError): void => {
      const { firstEventAt } = progress;
      const answered = collector.size;
      end({ outcome: error.kind.outcome, error, usage: undefined, firstEventAt, answered });
    };
    job.stop.onStop(fail);
    const answer = { progress, collector, sink };
    let ranAs: string | undefined;
    const consumed = consume(job, answer).catch((error: unknown) => {
      if (!isForgotten(error, job, progress)) throw error;
      ranAs = job.fallback.id;
      return consume({ ...job, turn: job.fallback }, answer);
    });
    consumed.then(
      ({ finish, result }) => {
        const { firstEventAt } = progress;
        const answered = collector.size;
        const done = { outcome: "done", result, usage: finish.usage, firstEventAt } as const;
        end({ ...done, answered, ...(ranAs !== undefined && { ranAs }) });
        job.stop.settle();
      },
      (caught: unknown) => {
        const error = toAppError(caught);
        fail(error);
        // The agent hears of every end but done, of those that it caused itself too.
        job.stop.stop(error);
      },
    );
  });
}

interface Progress {
  readonly startedAt: number;
  firstEventAt: number | undefined;
  lastEventAt: number | undefined;
  /** Since when the client has not been reading: its slowness is not the agent's silence. */
  blockedSince: number | undefined;
  ended: boolean;
}

interface Answer {
  readonly progress: Progress;
  readonly collector: Collector;
  readonly sink: Sink | undefined;
}

async function consume(
  job: TurnJob,
  { progress, collector, sink }: Answer,
): Promise<{ finish: FinishEvent; result: TurnResult | undefined }> {
  let openCall = "";
  for await (const given of eventsOfTurn(job, progress)) {
    // The race was lost while the agent took its time: nothing of it may reach the client any more.
    if (progress.ended) break;
    progress.lastEventAt = job.clock.monotonic();
    progress.firstEventAt ??= progress.lastEventAt;
    const event = given.type === "finish" ? withUsage(given, job.turn, collector.size) : given;
    if (event.type === "tool-call-start") openCall = event.id;
    else if (event.type === "tool-call-delta" && event.id !== openCall) throw interleaved();
    if (event.type === "finish") refuseEmpty(event, collector.size, job.turn);
    if (!collector.add(event) && sink === undefined) throw tooLarge();
    const result = event.type === "finish" ? collector.result() : undefined;
    if (event.type === "finish") refuseBrokenCalls(event, result);
    const wait = sink?.(event);
    if (wait !== undefined) {
      progress.blockedSince = progress.lastEventAt;
      await wait;
      progress.blockedSince = undefined;
      progress.lastEventAt = job.clock.monotonic();
    }
    if (event.type === "finish") return { finish: event, result };
  }
  throw new AppError("agent_error", "The agent stopped without finishing its answer.");
}

/** Nothing of the turn has run yet, so telling the agent the whole history anew multiplies nothing. */
function isForgotten(
  error: unknown,
  job: TurnJob,
  progress: Progress,
): job is TurnJob & { fallback: Turn } {
  return (
    job.fallback !== undefined &&
    progress.lastEventAt === undefined &&
    !progress.ended &&
    error instanceof AppError &&
    error.code === "parked_turn_unknown"
  );
}

function withUsage(finish: FinishEvent, turn: Turn, answered: number): FinishEvent {
  if (finish.usage !== undefined) return finish;
  return { ...finish, usage: estimateUsage(turn.request, answered) };
}

/** An empty answer is never passed on as success: editors take it for an error and send the prompt again. */
function refuseEmpty(finish: FinishEvent, size: number, turn: Turn): void {
  if (size > 0 || finish.reason !== "stop" || turn.request.kind === "embedding") return;
  // Here the client asked for it.
  if (finish.stopSequence !== undefined) return;
  throw new AppError("empty_answer", "The agent answered with nothing at all.");
}

/** A call that no client could make. One that was cut off for its length is as long as it is, and says so. */
function refuseBrokenCalls({ reason }: FinishEvent, result: TurnResult | undefined): void {
  if (reason === "length") return;
  const broken = result?.toolCalls.find((call) => !isJsonObject(parseJson(call.arguments)));
  if (broken === undefined) return;
  throw new AppError(
    "agent_error",
    "The agent called a tool with arguments that are no JSON object.",
  );
}

function interleaved(): AppError {
  return new AppError("agent_error", "The agent mixed up the parts of its tool calls.");
}

function tooLarge(): AppError {
  return new AppError(
    "agent_error",
    "The agent's answer is larger than a whole answer may be. Ask for a streamed one.",
  );
}

/** One timer a turn, set to the nearest deadline: resetting one at every event would cost more than the event. */
function watch(job: TurnJob, progress: Progress): () => void {
  const { clock, limits } = job;
  let stop: () => void = () => undefined;

  function nearest(): { at: number; error: () => AppError } {
    const total = progress.startedAt + limits.turnMs;
    const patience =
      progress.lastEventAt === undefined
        ? progress.startedAt + limits.firstByteMs
        : (progress.blockedSince ?? progress.lastEventAt) + limits.silenceMs;
    if (total <= patience) return { at: total, error: () => timeout("did not finish in time") };
    if (progress.blockedSince !== undefined) return { at: patience, error: notReading };
    return { at: patience, error: () => timeout("said nothing for too long") };
  }

  function check(): void {
    const { at, error } = nearest();
    const left = at - clock.monotonic();
    // Never longer than a silence may be: one that begins meanwhile must not be noticed late.
    if (left > 0) stop = clock.timer(Math.min(left, limits.silenceMs), check);
    else job.stop.stop(error());
  }

  check();
  return () => stop();
}

function timeout(what: string): AppError {
  return new AppError("agent_timeout", `The agent ${what} and was stopped.`);
}

function notReading(): AppError {
  return new AppError("client_cancelled", "The client stopped reading its answer.");
}
