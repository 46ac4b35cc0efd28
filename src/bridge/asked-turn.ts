// A turn that we asked over a link, as the iteration its consumer sees. It queues what arrived and was not read yet;
// the credit of the link machine bounds that queue. Knows no frames to send: its owner hears `read` and `dropped`.

import type { AppError } from "../core/error.ts";
import type { TurnEvent } from "../core/event.ts";

export interface AskedTurnEvents {
  /** The first `next()` of the iteration. */
  begin(): void;
  /** The consumer took events that were worth so many bytes on the wire. */
  read(bytes: number): void;
  /** The consumer went away before the end. */
  dropped(): void;
  /** The queue has grown, or shrunk, by so many bytes on the wire; over the turn's life that is nothing. */
  readonly buffered?: ((bytes: number) => void) | undefined;
}

export interface AskedTurn extends AsyncIterableIterator<TurnEvent> {
  /** `bytes` are given back when the last of `events` is read; at once when there are none. */
  push(events: readonly TurnEvent[], bytes: number): void;
  /** No more will come: what is queued is still read, then the iteration is done, or throws. */
  end(error: AppError | undefined): void;
  /** Throws at the next read, whatever is queued. */
  abort(error: AppError): void;
}

type Step = IteratorResult<TurnEvent, undefined>;
interface Reader {
  resolve(step: Step): void;
  reject(error: AppError): void;
}

const COMPACT_AT = 1024;
const DONE: Step = { done: true, value: undefined };

export function createAskedTurn(owner: AskedTurnEvents): AskedTurn {
  const queue: TurnEvent[] = [];
  const worth: number[] = [];
  let head = 0;
  let begun = false;
  let ended = false;
  let failure: AppError | undefined;
  let reader: Reader | undefined;

  function deliver(event: TurnEvent, bytes: number): void {
    const waiting = reader;
    if (waiting === undefined) {
      queue.push(event);
      worth.push(bytes);
      if (bytes > 0) owner.buffered?.(bytes);
      return;
    }
    reader = undefined;
    waiting.resolve({ done: false, value: event });
    if (bytes > 0) owner.read(bytes);
  }

  function push(events: readonly TurnEvent[], bytes: number): void {
    const last = events.length - 1;
    if (last < 0) owner.read(bytes);
    for (let index = 0; index <= last; index += 1) {
      const event = events[index];
      if (event !== undefined) deliver(event, index === last ? bytes : 0);
    }
  }

  function end(error: AppError | undefined): void {
    if (ended) return;
    ended = true;
    failure = error;
    const waiting = reader;
    if (waiting === undefined) return;
    reader = undefined;
    failure = undefined;
    if (error === undefined) waiting.resolve(DONE);
    else waiting.reject(error);
  }

  /** The arrays are kept: a reader that keeps up empties them at every chunk. */
  function clear(): void {
    queue.length = 0;
    worth.length = 0;
    head = 0;
  }

  /** What is queued is read by nobody. */
  function drop(): void {
    let unread = 0;
    for (let index = head; index < worth.length; index += 1) unread += worth[index] ?? 0;
    if (unread > 0) owner.buffered?.(-unread);
    clear();
  }

  function abort(error: AppError): void {
    drop();
    if (ended) failure = error;
    else end(error);
  }

  /** A consumer that never quite catches up must not keep everything it has read. */
  function compact(): void {
    queue.splice(0, head);
    worth.splice(0, head);
    head = 0;
  }

  function take(): Step | undefined {
    const event = queue[head];
    if (event === undefined) return undefined;
    const bytes = worth[head] ?? 0;
    head += 1;
    if (head === queue.length) clear();
    else if (head === COMPACT_AT) compact();
    if (bytes > 0) {
      owner.buffered?.(-bytes);
      owner.read(bytes);
    }
    return { done: false, value: event };
  }

  function next(): Promise<Step> {
    if (!begun && !ended) {
      begun = true;
      owner.begin();
    }
    const step = take();
    if (step !== undefined) return Promise.resolve(step);
    if (ended) return failure === undefined ? Promise.resolve(DONE) : throwOnce(failure);
    if (reader !== undefined) return Promise.reject(new Error("one read at a time"));
    return new Promise<Step>((resolve, reject) => {
      reader = { resolve, reject };
    });
  }

  /** A failure is thrown once; after that the iteration is simply done, as a generator's would be. */
  function throwOnce(error: AppError): Promise<Step> {
    failure = undefined;
    return Promise.reject(error);
  }

  function leave(): Promise<Step> {
    drop();
    if (begun && !ended) owner.dropped();
    begun = true;
    end(undefined);
    failure = undefined;
    return Promise.resolve(DONE);
  }

  const turn: AskedTurn = {
    push,
    end,
    abort,
    next,
    return: leave,
    [Symbol.asyncIterator]: () => turn,
  };
  return turn;
}
