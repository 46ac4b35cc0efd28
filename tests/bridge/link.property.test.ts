// Two machines, two queues and anything that may happen between them, in any order: what must hold always.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LinkEffect } from "../../src/bridge/effect.ts";
import {
  askOf,
  CANCELLED,
  type End,
  LAST,
  openPair,
  SMALL_LIMITS,
  textChunk,
} from "./support/wire-pair.ts";

type Move =
  | { readonly do: "ask" }
  | { readonly do: "deliver"; readonly to: "hub" | "agent" }
  | { readonly do: "chunk"; readonly turn: number; readonly size: number }
  | { readonly do: "finish" | "park"; readonly turn: number }
  | { readonly do: "fail"; readonly turn: number }
  | { readonly do: "cancel"; readonly turn: number }
  | { readonly do: "consume"; readonly turn: number };

const turn = fc.nat({ max: 4 });
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Move>({ do: "ask" }) },
  {
    weight: 10,
    arbitrary: fc
      .constantFrom<"hub" | "agent">("hub", "agent")
      .map((to): Move => ({ do: "deliver", to })),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("chunk" as const),
      turn,
      size: fc.integer({ min: 0, max: 1_900 }),
    }),
  },
  { weight: 1, arbitrary: turn.map((turn): Move => ({ do: "finish", turn })) },
  { weight: 1, arbitrary: turn.map((turn): Move => ({ do: "park", turn })) },
  { weight: 1, arbitrary: turn.map((turn): Move => ({ do: "fail", turn })) },
  { weight: 1, arbitrary: turn.map((turn): Move => ({ do: "cancel", turn })) },
  { weight: 6, arbitrary: turn.map((turn): Move => ({ do: "consume", turn })) },
);

/** What the shells around two machines would do, with books on every turn. */
function createWorld() {
  const { hub, agent } = openPair();
  const asked: string[] = [];
  const serving: string[] = [];
  const held = new Set<string>();
  const said = new Map<string, string[]>();
  const heard = new Map<string, string[]>();
  const unread = new Map<string, number>();
  /** Bytes of chunks sent and not yet allowed again, as seen by an onlooker. */
  const outstanding = new Map<string, number>();

  function note(effects: readonly LinkEffect[]): void {
    for (const effect of effects) {
      if (effect.type === "start") serving.push(effect.frame.id);
      if (effect.type === "held") held.add(effect.id);
      if (effect.type === "resumed") held.delete(effect.id);
      if (effect.type === "over" && agent.ends.has(effect.id)) held.delete(effect.id);
      if (effect.type === "received") {
        const { frame, bytes } = effect;
        unread.set(frame.id, (unread.get(frame.id) ?? 0) + bytes);
        if (frame.type === "model_stream_chunk" && frame.delta.content !== undefined) {
          heard.set(frame.id, [...(heard.get(frame.id) ?? []), frame.delta.content]);
        }
      }
      if (effect.type === "send") watch(JSON.parse(effect.text), effect.text);
    }
  }

  function watch(frame: { type: string; id: string; credit?: number }, text: string): void {
    if (frame.type === "model_stream_chunk") {
      const now = (outstanding.get(frame.id) ?? 0) + Buffer.byteLength(text);
      outstanding.set(frame.id, now);
      expect(now).toBeLessThanOrEqual(SMALL_LIMITS.credit_bytes);
    }
    if (frame.type === "flow") {
      outstanding.set(frame.id, (outstanding.get(frame.id) ?? 0) - (frame.credit ?? 0));
    }
  }

  function say(id: string, text: string): void {
    if (held.has(id) || agent.ends.has(id)) return;
    said.set(id, [...(said.get(id) ?? []), text]);
    note(agent.step({ type: "chunk", id, body: textChunk(text), last: false }));
  }

  function finish(id: string, parked = false): void {
    if (held.has(id) || agent.ends.has(id)) return;
    const body = parked ? `${LAST},"parked":true` : LAST;
    note(agent.step({ type: "chunk", id, body, last: true, parked }));
  }

  function deliver(from: End, to: End): boolean {
    const text = from.outbox.shift();
    if (text === undefined) return false;
    note(to.take(text));
    return true;
  }

  function consume(id: string): boolean {
    const bytes = unread.get(id) ?? 0;
    unread.delete(id);
    note(hub.step({ type: "consumed", id, bytes }));
    return bytes > 0;
  }

  function play(move: Move): void {
    const of = (list: readonly string[]) => ("turn" in move ? list[move.turn] : undefined);
    switch (move.do) {
      case "ask": {
        const id = `t${asked.length}`;
        if (asked.length - hub.ends.size >= SMALL_LIMITS.turns) return;
        asked.push(id);
        note(hub.step({ type: "ask", frame: askOf(id) }));
        return;
      }
      case "deliver":
        if (move.to === "hub") deliver(agent, hub);
        else deliver(hub, agent);
        return;
      case "chunk": {
        const id = of(serving);
        if (id !== undefined) say(id, `${said.get(id)?.length ?? 0}:${"x".repeat(move.size)}`);
        return;
      }
      case "finish":
      case "park": {
        const id = of(serving);
        if (id !== undefined) finish(id, move.do === "park");
        return;
      }
      case "fail": {
        const id = of(serving);
        if (id !== undefined) note(agent.step({ type: "fail", id, error: CANCELLED }));
        return;
      }
      case "cancel": {
        const id = of(asked);
        if (id !== undefined) note(hub.step({ type: "cancel", id, error: CANCELLED }));
        return;
      }
      case "consume": {
        const id = of(asked);
        if (id !== undefined) consume(id);
        return;
      }
    }
  }

  /** Lets everything end by itself: every queue is delivered, everything read, every turn finished. */
  function settle(): void {
    for (let busy = true; busy;) {
      busy = deliver(hub, agent) || deliver(agent, hub);
      if (busy) continue;
      for (const id of asked) busy = consume(id) || busy;
      if (busy) continue;
      for (const id of serving) {
        if (held.has(id) || agent.ends.has(id)) continue;
        finish(id);
        busy = true;
      }
    }
  }

  function isPrefix(id: string): boolean {
    const all = (said.get(id) ?? []).join("");
    return all.startsWith((heard.get(id) ?? []).join(""));
  }

  return { hub, agent, asked, serving, said, heard, held, play, settle, isPrefix };
}

