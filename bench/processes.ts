// Starts and stops the processes of a benchmark, and only those. Knows nothing of what they do.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

export interface Started {
  readonly pid: number;
  /** The next line of its stdout. Rejects when it ends before there is one. */
  line(): Promise<string>;
  send(line: string): void;
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
}

export interface Stage {
  /** A folder of its own, removed by `close`. */
  readonly folder: string;
  /** Starts a process in `folder`. Its stderr goes to `<name>.log` there. */
  start(name: string, command: readonly string[], env?: Readonly<Record<string, string>>): Started;
  stop(started: Started): Promise<void>;
  /** Stops whatever this stage started and still runs. Can be called twice. */
  close(): Promise<void>;
}

/** How long a process may take to end after SIGTERM. */
const STOP_MILLISECONDS = 12_000;

function createLines(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return async () => {
    for (;;) {
      const end = text.indexOf("\n");
      if (end !== -1) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return line;
      }
      const { done, value } = await reader.read();
      if (done) throw new Error("it ended without saying so");
      text += decoder.decode(value, { stream: true });
    }
  };
}

async function end(child: Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MILLISECONDS);
  await child.exited;
  clearTimeout(late);
}

export function createStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), "mlp-bench-"));
  const children = new Map<number, Subprocess>();

  return {
    folder,
    start(name, command, env = {}) {
      const log = join(folder, `${name}.log`);
      const child = Bun.spawn([...command], {
        cwd: folder,
        // No more of the caller's environment than a process needs: its settings are not what is measured.
        env: { PATH: process.env["PATH"] ?? "", ...env },
        stdin: "pipe",
        stdout: "pipe",
        stderr: Bun.file(log),
      });
      children.set(child.pid, child);
      const line = createLines(child.stdout);
      return {
        pid: child.pid,
        async line() {
          try {
            return await line();
          } catch (error) {
            const said = (await Bun.file(log).text()).slice(-2000);
            throw new Error(`${name} ended: ${said}`, { cause: error });
          }
        },
        send(text) {
          void child.stdin.write(`${text}\n`);
          void child.stdin.flush();
        },
        exited: child.exited,
      };
    },
    async stop(started) {
      const child = children.get(started.pid);
      children.delete(started.pid);
      if (child !== undefined) await end(child);
    },
    async close() {
      const left = [...children.values()];
      children.clear();
      await Promise.all(left.map(end));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
