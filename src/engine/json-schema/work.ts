// How much one check may do. Schemas come from clients and answers from agents: either may be built to take for ever,
// and there is one thread. Every loop of this folder pays here.

/** Thrown where a check would take more than it may. Says nothing of whether the value fits. */
export class TooMuchWork extends Error {
  override readonly name = "TooMuchWork";
}

export interface Work {
  /** @throws TooMuchWork */
  spend(steps: number): void;
}

export function createWork(steps: number): Work {
  let left = steps;
  return {
    spend: (steps) => {
      left -= steps;
      if (left < 0) throw new TooMuchWork("This check takes too much work.");
    },
  };
}
