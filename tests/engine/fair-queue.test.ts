import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createFairQueue } from "../../src/engine/fair-queue.ts";
import type { Entrant, FairQueue, RoomLimits } from "../../src/engine/fair-queue.ts";

interface Guest extends Entrant {
  readonly name: string;
}

const LIMITS: RoomLimits = {
  turnsInFlight: 100,
  turnsPerAgent: 1,
  turnsPerKey: 9,
  queuePerAgent: 4,
};

/** `A1`: the key A's first. */
function guest(name: string, sessionId = "s"): Guest {
  return { name, keyId: name[0]!, sessionId };
}

/** A queue with its one place taken, and these waiting. */
function full(names: readonly string[], limits: Partial<RoomLimits> = {}) {
  const queue = createFairQueue<Guest>({ ...LIMITS, ...limits });
  const first = guest("Z");
  expect(queue.enter(first)).toBe(true);
  const guests = new Map(names.map((name) => [name, guest(name)]));
  for (const each of guests.values())
    expect(queue.wait(each)).toEqual({ waits: true, displaced: undefined });
  return { queue, first, guests, of: (name: string) => guests.get(name)! };
}

/** Everybody leaves as soon as he has room. */
function orderOf(queue: FairQueue<Guest>, first: Guest): string[] {
  const order: string[] = [];
  for (let [next] = queue.leave(first); next !== undefined; [next] = queue.leave(next)) {
    order.push(next.name);
  }
  return order;
}

describe("those that wait", () => {
  test("get room key by key in turn, and within a key in the order they came", () => {
    const { queue, first } = full(["A1", "A2", "A3", "B1"]);
    expect(orderOf(queue, first)).toEqual(["A1", "B1", "A2", "A3"]);
  });

  test("know their position, and it comes true", () => {
    const names = ["A1", "A2", "B1", "A3", "B2", "C1", "C2", "A4"];
    const { queue, first, of } = full(names, { queuePerAgent: 8 });
    const positions = names.map((name) => [queue.standingOf(of(name))?.position, name] as const);
    const foretold = positions.toSorted(([a = 0], [b = 0]) => a - b).map(([, name]) => name);
    expect(queue.standingFor(guest("D1"))).toEqual({ position: 4, ownPosition: 1 });
    expect(orderOf(queue, first)).toEqual(foretold);
  });

  test("are not held up by a key that has as many open as it may", () => {
    const queue = createFairQueue<Guest>({ ...LIMITS, turnsPerAgent: 2, turnsPerKey: 1 });
    const [a, b] = [guest("A0"), guest("B0")];
    expect([queue.enter(a), queue.enter(b)]).toEqual([true, true]);
    const [a1, c1] = [guest("A1"), guest("C1")];
    for (const each of [a1, c1]) queue.wait(each);
    expect(queue.leave(b)).toEqual([c1]);
    expect(queue.crowding(a1)).toEqual({ total: false, agent: true, key: true });
    expect(queue.leave(a)).toEqual([a1]);
  });

  test("are gone without a trace when they give up", () => {
    const { queue, first, of } = full(["A1", "A2", "B1"]);
    expect([queue.withdraw(of("A1")), queue.withdraw(of("A1"))]).toEqual([true, false]);
    expect(queue.standingOf(of("A1"))).toBeUndefined();
    expect(orderOf(queue, first)).toEqual(["A2", "B1"]);
    expect([queue.waiting, queue.all()]).toEqual([0, []]);
  });
});

describe("a full queue", () => {
  test("refuses one more of the key that fills it", () => {
    const { queue } = full(["A1", "A2", "A3", "A4"]);
    expect(queue.wait(guest("A5"))).toEqual({ waits: false, displaced: undefined });
  });

  test("has a place for another key: the newest of the longest lane makes way", () => {
    const { queue, first, of } = full(["A1", "A2", "A3", "A4"]);
    expect(queue.wait(guest("B1"))).toEqual({ waits: true, displaced: of("A4") });
    expect(queue.wait(guest("B2"))).toEqual({ waits: true, displaced: of("A3") });
    expect(queue.wait(guest("B3"))).toEqual({ waits: false, displaced: undefined });
    expect(orderOf(queue, first)).toEqual(["A1", "B1", "A2", "B2"]);
  });

  test("of no places at all lets nobody wait", () => {
    const { queue } = full([], { queuePerAgent: 0 });
    expect(queue.wait(guest("A1")).waits).toBe(false);
  });
});

type Step = readonly [kind: number, key: number, session: number];

