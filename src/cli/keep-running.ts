// The life of a server command: start, say so, and wait for a signal. The first signal lets open turns end, the second
// does not.

import type { Running } from "../app/types.ts";
import type { Io } from "./context.ts";

export interface Life {
  start(): Promise<Running>;
  onReady(running: Running): void;
  /** A stop takes longer than `slowMs` milliseconds: what is open is let end. */
  onSlowStop(): void;
  readonly slowMs: number;
  /** How long a start that is told to stop may still take, in milliseconds: an agent may be mute. */
  readonly startMs: number;
  /** How long an end at once may take, in milliseconds. */
  readonly abortMs: number;
}

/** 0 after a drain, 1 when it was cut short. Throws what `start` throws, and what ends the server from inside. */
export async function keepRunning(life: Life, onSignal: Io["onSignal"]): Promise<0 | 1> {
  const first = Promise.withResolvers<"stop">();
  const second = Promise.withResolvers<"hurry">();
  let count = 0;
  let patience: Timer | undefined;
  let slow: Timer | undefined;
  const stopListening = onSignal(() => {
    count += 1;
    if (count === 1) first.resolve("stop");
    else second.resolve("hurry");
  });
  const late = first.promise.then(
    () =>
      new Promise<"hurry">((resolve) => {
        patience = setTimeout(() => resolve("hurry"), life.startMs);
      }),
  );
  try {
    const running = await Promise.race([life.start(), second.promise, late]);
    clearTimeout(patience);
    if (running === "hurry") return 1;
    if (count === 0) life.onReady(running);
    const end = await Promise.race([first.promise, running.failed]);
    if (end instanceof Error) {
      await atOnce(running, life.abortMs);
      throw end;
    }
    slow = setTimeout(() => life.onSlowStop(), life.slowMs);
    const drained = running.close().then(() => "drained" as const);
    if ((await Promise.race([drained, second.promise])) === "drained") return 0;
    await atOnce(running, life.abortMs);
    return 1;
  } finally {
    clearTimeout(patience);
    clearTimeout(slow);
    stopListening();
  }
}

/** An end that hangs or fails must not keep the process. */
async function atOnce(running: Running, ms: number): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([running.abort().catch(() => undefined), late]);
  clearTimeout(timer);
}
