// The log: pino's JSON lines, or the same lines made readable for a terminal. Never `transport:`, which starts a worker
// that a compiled binary cannot find. Knows the names of secret fields, not what a secret looks like.

import { pino } from "pino";

import type { Log } from "../core/ports.ts";
import { toLoggableError } from "./log-error.ts";
import { prettyLine } from "./log-pretty.ts";

interface LogStream {
  write(text: string): unknown;
}

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
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
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: loggableFields },
      // Errors are made loggable by `loggableFields`; pino's own serializer would print their causes whole.
      serializers: { err: (value: unknown) => value },
    },
    { write: (line: string) => lines.add(finish(line, settings)) },
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => {
      logger.warn(fields, message);
      lines.flush();
    },
    error: (fields, message) => {
      logger.error(fields, message);
      lines.flush();
    },
    setLevel: (level) => {
      logger.level = level;
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
  return format === "json" ? clean : prettyLine(clean, color);
}

/** A copy without what a field's name gives away as a secret, on the top and one level down. */
function loggableFields(fields: Record<string, unknown>): Record<string, unknown> {
  const loggable: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    loggable[name] = SECRET_FIELDS.has(name) ? REDACTED : loggableValue(value);
  }
  return loggable;
}

function loggableValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
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
