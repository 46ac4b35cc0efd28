// Between an agent that pushes and a reader that pulls: a turn's events in order, with a bound and one end.

import { AppError } from "../core/error.ts";
import type { FinishEvent, TurnEvent } from "../core/event.ts";

export interface EventQueue {
  /** Drops what is empty; puts together what a surrogate pair was cut in. After the end it does nothing. */
  push(event: Delta): void;
  finish(event: FinishEvent): void;
  /** What was pushed before is still read. */
  fail(error: AppError): void;
  /** Nothing of what was pushed before is read. */
  abort(error: AppError): void;
  /** The next events, at least one; the finish is the last of all. Throws the error of `fail` and `abort`. */
  take(): Promise<readonly TurnEvent[]>;
}

type Delta = Extract<TurnEvent, { readonly text: string }>;

/** @param most UTF-16 code units that may wait: a reader that slow fails the turn */
export function createEventQueue(most: number): EventQueue {
  let events: TurnEvent[] = [];
  let size = 0;
  let torn: Delta | undefined;
  let isOver = false;
  let failure: AppError | undefined;
  let wake: (() => void) | undefined;

  function add(event: TurnEvent): void {
    events.push(event);
    wake?.();
  }

  function end(error: AppError | undefined): void {
    isOver = true;
    failure = error;
    wake?.();
  }

  function flushTorn(): void {
    if (torn !== undefined) add(torn);
    torn = undefined;
  }

  function push(delta: Delta): void {
    if (isOver || delta.text === "") return;
    if (torn !== undefined && torn.type !== delta.type) flushTorn();
    const text = (torn?.text ?? "") + delta.text;
    torn = undefined;
    const isTorn = /[\uD800-\uDBFF]$/.test(text);
    const whole = isTorn ? text.slice(0, -1) : text;
    if (isTorn) torn = { type: delta.type, text: text.slice(-1) };
    if (whole === "") return;
    size += whole.length;
    if (size > most) {
      return end(
        new AppError("agent_error", "The agent answered faster than its answer could be read."),
      );
    }
    add({ type: delta.type, text: whole });
  }

  async function take(): Promise<readonly TurnEvent[]> {
    while (events.length === 0) {
      if (failure !== undefined) throw failure;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
      wake = undefined;
    }
    const taken = events;
    events = [];
    size = 0;
    return taken;
  }

  return {
    push,
    finish: (event) => {
      if (isOver) return;
      flushTorn();
      add(event);
      end(undefined);
    },
    fail: (error) => {
      if (isOver) return;
      flushTorn();
      end(error);
    },
    abort: (error) => {
      events = [];
      torn = undefined;
      end(error);
    },
    take,
  };
}
