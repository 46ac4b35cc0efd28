// What an answer of several turns tells: their results, for the one body, and their records, each by itself. Of a
// single turn there is nothing before its own.

import { AppError } from "../core/error.ts";
import type { TurnResult } from "../core/event.ts";
import type { TurnRecord } from "../engine/records.ts";
import type { TurnEnd } from "../engine/run-turn.ts";

const NONE: readonly TurnResult[] = [];

/** Of the turns before the last, in their order. @throws AppError internal for what is not there */
export function resultsBefore({ before }: TurnEnd): readonly TurnResult[] {
  if (before === undefined) return NONE;
  return before.map(({ result }) => {
    if (result === undefined) throw notKept();
    return result;
  });
}

export function notKept(): AppError {
  return new AppError("internal", "The answer was not kept.");
}

/** Every turn that there was. The last of them has the `bytes` of the answer. */
export function recordAll(
  { record, before }: TurnEnd,
  bytes: number,
  onAnswered: (record: TurnRecord, bytes: number) => void,
): void {
  if (before !== undefined) {
    const earlier = before.flatMap((end) => end.record ?? []);
    const last = record ?? earlier.at(-1);
    for (const each of earlier) onAnswered(each, each === last ? bytes : 0);
  }
  if (record !== undefined) onAnswered(record, bytes);
}
