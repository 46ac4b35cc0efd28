// What all turns together hold in memory, in one account: request bodies, answers being collected, what a bridge has
// sent and nobody has taken yet, text that a slow client has not read. Beyond the total nothing new begins; what runs
// keeps its own limits.

import { AppError } from "../core/error.ts";

/** Something held. Released once; later calls do nothing. */
export interface Hold {
  grow(bytes: number): void;
  release(): void;
}

export interface Buffers {
  /** For something new. @throws AppError too_busy where the total would be exceeded */
  open(bytes: number): Hold;
  /** For what has begun already: counted, and never refused. */
  hold(bytes: number): Hold;
  /** What comes and goes in pieces, such as a queue: its pieces add up to nothing in the end. Never refused. */
  count(bytes: number): void;
  readonly used: number;
}

const RETRY_MS = 1_000;

export function createBuffers(totalBytes: number): Buffers {
  let used = 0;

  function hold(bytes: number): Hold {
    let held = bytes;
    let isOpen = true;
    used += bytes;
    return {
      grow: (more) => {
        if (!isOpen) return;
        held += more;
        used += more;
      },
      release: () => {
        if (!isOpen) return;
        isOpen = false;
        used -= held;
      },
    };
  }

  return {
    hold,
    count: (bytes) => {
      used += bytes;
    },
    open: (bytes) => {
      if (used + bytes > totalBytes) throw noMemory();
      return hold(bytes);
    },
    get used() {
      return used;
    },
  };
}

function noMemory(): AppError {
  return new AppError(
    "too_busy",
    "The requests that are open take all the memory they may. Try again in a moment.",
    { retryAfterMs: RETRY_MS },
  );
}