/** The queue beside a plain account of who is where; every step is checked against the promises. */
function createWatched(limits: RoomLimits) {
  const queue = createFairQueue<Guest>(limits);
  const running: Guest[] = [];
  const waiting: Guest[] = [];
  /** How often another key was served at an agent while a key waited there that could have been. */
  const passedOver = new Map<string, number>();
  let count = 0;
  let served = 0;
  let lost = 0;

  const countOf = (guests: readonly Guest[], by: Partial<Guest>): number =>
    guests.filter(
      (each) =>
        (by.keyId ?? each.keyId) === each.keyId &&
        (by.sessionId ?? each.sessionId) === each.sessionId,
    ).length;
  const hasRoom = ({ keyId, sessionId }: Entrant): boolean =>
    running.length < limits.turnsInFlight &&
    countOf(running, { sessionId }) < limits.turnsPerAgent &&
    countOf(running, { keyId }) < limits.turnsPerKey;

  function take(guest: Guest): void {
    const at = waiting.indexOf(guest);
    expect(at).toBeGreaterThanOrEqual(0);
    const earlier = waiting.slice(0, at);
    expect(
      earlier.filter((each) => each.keyId === guest.keyId && each.sessionId === guest.sessionId),
    ).toEqual([]);
    waiting.splice(at, 1);
    for (const name of passedOver.keys())
      if (name.startsWith(`${guest.keyId} `)) passedOver.delete(name);
    const others = new Set(
      waiting.filter(({ sessionId }) => sessionId === guest.sessionId).map(({ keyId }) => keyId),
    );
    others.delete(guest.keyId);
    for (const keyId of others) {
      if (countOf(running, { keyId }) >= limits.turnsPerKey) continue;
      const name = `${keyId} ${guest.sessionId} ${guest.keyId}`;
      passedOver.set(name, (passedOver.get(name) ?? 0) + 1);
      expect(passedOver.get(name)).toBeLessThanOrEqual(1);
    }
    running.push(guest);
    served += 1;
  }

  function forget(guest: Guest): void {
    waiting.splice(waiting.indexOf(guest), 1);
    if (countOf(waiting, guest) > 0) return;
    for (const name of passedOver.keys()) {
      if (name.startsWith(`${guest.keyId} ${guest.sessionId} `)) passedOver.delete(name);
    }
  }

  function arrive(key: number, session: number): void {
    count += 1;
    const guest = { name: String(count), keyId: `k${key}`, sessionId: `s${session}` };
    const room = hasRoom(guest);
    expect(queue.enter(guest)).toBe(room);
    if (room) return void running.push(guest);
    const { waits, displaced } = queue.wait(guest);
    if (displaced !== undefined) {
      expect(displaced.keyId).not.toBe(guest.keyId);
      forget(displaced);
      lost += 1;
    }
    if (waits) waiting.push(guest);
    else lost += 1;
  }

  function leave(index: number): void {
    const [guest] = running.splice(index % running.length, 1);
    for (const next of queue.leave(guest!)) take(next);
  }

  function step([kind, key, session]: Step): void {
    if (kind < 50 || running.length === 0) arrive(key, session);
    else if (kind < 58 && waiting.length > 0) {
      const guest = waiting[(key * 7 + session) % waiting.length]!;
      expect(queue.withdraw(guest)).toBe(true);
      forget(guest);
      lost += 1;
    } else leave(key * 7 + session);
    expect(queue.waiting).toBe(waiting.length);
    expect(waiting.filter(hasRoom)).toEqual([]);
    for (const { keyId, sessionId } of running) {
      expect(countOf(running, { keyId })).toBeLessThanOrEqual(limits.turnsPerKey);
      expect(countOf(running, { sessionId })).toBeLessThanOrEqual(limits.turnsPerAgent);
    }
    for (const { sessionId } of waiting) {
      expect(countOf(waiting, { sessionId })).toBeLessThanOrEqual(limits.queuePerAgent);
    }
    expect(running.length).toBeLessThanOrEqual(limits.turnsInFlight);
  }

  function finish(): void {
    let ended = count - lost - waiting.length - running.length;
    while (running.length > 0) {
      leave(0);
      ended += 1;
    }
    // Nobody was forgotten: who came has had room, or was told that he has none.
    expect([waiting.length, queue.waiting, ended + lost]).toEqual([0, 0, count]);
  }

  return { step, finish, served: () => served };
}

test("over 15,000 steps no limit is exceeded, nobody waits beside room, nobody is lost, and no key is passed over twice", () => {
  let served = 0;
  const small = fc.integer({ min: 1, max: 5 });
  const limits = fc.record({
    turnsInFlight: fc.integer({ min: 2, max: 9 }),
    turnsPerAgent: small,
    turnsPerKey: small,
    queuePerAgent: fc.integer({ min: 0, max: 9 }),
  });
  const step: fc.Arbitrary<Step> = fc.tuple(fc.nat(99), fc.nat(4), fc.nat(2));
  fc.assert(
    fc.property(limits, fc.array(step, { minLength: 300, maxLength: 300 }), (given, steps) => {
      const watched = createWatched(given);
      for (const each of steps) watched.step(each);
      watched.finish();
      served += watched.served();
    }),
    { numRuns: 50 },
  );
  expect(served).toBeGreaterThan(1_000);
});