/** What ended parked is unparked once, after that, and nothing else is; when the link is gone all of it is. */
function expectUnparkedOnce({ effects }: End): void {
  const waiting = new Set<string>();
  for (const effect of effects) {
    if (effect.type === "over" && effect.parked === true) waiting.add(effect.id);
    if (effect.type === "unparked") expect(waiting.delete(effect.id)).toBe(true);
  }
  expect(waiting.size).toBe(0);
}

test("whatever the order of things, every turn ends once on both sides, complete and in order", () => {
  let everHeld = 0;
  let everGivenUp = 0;
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 120, size: "max" }), (moves) => {
      const world = createWorld();
      for (const move of moves) world.play(move);
      everHeld += world.held.size;
      world.settle();
      for (const id of world.asked) {
        expect(world.hub.ends.get(id)).toHaveLength(1);
        expect(world.agent.ends.get(id)).toHaveLength(1);
        expect(world.isPrefix(id)).toBe(true);
        if (world.hub.ends.get(id)?.[0] === "done") {
          expect(world.agent.ends.get(id)).toEqual(["done"]);
          expect(world.heard.get(id) ?? []).toEqual(world.said.get(id) ?? []);
        }
      }
      expect([world.hub.link.turns, world.agent.link.turns]).toEqual([0, 0]);
      expect([world.hub.link.phase, world.agent.link.phase]).toEqual(["open", "open"]);
      expect(world.hub.link.counters.unknown + world.agent.link.counters.unknown).toBe(0);
      expect(world.held.size).toBe(0);
      everGivenUp += world.agent.effects.filter(({ type }) => type === "unparked").length;
      world.hub.step({ type: "closed" });
      world.agent.step({ type: "closed" });
      expectUnparkedOnce(world.hub);
      expectUnparkedOnce(world.agent);
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
  expect(everHeld).toBeGreaterThan(0);
  expect(everGivenUp).toBeGreaterThan(0);
});

test("a cut at any moment ends every open turn once on each side and leaves nothing behind", () => {
  fc.assert(
    fc.property(
      fc.array(anyMove, { maxLength: 80, size: "max" }),
      fc.nat({ max: 20 }),
      (moves, after) => {
        const world = createWorld();
        for (const move of moves) world.play(move);
        world.hub.step({ type: "closed" });
        for (const move of moves.slice(0, after)) world.play(move);
        world.agent.step({ type: "closed" });
        for (const id of world.asked) {
          expect(world.hub.ends.get(id)).toHaveLength(1);
          expect(world.isPrefix(id)).toBe(true);
        }
        for (const id of world.serving) expect(world.agent.ends.get(id)).toHaveLength(1);
        expect([world.hub.link.turns, world.agent.link.turns]).toEqual([0, 0]);
        expectUnparkedOnce(world.hub);
        expectUnparkedOnce(world.agent);
      },
    ),
    { numRuns: 300 },
  );
});
