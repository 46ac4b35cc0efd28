// What the inbox of a chat is made of: what is asked, who waits, what is over, and when the chat was last heard of. No part
// of it decides anything.

import type { Clock } from "../../core/ports.ts";
import { type Answer, createAnswer } from "./answer.ts";

/** What a chat is asked. */
export interface Asked {
  /** As a chat is to read it that has seen what came before. */
  readonly brief: Handout;
  /** As one is to read it that has not. */
  readonly whole: Handout;
  /** Names of the editor's tools that may be called. */
  readonly tools: readonly string[];
}

export interface Handout {
  readonly text: string;
  readonly images: readonly { readonly mediaType: string; readonly data: string }[];
  /** The request that this one goes on with. */
  readonly continues?: string;
}

/** Milliseconds, and counts. */
export interface InboxSettings {
  /** Requests not yet answered, at once. */
  readonly mostOpen: number;
  /** How long a chat may keep a request without a word, or pause in its answer. */
  readonly leaseMs: number;
  /** How often a request is handed out at most. */
  readonly handouts: number;
  /** Without a call for this long, nobody is there. */
  readonly absentMs: number;
  /** Waits in a row that bring nothing, before a chat is told to stop waiting. */
  readonly idleWaits: number;
  /** What an answer may have in all, in UTF-16 code units: it is kept until its turn ends, and longer when that parks. */
  readonly answerUnits: number;
}

export const INBOX_SETTINGS: InboxSettings = {
  mostOpen: 64,
  leaseMs: 100_000,
  handouts: 2,
  absentMs: 120_000,
  idleWaits: 60,
  answerUnits: 4 * 1024 * 1024,
};

/** What a wait brought. */
export type News =
  | { readonly type: "request"; readonly id: string; readonly handout: Handout }
  | { readonly type: "cancelled"; readonly id: string }
  | { readonly type: "idle" }
  /** Nothing for so long that waiting on is not worth what it costs. */
  | { readonly type: "stop" };

/** A request that is open, for its answer. */
export interface OpenRequest {
  readonly id: string;
  readonly tools: readonly string[];
  readonly answer: Answer;
  /** Whether there is something of the answer. */
  begun: boolean;
  /** How much more of it is taken, in UTF-16 code units. */
  left: number;
  /** The tool calls that it has so far: what the chat calls each, by the id that the editor knows. */
  readonly calls: Map<string, string>;
}

export type End = "answered" | "cancelled" | "lost";

export type Found =
  | { readonly type: "open"; readonly request: OpenRequest }
  | { readonly type: "over"; readonly why: End }
  | { readonly type: "unknown" };

export interface Ticket extends OpenRequest {
  readonly asked: Asked;
  state: "queued" | "lent" | "over";
  handouts: number;
  stopTimer: () => void;
}

export interface Waiter {
  bring(news: News): void;
}

/** How many requests that are over are remembered, for a word about them. */
const REMEMBERED = 256;
const MOST_UNTOLD = 16;

export function newTicket(id: string, asked: Asked, answerUnits: number): Ticket {
  return {
    id,
    asked,
    tools: asked.tools,
    answer: createAnswer(),
    state: "queued",
    begun: false,
    left: answerUnits,
    calls: new Map(),
    handouts: 0,
    stopTimer: () => undefined,
  };
}

/** When the chat last showed itself, and how often it waited for nothing. */
export function createAttendance(clock: Clock, idleWaits: number) {
  let seenAt = Number.NEGATIVE_INFINITY;
  let idle = 0;
  return {
    touch: () => {
      seenAt = clock.monotonic();
    },
    /** Milliseconds. */
    goneFor: () => clock.monotonic() - seenAt,
    busy: () => {
      idle = 0;
    },
    /** Counts a wait in vain. After too many the chat is told to go, and has gone. */
    isIdleTooLong: () => {
      idle += 1;
      if (idle < idleWaits) return false;
      idle = 0;
      seenAt = Number.NEGATIVE_INFINITY;
      return true;
    },
  };
}

/** How requests ended, and which cancelled ones their chat has not heard of yet. */
export function createPast() {
  const ends = new Map<string, End>();
  let untold: readonly string[] = [];
  return {
    add: (id: string, why: End, wasHandedOut: boolean) => {
      ends.set(id, why);
      const [oldest] = ends.keys();
      if (ends.size > REMEMBERED && oldest !== undefined) ends.delete(oldest);
      if (why === "cancelled" && wasHandedOut) untold = [...untold, id].slice(-MOST_UNTOLD);
    },
    /** Whoever asks is told. */
    lookUp: (id: string) => {
      untold = untold.filter((each) => each !== id);
      return ends.get(id);
    },
    nextUntold: () => {
      const [first, ...others] = untold;
      untold = others;
      return first;
    },
  };
}

/** A place among the waiters until something is brought, the time is over, or the signal aborts. */
export async function waitIn(
  waiters: Set<Waiter>,
  signal: AbortSignal,
  startTimer: (leave: () => void) => () => void,
): Promise<News> {
  const { promise, resolve } = Promise.withResolvers<News>();
  const waiter: Waiter = { bring: resolve };
  const leave = (): void => {
    if (waiters.delete(waiter)) resolve({ type: "idle" });
  };
  waiters.add(waiter);
  const stop = startTimer(leave);
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  const news = await promise;
  stop();
  signal.removeEventListener("abort", leave);
  return news;
}
