import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { TurnEvent } from "../../src/core/event.ts";
import { createAskedTurn } from "../../src/bridge/asked-turn.ts";

const text = (value: string): TurnEvent => ({ type: "text-delta", text: value });

/** A turn that has begun, with the account of what it holds. */
function aTurn() {
  const held = { bytes: 0, most: 0 };
  const turn = createAskedTurn({
    begin: () => undefined,
    read: () => undefined,
    dropped: () => undefined,
    buffered: (bytes) => {
      held.bytes += bytes;
      held.most = Math.max(held.most, held.bytes);
    },
  });
  const first = turn.next();
  turn.push([text("first")], 10);
  return { turn, held, first };
}

describe("what has arrived and is not read yet", () => {
  test("is counted until it is read, and what is read at once is not", async () => {
    const { turn, held, first } = aTurn();
    await first;
    expect(held.most).toBe(0);
    turn.push([text("a"), text("b")], 30);
    turn.push([text("c")], 5);
    expect(held.bytes).toBe(35);
    await turn.next();
    expect(held.bytes).toBe(35);
    await turn.next();
    expect(held.bytes).toBe(5);
    turn.end(undefined);
    await turn.next();
    expect(await turn.next()).toEqual({ done: true, value: undefined });
    expect(held.bytes).toBe(0);
  });

  test("is given back when its reader leaves, or the turn is broken off", async () => {
    const left = aTurn();
    left.turn.push([text("a")], 30);
    left.turn.push([text("b")], 30);
    await left.turn.next();
    await left.turn.return?.();
    expect([left.held.most, left.held.bytes]).toEqual([60, 0]);
    const broken = aTurn();
    broken.turn.push([text("a")], 30);
    broken.turn.abort(new AppError("agent_lost", "gone"));
    broken.turn.abort(new AppError("agent_lost", "gone"));
    expect([broken.held.most, broken.held.bytes]).toEqual([30, 0]);
  });
});
