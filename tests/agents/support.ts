// Small things for the tests of agents: turns, a clock that moves only when told, ids that count, a log that remembers.

import type { TurnEvent } from "../../src/core/event.ts";
import type { Agent, Clock, Log, Random } from "../../src/core/ports.ts";
import type { ChatRequest, Message, Part, Turn } from "../../src/core/turn.ts";
import { AppError } from "../../src/core/error.ts";

export interface FakeClock extends Clock {
  /** Moves time on and rings what was due, in order. */
  advance(ms: number): void;
  /** Resolves once a timer is set: with how long it is for. At once if one is set already. */
  nextTimer(): Promise<number>;
  readonly timers: number;
}

export function createFakeClock(): FakeClock {
  let time = 0;
  const timers = new Set<{ readonly at: number; readonly ms: number; ring(): void }>();
  let waiting: ((ms: number) => void)[] = [];
  return {
    now: () => 1_700_000_000_000 + time,
    monotonic: () => time,
    timer(ms, ring) {
      const timer = { at: time + ms, ms, ring };
      timers.add(timer);
      for (const tell of waiting.splice(0)) tell(ms);
      return () => timers.delete(timer);
    },
    soon: queueMicrotask,
    advance(ms) {
      time += ms;
      const due = [...timers].filter(({ at }) => at <= time).sort((a, b) => a.at - b.at);
      for (const timer of due) if (timers.delete(timer)) timer.ring();
    },
    async nextTimer() {
      const [timer] = timers;
      if (timer !== undefined) return timer.ms;
      return await new Promise<number>((resolve) => (waiting = [...waiting, resolve]));
    },
    get timers() {
      return timers.size;
    },
  };
}

export function createCountingRandom(): Random {
  let count = 0;
  return {
    id: (prefix) => `${prefix}${(count += 1)}`,
    secret: () => "mlp_not-a-secret",
    fraction: () => 0.5,
  };
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

export function createMemoryLog(onLine: (line: LogLine) => void = () => {}): Log & {
  readonly lines: readonly LogLine[];
} {
  const lines: LogLine[] = [];
  const at = (level: LogLine["level"]) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
    onLine({ level, fields, message });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const text = (text: string): readonly Part[] => [{ type: "text", text }];
export const user = (message: string): Message => ({ role: "user", content: text(message) });

export function chatRequest(
  messages: string | readonly Message[],
  more: Partial<ChatRequest> = {},
): ChatRequest {
  return {
    kind: "chat",
    model: "rehearsal",
    stream: true,
    messages: typeof messages === "string" ? [user(messages)] : messages,
    parameters: {},
    ...more,
  };
}

/** What a promise is rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

let turns = 0;

export function turnOf(request: Turn["request"], more: Partial<Turn> = {}): Turn {
  turns += 1;
  return {
    id: `turn_${turns}`,
    sessionId: "session_1",
    deadlineMs: 60_000,
    scopes: ["inference", "tools"],
    request,
    ...more,
  };
}

export function runTurn(
  agent: Agent,
  request: Turn["request"],
  more: Partial<Turn> = {},
): AsyncIterable<TurnEvent> {
  return agent.run(turnOf(request, more), new AbortController().signal);
}

/** The `AppError` that reading the turn ends with, and what came before it. */
export async function failureOf(
  events: AsyncIterable<TurnEvent>,
  onEvent: () => void = () => {},
): Promise<{ error: AppError; events: readonly TurnEvent[] }> {
  const seen: TurnEvent[] = [];
  try {
    for await (const event of events) {
      seen.push(event);
      onEvent();
    }
  } catch (error) {
    if (error instanceof AppError) return { error, events: seen };
    throw error;
  }
  throw new Error("the turn did not fail");
}
