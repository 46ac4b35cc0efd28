// How many processes may run at once; who comes later waits in order. Pure but for the promises.

import { waitOrAbort } from "../abort.ts";

export interface Slots {
  /** Resolves when there is room, with the way to make room again. Rejects with the reason of `signal`. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createSlots(most: number): Slots {
  const waiting = new Set<() => void>();
  let taken = 0;

  /** A slot that somebody waits for changes hands. */
  function release(): void {
    const [next] = waiting;
    if (next === undefined) taken -= 1;
    else next();
  }

  async function queue(signal: AbortSignal): Promise<void> {
    let isMine = false;
    try {
      await waitOrAbort(signal, (done) => {
        const hand = (): void => {
          isMine = true;
          waiting.delete(hand);
          done();
        };
        waiting.add(hand);
        return () => waiting.delete(hand);
      });
    } catch (error) {
      if (isMine) release();
      throw error;
    }
  }

  async function take(signal: AbortSignal): Promise<() => void> {
    if (taken < most) taken += 1;
    else await queue(signal);
    let isReleased = false;
    return () => {
      if (!isReleased) release();
      isReleased = true;
    };
  }

  return { take };
}
