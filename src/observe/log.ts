// The log: lines of JSON, or the same lines made readable for a terminal. Knows the names of secret fields, not what a
// secret looks like.

import type { Log } from "../core/ports.ts";
import { toLoggableError } from "./log-error.ts";
import { prettyLine } from "./log-pretty.ts";

interface LogStream {
  write(text: string): unknown;
}

/** From the least urgent on; a log of one level writes it and those after it. */
const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
type Level = (typeof LEVELS)[number];

export interface LogSettings {
  readonly level: Level;
  readonly format: "json" | "pretty";
  /** ANSI colours in pretty lines. */
  readonly color: boolean;
  /** Where the lines go: stderr, since stdout is for data. */
  readonly stream: LogStream;
  /** Takes secrets out of a finished line, in whichever field they stand: the last line of defence. */
  readonly censor: (line: string) => string;
}

const REDACTED = "[redacted]";

/** Fields that hold secrets by their name, on the top and one level down. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "token",
  "secret",
  "password",
  "key",
  "api_key",
  "apiKey",
  "session_token",
  "sessionToken",
]);

/** How long a line may wait for others to be written with it, in milliseconds. */
const GATHER_MS = 20;

export interface ClosableLog extends Log {
  setLevel(level: LogSettings["level"]): void;
  /** Writes what still waits; call it before the process ends. */
  flush(): void;
}

/**
 * Lines have `level`, `time` (ISO 8601), the fields and `msg`; errors among the fields keep no foreign text.
 * Lines of a moment are written together: a write to a terminal or pipe costs more than all else about a line.
 * Warnings and errors are written at once.
 */
export function createLog(settings: LogSettings): ClosableLog {
  const lines = createGatherer((text) => settings.stream.write(text));
  let least = LEVELS.indexOf(settings.level);

  function write(level: Exclude<Level, "silent">, fields: object, message: string): void {
    if (LEVELS.indexOf(level) < least) return;
    lines.add(finish(encodeLine(level, fields, message), settings));
    if (level === "warn" || level === "error") lines.flush();
  }

  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    setLevel: (level) => {
      least = LEVELS.indexOf(level);
    },
    flush: () => lines.flush(),
  } satisfies ClosableLog;
}

function createGatherer(write: (text: string) => unknown) {
  let waiting = "";
  let timer: Timer | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (waiting !== "") write(waiting);
    waiting = "";
  }

  return {
    flush,
    add: (line: string): void => {
      waiting += line;
      timer ??= setTimeout(flush, GATHER_MS);
    },
  };
}

function finish(line: string, { format, color, censor }: LogSettings): string {
  const clean = censor(line);
  return format === "json" ? `${clean}\n` : prettyLine(clean, color);
}

/** One line of JSON: every request writes one, so that it is made in one go. What cannot be JSON is named in its place. */
function encodeLine(level: string, fields: object, message: string): string {
  const line: Record<string, unknown> = {
    level,
    time: new Date().toISOString(),
    ...fields,
    msg: message,
  };
  for (const name of Object.keys(fields)) {
    const value = line[name];
    if (SECRET_FIELDS.has(name)) line[name] = REDACTED;
    else if (typeof value === "object" && value !== null) line[name] = loggableValue(value);
  }
  try {
    return JSON.stringify(line);
  } catch {
    return encodeLine(level, { unloggable: Object.keys(fields) }, message);
  }
}

function loggableValue(value: object): unknown {
  if (value instanceof Error) return toLoggableError(value);
  if (Array.isArray(value) || !Object.keys(value).some((name) => SECRET_FIELDS.has(name))) {
    return value;
  }
  const entries = Object.entries(value).map(([name, inner]: [string, unknown]) => [
    name,
    SECRET_FIELDS.has(name) ? REDACTED : inner,
  ]);
  return Object.fromEntries(entries);
}
