// The order in which a server goes down: what was opened last is closed first, each once, whatever the others do.

import type { Log } from "../core/ports.ts";

export interface Shutdown {
  /** True from the first `close` or `abort` on. */
  readonly closing: boolean;
  /** Registers a step; the steps run in the reverse order of registering. */
  onClose(name: string, step: () => void | Promise<void>): void;
  /** Before the steps: waits for what is open, at most this long. */
  onDrain(step: () => Promise<void>): void;
  close(drainMs: number): Promise<void>;
  abort(): Promise<void>;
}

export function createShutdown(log: Log): Shutdown {
  const steps: { name: string; step: () => void | Promise<void> }[] = [];
  const drains: (() => Promise<void>)[] = [];
  let closing = false;
  let closed: Promise<void> | undefined;

  async function runSteps(): Promise<void> {
    for (const { name, step } of steps.toReversed()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error, step: name }, "a step of the shutdown failed");
      }
    }
  }

  return {
    get closing() {
      return closing;
    },
    onClose: (name, step) => {
      steps.push({ name, step });
    },
    onDrain: (step) => {
      drains.push(step);
    },
    close: async (drainMs) => {
      closing = true;
      await within(drainMs, Promise.all(drains.map((drain) => drain())));
      closed ??= runSteps();
      await closed;
    },
    abort: async () => {
      closing = true;
      closed ??= runSteps();
      await closed;
    },
  };
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: Timer | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
