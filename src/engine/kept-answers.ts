// Answers kept for a while so that their owners can go on from them. Bounded in time, number and size; the oldest go
// first. What an answer is, and how long a text in it is worth keeping, is the dialect's business.

import type { Clock } from "../core/ports.ts";

/** An answer to keep. Ids are unguessable, and so are those of its parts. */
export interface KeptAnswer<Value> {
  readonly id: string;
  readonly value: Value;
  /** What it is made of, each found by its id, too. */
  readonly parts: readonly { readonly id: string }[];
}

/** An answer belongs to one owner: for others there is none of its id. */
export interface KeptAnswers<Value> {
  /** Does nothing with an answer that alone is larger than all may be. */
  keep(owner: string, answer: KeptAnswer<Value>): void;
  find(owner: string, id: string): Value | undefined;
  /** The answer that has a part of this id. */
  findByPart(owner: string, partId: string): Value | undefined;
  /** `false`: there is none. */
  forget(owner: string, id: string): boolean;
  readonly size: number;
  /** Forgets all. */
  close(): void;
}

export interface KeptAnswersSettings {
  readonly clock: Clock;
  /** How long an answer is kept, in milliseconds. */
  readonly keepMs: number;
  readonly maxAnswers: number;
  /** Of all answers together, as `weightOf` counts. */
  readonly maxBytes: number;
}

interface Entry<Value> extends KeptAnswer<Value> {
  readonly owner: string;
  readonly keptAt: number;
  readonly bytes: number;
}

export function createKeptAnswers<Value>(settings: KeptAnswersSettings): KeptAnswers<Value> {
  const { clock, keepMs, maxAnswers, maxBytes } = settings;
  /** In the order of their age. */
  const answers = new Map<string, Entry<Value>>();
  const byPart = new Map<string, Entry<Value>>();
  let bytes = 0;
  let stopTimer: (() => void) | undefined;

  function drop(entry: Entry<Value>): void {
    answers.delete(keyOf(entry.owner, entry.id));
    for (const part of entry.parts) byPart.delete(keyOf(entry.owner, part.id));
    bytes -= entry.bytes;
  }

  function sweep(): void {
    const limit = clock.monotonic() - keepMs;
    for (const entry of answers.values()) {
      if (entry.keptAt > limit && answers.size <= maxAnswers && bytes <= maxBytes) return;
      drop(entry);
    }
  }

  /** What nobody asks for any more is forgotten all the same. One timer, for the oldest: it is the next to go. */
  function watch(): void {
    const [oldest] = answers.values();
    if (oldest === undefined || stopTimer !== undefined) return;
    stopTimer = clock.timer(Math.max(1, oldest.keptAt + keepMs - clock.monotonic()), () => {
      stopTimer = undefined;
      sweep();
      watch();
    });
  }

  function keep(owner: string, answer: KeptAnswer<Value>): void {
    const entry = { ...answer, owner, keptAt: clock.monotonic(), bytes: weightOf(answer.value) };
    const before = answers.get(keyOf(owner, answer.id));
    if (before !== undefined) drop(before);
    if (entry.bytes > maxBytes) return;
    answers.set(keyOf(owner, answer.id), entry);
    for (const part of answer.parts) byPart.set(keyOf(owner, part.id), entry);
    bytes += entry.bytes;
    sweep();
    watch();
  }

  return {
    keep,
    find: (owner, id) => {
      sweep();
      return answers.get(keyOf(owner, id))?.value;
    },
    findByPart: (owner, partId) => {
      sweep();
      return byPart.get(keyOf(owner, partId))?.value;
    },
    forget: (owner, id) => {
      sweep();
      const entry = answers.get(keyOf(owner, id));
      if (entry !== undefined) drop(entry);
      return entry !== undefined;
    },
    get size() {
      sweep();
      return answers.size;
    },
    close: () => {
      stopTimer?.();
      stopTimer = undefined;
      for (const entry of answers.values()) drop(entry);
    },
  };
}

/** No owner has a line break in its id, whatever a client asks for. */
function keyOf(owner: string, id: string): string {
  return `${owner}\n${id}`;
}

const BYTES_PER_CHARACTER = 2;
const BYTES_PER_VALUE = 16;

/** About how much memory a JSON value takes, rather too much than too little. Level by level, however deep it is. */
export function weightOf(value: unknown): number {
  let weight = 0;
  let level: unknown[] = [value];
  while (level.length > 0) {
    const next: unknown[] = [];
    for (const each of level) {
      weight += BYTES_PER_VALUE;
      if (typeof each === "string") weight += each.length * BYTES_PER_CHARACTER;
      else if (typeof each === "object" && each !== null) {
        for (const inner of Object.values(each)) next.push(inner);
      }
    }
    level = next;
  }
  return weight;
}
