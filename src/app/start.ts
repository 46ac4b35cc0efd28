// What starting any of our servers has in common: its clock and its way down, the run file, the line that says
// it is ready. What is started, and in which order, is in the start-* files.

import type { Config } from "../config/schema.ts";
import { leaveRunFile } from "./run-file.ts";
import type { RunFile } from "./run-file.ts";
import { createShutdown } from "./shutdown.ts";
import type { Shutdown } from "./shutdown.ts";
import { createSystem } from "./system.ts";
import type { System } from "./system.ts";
import type { Ready, Running, StartNotes, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

export interface Base extends StartSettings {
  readonly system: System;
  readonly shutdown: Shutdown;
  /** The configuration as it is now: what may change while a server runs is read from here, each time. */
  readonly current: () => Config;
  onReload(listener: () => void): void;
}

export interface Started extends Pick<Ready, "api" | "bridge" | "agent"> {
  /** For client commands; absent for what they do not look for. */
  readonly found?: Pick<RunFile, "kind" | "control" | "sessions">;
  readonly notes: StartNotes;
  /** Resolves when something inside ends the server. */
  readonly failed?: Promise<Error>;
}

/** A start that fails half way takes down what it had opened. @throws what `compose` throws */
export async function start(
  settings: StartSettings,
  compose: (base: Base) => Promise<Started>,
): Promise<Running> {
  const { config, log, paths } = settings;
  const shutdown = createShutdown(log);
  const listeners: (() => void)[] = [];
  let current = config;
  const base: Base = {
    ...settings,
    system: createSystem(),
    shutdown,
    current: () => current,
    onReload: (listener) => {
      listeners.push(listener);
    },
  };
  try {
    const started = await compose(base);
    const { api, bridge, agent, found, notes, failed } = started;
    if (found !== undefined) {
      shutdown.onClose("run file", leaveRunFile(paths.run, { ...found, api, bridge }));
    }
    return {
      ready: { event: "ready", api, bridge, dashboard: null, agent, version: VERSION },
      notes,
      failed: failed ?? new Promise(() => undefined),
      reload: (next) => {
        current = next;
        for (const listener of listeners) listener();
      },
      close: () => shutdown.close(config.limits.drain_ms),
      abort: () => shutdown.abort(),
    };
  } catch (error) {
    await shutdown.abort();
    throw error;
  }
}
