// What a request asks of an answer beyond the words: where it ends, and that it is JSON. Applied to what the agent
// says, whichever agent it is; a request that asks for neither gets the agent's own events, untouched.

import { AppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";
import type { Clock, Lease, Random } from "../core/ports.ts";
import type { ChatRequest, Turn, TurnRequest } from "../core/turn.ts";
import { refuseBadFormat } from "./judge-answer.ts";
import { withStop } from "./stop-sequences.ts";
import { structured } from "./structured.ts";

/** What a running turn has that its answer's rules need. */
export interface RuledTurn {
  readonly turn: Turn;
  /** The whole request, where `turn` only goes on with a parked one. */
  readonly fallback: Turn | undefined;
  readonly lease: Pick<Lease, "agent">;
  readonly stop: { readonly signal: AbortSignal };
  readonly held: { grow(bytes: number): void };
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: { readonly answerSize: number };
}

/** When the agent was last heard, in monotonic milliseconds. Kept up to date where its words are held back. */
export interface Heard {
  firstEventAt: number | undefined;
  lastEventAt: number | undefined;
}

/** More and longer ones than anybody has use for would cost every piece of an answer. */
const MAX_STOPS = 256;
const MAX_STOP_CHARACTERS = 16_384;

/** @throws AppError invalid_request or unsupported for rules that no answer can be held to */
export function refuseBadRules(request: TurnRequest): void {
  const { stop = [] } = request.parameters;
  const characters = stop.reduce((sum, sequence) => sum + sequence.length, 0);
  if (stop.length > MAX_STOPS || characters > MAX_STOP_CHARACTERS) {
    const message = `At most ${MAX_STOPS} stop sequences of ${MAX_STOP_CHARACTERS} characters together.`;
    throw new AppError("invalid_request", message, { param: "stop" });
  }
  if (request.kind === "chat" && request.responseFormat !== undefined) {
    refuseBadFormat(request.responseFormat);
  }
}

/** The events of the turn, as its client is to see them. */
export function eventsOfTurn(job: RuledTurn, heard: Heard): AsyncIterable<TurnEvent> {
  const { request } = job.fallback ?? job.turn;
  if (request.kind === "resume" || request.kind === "embedding") return runPlain(job, job.turn);
  const { stop = [] } = request.parameters;
  const format = request.kind === "chat" ? request.responseFormat : undefined;
  if (stop.length === 0 && format === undefined) return runPlain(job, job.turn);
  const run = (turn: Turn): AsyncIterable<TurnEvent> =>
    stop.length === 0 ? runPlain(job, turn) : runStopped(job, turn, { stop, heard });
  if (request.kind !== "chat" || format === undefined) return run(job.turn);
  const startedAt = job.clock.monotonic();
  return structured({
    turn: job.turn,
    request,
    format,
    answerSize: job.limits.answerSize,
    run,
    repairTurn: (request) => repairTurn(job, request, startedAt),
    onAlive: (kept) => {
      job.held.grow(kept);
      hear(job.clock, heard);
    },
  });
}

function runPlain({ lease, stop }: RuledTurn, turn: Turn): AsyncIterable<TurnEvent> {
  return lease.agent.run(turn, stop.signal);
}

/** A second prompt is a turn of its own to the agent, and the same turn to the client. */
function repairTurn(job: RuledTurn, request: ChatRequest, startedAt: number): Turn {
  const passed = Math.ceil(job.clock.monotonic() - startedAt);
  const deadlineMs = Math.max(1, job.turn.deadlineMs - passed);
  return { ...job.turn, id: job.random.id("turn_"), deadlineMs, request };
}

interface StopRule {
  readonly stop: readonly string[];
  readonly heard: Heard;
}

/** The agent hears the turn's own end, and that its answer has reached a stop sequence. */
async function* runStopped(
  job: RuledTurn,
  turn: Turn,
  { stop, heard }: StopRule,
): AsyncGenerator<TurnEvent> {
  const controller = new AbortController();
  const { signal } = job.stop;
  const follow = (): void => controller.abort(signal.reason);
  if (signal.aborted) follow();
  signal.addEventListener("abort", follow, { once: true });
  let isParked = false;
  try {
    const agent = {
      heard: () => hear(job.clock, heard),
      stop: () => controller.abort(stopReached()),
    };
    const events = job.lease.agent.run(asStream(turn), controller.signal);
    for await (const event of withStop(events, stop, agent)) {
      isParked = event.type === "finish" && event.parked === true;
      yield event;
    }
  } finally {
    // An agent that waits for results has yet to hear it when nobody will bring them.
    if (!isParked) signal.removeEventListener("abort", follow);
  }
}

/** An agent that answers whole would be stopped when it has said everything. */
function asStream(turn: Turn): Turn {
  const { request } = turn;
  if (request.kind === "embedding") return turn;
  return { ...turn, request: { ...request, stream: true } };
}

function hear(clock: Clock, heard: Heard): void {
  heard.lastEventAt = clock.monotonic();
  heard.firstEventAt ??= heard.lastEventAt;
}

function stopReached(): AppError {
  return new AppError("client_cancelled", "The answer has reached a stop sequence.");
}
