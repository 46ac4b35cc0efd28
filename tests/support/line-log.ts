// Lines of a process as they come: what was said stays readable, and a test waits for what is still to be said.
// Knows no process.

/** A JSON log line has its fields; any other line is in `msg` alone. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface LineLog {
  readonly lines: readonly LogLine[];
  push(line: string): void;
  /** The first line that matches, past ones from `since` on included. Rejects after `ms`, or when no more can come. */
  until(
    match: (line: LogLine) => boolean,
    options?: { readonly what?: string; readonly since?: number; readonly ms?: number },
  ): Promise<LogLine>;
  /** No line will follow. */
  end(): void;
}

interface Waiter {
  readonly match: (line: LogLine) => boolean;
  readonly resolve: (line: LogLine) => void;
  readonly reject: (reason: string) => void;
}

const DEADLINE_MS = 10_000;

export function createLineLog(name: string): LineLog {
  const lines: LogLine[] = [];
  const waiters = new Set<Waiter>();
  let ended = false;

  function push(text: string): void {
    const line = parse(text);
    lines.push(line);
    for (const waiter of waiters) if (waiter.match(line)) waiter.resolve(line);
  }

  function end(): void {
    ended = true;
    for (const waiter of waiters) waiter.reject("it ended");
  }

  return {
    lines,
    push,
    end,
    until(match, { what = String(match), since = 0, ms = DEADLINE_MS } = {}) {
      const past = lines.slice(since).find(match);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const fail = (reason: string): void => {
          leave();
          const said = lines.slice(-10).map((line) => JSON.stringify(line));
          reject(
            new Error(`${name}: no line with ${what}: ${reason}. Last lines:\n${said.join("\n")}`),
          );
        };
        const timer = setTimeout(() => fail(`${ms} ms passed`), ms);
        const waiter: Waiter = {
          match,
          resolve: (line) => {
            leave();
            resolve(line);
          },
          reject: fail,
        };
        const leave = (): void => {
          clearTimeout(timer);
          waiters.delete(waiter);
        };
        waiters.add(waiter);
        if (ended) fail("it had ended");
      });
    },
  };
}

function parse(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "msg" in value) return value as LogLine;
  } catch {
    // Not JSON: a line for people.
  }
  return { msg: text };
}

/** Cuts a stream of bytes into lines, the last one at the end of the stream. */
export async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
