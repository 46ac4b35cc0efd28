// The test's end of the stand-in for `cursor-agent`: makes a program of a script, and hears what its processes hear.
// Knows no connector.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { CursorScript } from "./fake-cursor-agent.ts";
import { eventually, isAlive } from "./mlp.ts";

export interface CursorEvent {
  readonly event: string;
  readonly pid: number;
  readonly args?: readonly string[];
  readonly [field: string]: unknown;
}

export interface FakeCursor {
  /** For CURSOR_AGENT_BIN. */
  readonly path: string;
  readonly folder: string;
  readonly events: readonly CursorEvent[];
  /** The first event that fits, past or to come. A process that is gone has left an `ended`. */
  until(fits: (event: CursorEvent) => boolean): Promise<CursorEvent>;
  /** The first sign that a turn is no longer wanted: a cancel, or a process that ends before it has answered. */
  stopped(): Promise<CursorEvent>;
  /** Plays something else from now on; processes that run already do not hear of it. */
  play(script: Omit<CursorScript, "port">): void;
  /** Resolves when every process that was started is gone. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

const PROGRAM = join(import.meta.dir, "fake-cursor-agent.ts");

export function createFakeCursor(script: Omit<CursorScript, "port">): FakeCursor {
  const folder = mkdtempSync(join(tmpdir(), "fake-cursor-"));
  const path = join(folder, "cursor-agent");
  const events: CursorEvent[] = [];
  const waiting = new Set<(event: CursorEvent) => void>();
  const gone: Promise<void>[] = [];

  function hear(event: CursorEvent): void {
    events.push(event);
    for (const listener of waiting) listener(event);
  }

  const server = Bun.listen<{ rest: string; pid: number; left: () => void }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        gone.push(promise);
        socket.data = { rest: "", pid: 0, left: resolve };
      },
      data: (socket, bytes) => {
        const lines = (socket.data.rest + bytes.toString("utf8")).split("\n");
        socket.data.rest = lines.pop() ?? "";
        for (const line of lines) {
          const event = JSON.parse(line) as CursorEvent;
          socket.data.pid = event.pid;
          hear(event);
        }
      },
      close: (socket) => {
        hear({ event: "ended", pid: socket.data.pid });
        socket.data.left();
      },
    },
  });

  function play(next: Omit<CursorScript, "port">): void {
    writeFileSync(join(folder, "script.json"), JSON.stringify({ ...next, port: server.port }));
  }

  play(script);
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  writeFileSync(
    path,
    `#!/bin/sh\nFAKE_CURSOR=${quote(join(folder, "script.json"))} exec ${quote(process.execPath)} ${quote(PROGRAM)} "$@"\n`,
  );
  chmodSync(path, 0o755);

  function until(fits: (event: CursorEvent) => boolean): Promise<CursorEvent> {
    const past = events.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const listener = (event: CursorEvent): void => {
        if (!fits(event)) return;
        waiting.delete(listener);
        resolve(event);
      };
      waiting.add(listener);
    });
  }

  const told = (event: string, pid: number): boolean =>
    events.some((one) => one.event === event && one.pid === pid);

  return {
    path,
    folder,
    events,
    play,
    until,
    stopped: () =>
      until(
        ({ event, pid }) =>
          event === "cancel" ||
          (event === "ended" && told("prompt", pid) && !told("answered", pid)),
      ),
    quiet: async () => void (await Promise.all(gone)),
    close: async () => {
      await Promise.all(gone);
      server.stop(true);
      rmSync(folder, { recursive: true, force: true });
      const pids = new Set(events.map(({ pid }) => pid).filter((pid) => pid > 0));
      // The end of its connection is a moment before its own.
      await eventually(`no stand-in is left of ${[...pids].join(", ")}`, async () =>
        [...pids].some(isAlive) ? undefined : true,
      );
    },
  };
}
