// Waiting: for something that may never come, and so that others are heard.

import type { Clock } from "../core/ports.ts";

/** Whether `promise` was fulfilled within `ms` milliseconds. Rejects as it does. */
export async function within(
  promise: Promise<unknown>,
  ms: number,
  clock: Clock,
): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const cancel = clock.timer(ms, () => late.resolve(false));
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    cancel();
  }
}

/** For a loop over what somebody may write without end: nobody else, no timer either, is heard before it waits. */
export async function breathe(clock: Pick<Clock, "soon">): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.soon(resolve);
  await promise;
}
