// The turns that this end of a link serves: each pulls its agent's events, turns them into frames and waits while the
// link machine holds one back. Knows the machine by `step` only; who answers is injected.

import { type AppError, toAppError } from "../core/error.ts";
import type { TurnEvent, Usage } from "../core/event.ts";
import type { Turn } from "../core/turn.ts";
import { largestChunk } from "./answering.ts";
import { type ChunkWriter, createChunkWriter, splitEvent } from "./chunk.ts";
import type { LinkInput } from "./effect.ts";
import { agentError } from "./failure.ts";
import type { AskFrame, WireLimits } from "./frame.ts";
import { turnOf } from "./invoke.ts";
import { createResultCollector } from "./result.ts";

/** The running of one turn. `settle` is called once, when the turn has ended however it ended. */
export interface Answer {
  readonly events: AsyncIterable<TurnEvent>;
  settle(usage: Usage | undefined): void;
}

export interface ServeControl {
  /** Aborted with an `AppError` at every end but done, and when nobody will bring the results that it ended waiting for. */
  readonly signal: AbortSignal;
  /** Ends the turn from this side, for example when the grant ends under it. */
  end(error: AppError): void;
}

/** Throws `AppError`s for turns that it refuses. `turn.scopes` is what the frame claims. */
export type Serve = (turn: Turn, control: ServeControl) => Answer | Promise<Answer>;

export interface ServingDeps {
  readonly serve: Serve;
  readonly step: (input: LinkInput) => void;
  readonly limits: () => WireLimits;
  /** What to wait for while the socket's own buffer is full. */
  readonly congestion: () => Promise<void> | undefined;
}

export interface Serving {
  readonly size: number;
  start(frame: AskFrame): void;
  held(id: string): void;
  resumed(id: string): void;
  /** Whether the turn was one of these. */
  over(id: string, error: AppError | undefined, parked: boolean): boolean;
  /** What was parked goes on, or with an error never will. */
  unparked(id: string, error: AppError | undefined): void;
}

interface ServedTurn {
  readonly id: string;
  readonly controller: AbortController;
  readonly writer: ChunkWriter;
  answer: Answer | undefined;
  iterator: AsyncIterator<TurnEvent> | undefined;
  usage: Usage | undefined;
  over: boolean;
  held: PromiseWithResolvers<void> | undefined;
}

/** Room in a chunk for its type, id, index and the names of its fields. */
const CHUNK_OVERHEAD = 1024;
/** Bytes that a UTF-16 unit takes in JSON at most. */
const UNIT_BYTES = 6;

export function createServing({ serve, step, limits, congestion }: ServingDeps): Serving {
  const turns = new Map<string, ServedTurn>();
  const parkedTurns = new Map<string, AbortController>();

  function start(frame: AskFrame): void {
    const served: ServedTurn = {
      id: frame.id,
      controller: new AbortController(),
      writer: createChunkWriter(),
      answer: undefined,
      iterator: undefined,
      usage: undefined,
      over: false,
      held: undefined,
    };
    turns.set(frame.id, served);
    void run(served, turnOf(frame)).catch((error: unknown) => {
      step({ type: "fail", id: served.id, error: toAppError(error) });
    });
  }

  async function run(served: ServedTurn, turn: Turn): Promise<void> {
    const { id, controller } = served;
    const { signal } = controller;
    const answer = await serve(turn, { signal, end: (error) => step({ type: "fail", id, error }) });
    if (served.over) {
      answer.settle(undefined);
      return;
    }
    served.answer = answer;
    const iterator = answer.events[Symbol.asyncIterator]();
    served.iterator = iterator;
    await (turn.request.stream ? pump(served, iterator) : collect(served, iterator));
  }

  /** The hot loop: one turn of it per event, nothing stacked on the agent's own iterator. */
  async function pump(served: ServedTurn, iterator: AsyncIterator<TurnEvent>): Promise<void> {
    const units = Math.floor((largestChunk(limits()) - CHUNK_OVERHEAD) / UNIT_BYTES);
    for (;;) {
      const result = await iterator.next();
      if (served.over) return;
      if (result.done === true) throw unfinished();
      const event = result.value;
      if (event.type === "finish") served.usage = event.usage;
      const pieces = splitEvent(event, units);
      if (pieces === undefined) {
        const wait = write(served, event);
        if (wait !== undefined) await wait;
      } else {
        await writeAll(served, pieces);
      }
      if (served.over || event.type === "finish") return;
    }
  }

  async function writeAll(served: ServedTurn, events: readonly TurnEvent[]): Promise<void> {
    for (const event of events) {
      if (served.over) return;
      await write(served, event);
    }
  }

  function write(served: ServedTurn, event: TurnEvent): Promise<void> | undefined {
    const body = served.writer.body(event);
    const { id } = served;
    if (event.type !== "finish") step({ type: "chunk", id, body, last: false });
    else step({ type: "chunk", id, body, last: true, parked: event.parked === true });
    return served.held?.promise ?? congestion();
  }

  async function collect(served: ServedTurn, iterator: AsyncIterator<TurnEvent>): Promise<void> {
    const collector = createResultCollector(served.id, limits().answer_bytes);
    for (;;) {
      const result = await iterator.next();
      if (served.over) return;
      if (result.done === true) throw unfinished();
      const frame = collector.add(result.value);
      if (frame === undefined) continue;
      if (result.value.type === "finish") served.usage = result.value.usage;
      step({ type: "result", frame });
      return;
    }
  }

  function held(id: string): void {
    const served = turns.get(id);
    if (served !== undefined) served.held = Promise.withResolvers<void>();
  }

  function release(served: ServedTurn): void {
    const { held } = served;
    served.held = undefined;
    held?.resolve();
  }

  function resumed(id: string): void {
    const served = turns.get(id);
    if (served !== undefined) release(served);
  }

  function over(id: string, error: AppError | undefined, parked: boolean): boolean {
    const served = turns.get(id);
    if (served === undefined) return false;
    turns.delete(id);
    if (parked) parkedTurns.set(id, served.controller);
    served.over = true;
    if (error !== undefined) served.controller.abort(error);
    release(served);
    leave(served.iterator);
    served.answer?.settle(served.usage);
    return true;
  }

  function unparked(id: string, error: AppError | undefined): void {
    const controller = parkedTurns.get(id);
    parkedTurns.delete(id);
    if (error !== undefined) controller?.abort(error);
  }

  return {
    get size() {
      return turns.size;
    },
    start,
    held,
    resumed,
    over,
    unparked,
  };
}

/** Lets the agent's own clean-up run; what it says about that concerns nobody any more. */
function leave(iterator: AsyncIterator<TurnEvent> | undefined): void {
  if (iterator?.return === undefined) return;
  iterator.return().then(undefined, () => undefined);
}

function unfinished(): AppError {
  return agentError("The agent stopped in the middle of its answer.");
}
