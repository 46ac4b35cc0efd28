// Matches patterns in time that is bounded by text times pattern: all ways through the pattern are followed at once,
// none is ever gone back on. The runtime's own engine goes back, and some pairs of pattern and text keep it busy for years.

import { parsePattern } from "./pattern-parse.ts";
import type { CharTest, PatternNode } from "./pattern-parse.ts";
import type { Work } from "./work.ts";

export interface Pattern {
  /** In steps: what it takes of memory, and of time for each character. */
  readonly size: number;
  /** Whether it matches anywhere in the text. @throws TooMuchWork */
  test(text: string, work: Work): boolean;
}

type Step =
  | { readonly type: "match" }
  | { readonly type: "char"; readonly test: CharTest; readonly next: number }
  | { readonly type: "split"; readonly one: number; readonly other: number }
  | {
      readonly type: "assert";
      readonly kind: "start" | "end" | "word" | "no-word";
      readonly next: number;
    }
  | {
      readonly type: "look";
      readonly entry: number;
      readonly ahead: boolean;
      readonly negative: boolean;
      readonly next: number;
    };

/** What `{2,5000}` and the like may amount to when they are written out. */
const MAX_STEPS = 10_000;
const MATCH = 0;
const WORD = /^\w$/;

/** `undefined`: this is no pattern, it is too large, or it has back references or mode groups. */
export function createPattern(source: string): Pattern | undefined {
  const parsed = parsePattern(source);
  const steps: Step[] = [{ type: "match" }];
  const entry = parsed && write(parsed.node, MATCH, steps);
  if (parsed === undefined || entry === undefined) return undefined;
  return {
    size: steps.length,
    test: (text, work) => {
      work.spend(text.length);
      const characters = parsed.unicode ? Array.from(text) : text.split("");
      return createMatcher(steps, characters, work).finds(entry);
    },
  };
}

/** Back to front, so that every step knows where it goes on. The step to enter by; `undefined`: it grows too large. */
function write(node: PatternNode, next: number, steps: Step[]): number | undefined {
  const add = (step: Step): number | undefined => {
    if (steps.length >= MAX_STEPS) return undefined;
    return steps.push(step) - 1;
  };
  switch (node.type) {
    case "empty":
      return next;
    case "char":
      return add({ type: "char", test: node.test, next });
    case "assert":
      return add({ type: "assert", kind: node.kind, next });
    case "sequence":
      return node.nodes.reduceRight<number | undefined>(
        (entry, each) => (entry === undefined ? undefined : write(each, entry, steps)),
        next,
      );
    case "choice": {
      const entries = node.nodes.map((each) => write(each, next, steps));
      return entries.reduceRight((other, one) =>
        one === undefined || other === undefined ? undefined : add({ type: "split", one, other }),
      );
    }
    case "look": {
      const entry = write(node.node, MATCH, steps);
      const { ahead, negative } = node;
      return entry === undefined ? undefined : add({ type: "look", entry, ahead, negative, next });
    }
    case "repeat":
      return writeRepeat(node, next, steps);
  }
}

function writeRepeat(
  { node, min, max }: PatternNode & { readonly type: "repeat" },
  next: number,
  steps: Step[],
): number | undefined {
  let entry: number | undefined = next;
  if (max === Infinity) {
    const loop = steps.length;
    if (loop >= MAX_STEPS) return undefined;
    steps.push({ type: "match" });
    const body = write(node, loop, steps);
    if (body === undefined) return undefined;
    steps[loop] = { type: "split", one: body, other: next };
    entry = loop;
  } else {
    for (let times = min; times < max; times += 1) {
      const body = write(node, entry, steps);
      if (body === undefined || steps.length >= MAX_STEPS) return undefined;
      entry = steps.push({ type: "split", one: body, other: next }) - 1;
    }
  }
  for (let times = 0; times < min; times += 1) {
    entry = write(node, entry, steps);
    // What takes no step can be repeated for ever and stay small.
    if (entry === undefined || entry === next) return entry;
  }
  return entry;
}

function createMatcher(
  steps: readonly Step[],
  text: readonly string[],
  work: Work,
): { finds(entry: number): boolean } {
  const looked = new Map<string, boolean>();

  /** Follows every way from `from`; with `until`, only matches that end there count. */
  function run(entry: number, from: number, until: number | undefined, anywhere: boolean): boolean {
    let current = new Set<number>();
    for (let at = from; ; at += 1) {
      if (at === from || anywhere) enter(entry, at, current);
      if (current.has(MATCH) && (until === undefined || until === at)) return true;
      if (at >= (until ?? text.length) || (current.size === 0 && !anywhere)) return false;
      const character = text[at] ?? "";
      const following = new Set<number>();
      for (const index of current) {
        work.spend(1);
        const step = steps[index];
        if (step?.type === "char" && step.test(character)) enter(step.next, at + 1, following);
      }
      current = following;
    }
  }

  /** Adds `entry` and whatever is reached from it without a character. */
  function enter(entry: number, at: number, into: Set<number>): void {
    const open = [entry];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (into.has(index)) continue;
      into.add(index);
      work.spend(1);
      const step = steps[index];
      if (step?.type === "split") open.push(step.one, step.other);
      else if (step?.type === "assert" && holds(step.kind, at)) open.push(step.next);
      else if (step?.type === "look" && sees(index, step, at)) open.push(step.next);
    }
  }

  function sees(index: number, step: Step & { readonly type: "look" }, at: number): boolean {
    const name = `${index} ${at}`;
    const known = looked.get(name);
    if (known !== undefined) return known;
    const found = step.ahead ? run(step.entry, at, undefined, false) : run(step.entry, 0, at, true);
    looked.set(name, found !== step.negative);
    return found !== step.negative;
  }

  function holds(kind: "start" | "end" | "word" | "no-word", at: number): boolean {
    if (kind === "start") return at === 0;
    if (kind === "end") return at === text.length;
    const isEdge = WORD.test(text[at - 1] ?? "") !== WORD.test(text[at] ?? "");
    return isEdge === (kind === "word");
  }

  return { finds: (entry) => run(entry, 0, undefined, true) };
}
