// Keeps one ACP agent running: started when it is needed and kept warm, ended when nobody has asked for a while, started
// again when it died, and not at once when it keeps dying.

import { toAppError } from "../../core/error.ts";
import type { AppError } from "../../core/error.ts";
import type { AcpErrors } from "./errors.ts";
import type { AcpProcess } from "./process.ts";
import type { Clock, Log } from "../../core/ports.ts";

export interface AcpHost {
  /** The agent that takes turns now. @throws AppError */
  get(): Promise<AcpProcess>;
  /** A turn begins in it. */
  begin(process: AcpProcess): void;
  /** A turn ended in it; `isHealthy` when it answered. */
  end(process: AcpProcess, isHealthy: boolean): void;
  /** It did not hear a cancel: it ends with its last turn, which may be now. */
  retire(process: AcpProcess): void;
  close(): Promise<void>;
}

export interface AcpHostOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly errors: AcpErrors;
  /** The signal aborts when nobody waits for it any more: then nothing of it may stay. */
  readonly start: (signal: AbortSignal) => Promise<AcpProcess>;
  /** How long it is kept without a turn, in milliseconds. */
  readonly idleMs: number;
}

const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;

export function createAcpHost({ clock, log, errors, start, idleMs }: AcpHostOptions): AcpHost {
  const running = new Set<AcpProcess>();
  const stopped = new AbortController();
  let current: AcpProcess | undefined;
  let starting: Promise<AcpProcess> | undefined;
  let closed: Promise<void> | undefined;
  let deaths = 0;
  let notBefore = 0;
  let lastDeath: AppError | undefined;
  let cancelIdle: (() => void) | undefined;

  /** The first death may be an accident; from the second on it rests, twice as long each time. */
  function died(error: AppError): void {
    deaths += 1;
    lastDeath = error;
    const rest = deaths < 2 ? 0 : Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (deaths - 2));
    notBefore = clock.monotonic() + rest;
    log.warn({ deaths, restMs: rest, reason: error.message }, "agent ended by itself");
  }

  async function launch(): Promise<AcpProcess> {
    let process: AcpProcess;
    try {
      process = await start(stopped.signal);
    } catch (error) {
      if (closed === undefined) died(toAppError(error));
      throw error;
    }
    running.add(process);
    current = process;
    void process.link.gone.then((error) => {
      running.delete(process);
      if (current !== process) return;
      current = undefined;
      cancelIdle?.();
      died(error);
    });
    watchIdle(process);
    return process;
  }

  function get(): Promise<AcpProcess> {
    if (closed !== undefined) return Promise.reject(errors.senseless("is being stopped"));
    if (current?.link.isOpen === true) return Promise.resolve(current);
    const wait = notBefore - clock.monotonic();
    if (starting === undefined && wait > 0) {
      return Promise.reject(errors.resting(deaths, wait, lastDeath));
    }
    starting ??= launch().finally(() => {
      starting = undefined;
    });
    return starting;
  }

  /** Ends it on purpose, which is no death. */
  function dismiss(process: AcpProcess): void {
    process.isRetired = true;
    if (current === process) current = undefined;
    if (process.uses === 0) void process.link.close();
  }

  function watchIdle(process: AcpProcess): void {
    cancelIdle?.();
    cancelIdle = clock.timer(idleMs, () => {
      if (process !== current || process.uses > 0) return;
      log.debug({}, "agent ended: nobody asked for a while");
      dismiss(process);
    });
  }

  return {
    get,
    begin: (process) => {
      process.uses += 1;
      if (process === current) cancelIdle?.();
    },
    end: (process, isHealthy) => {
      process.uses -= 1;
      if (isHealthy) deaths = 0;
      if (process.uses > 0) return;
      if (process.isRetired) void process.link.close();
      else if (process === current) watchIdle(process);
    },
    retire: dismiss,
    close: () => {
      closed ??= (async () => {
        cancelIdle?.();
        stopped.abort();
        await starting?.catch(() => undefined);
        current = undefined;
        await Promise.all([...running].map((process) => process.link.close()));
        cancelIdle?.();
      })();
      return closed;
    },
  };
}
