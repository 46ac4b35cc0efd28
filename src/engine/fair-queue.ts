// Who has room and who waits for it, fairly: keys take turns, and within a key first come is first served. Pure: knows
// entrants by the two names that limits count, and neither time nor turns.

/** `sessionId`: whose agent is to answer. */
export interface Entrant {
  readonly sessionId: string;
  readonly keyId: string;
}

export interface RoomLimits {
  readonly turnsInFlight: number;
  readonly turnsPerAgent: number;
  /** Turns that one client key may have open at once. */
  readonly turnsPerKey: number;
  /** Turns that may wait for one agent. */
  readonly queuePerAgent: number;
}

/** How far from its room an entrant is. */
export interface Standing {
  /** From 1: how many get room at this agent up to and with this one, if nobody else comes. */
  readonly position: number;
  /** The same among its own key's alone. */
  readonly ownPosition: number;
}

/** Which limits have been reached. */
export interface Crowding {
  readonly total: boolean;
  readonly agent: boolean;
  readonly key: boolean;
}

/**
 * No limit is ever exceeded, and nobody waits while there is room for him: whoever gets room is told by the call that
 * made it. Room goes to the key that was served the longest ago.
 */
export interface FairQueue<T extends Entrant> {
  /** Takes room if there is any. */
  enter(entrant: Entrant): boolean;
  /**
   * Joins the queue. Where it is full, the newest of the key that has the most waiting makes way, unless the newcomer's
   * own key would have as many: then it is refused.
   */
  wait(entrant: T): { readonly waits: boolean; readonly displaced: T | undefined };
  /** Stops waiting. `false`: it did not wait. */
  withdraw(entrant: T): boolean;
  /** Gives room back. Those that are returned have it now. */
  leave(entrant: Entrant): readonly T[];
  /** `undefined`: it does not wait. */
  standingOf(entrant: T): Standing | undefined;
  /** Where a newcomer would stand. */
  standingFor(entrant: Entrant): Standing;
  crowding(entrant: Entrant): Crowding;
  waitingAt(sessionId: string): readonly T[];
  /** In the order of the keys, and of each in the order they came. */
  all(): readonly T[];
  readonly waiting: number;
}

interface Waiter<T> {
  readonly entrant: T;
  /** Rises with each that joins. */
  readonly number: number;
}

/** What waits of one key, by agent. No lane is empty. */
type Lanes<T> = Map<string, Waiter<T>[]>;

export function createFairQueue<T extends Entrant>(limits: RoomLimits): FairQueue<T> {
  const perSession = new Map<string, number>();
  const perKey = new Map<string, number>();
  let running = 0;
  /** Keys that wait; the one that was served the longest ago comes first. */
  const ring = new Map<string, Lanes<T>>();
  const waitingPerSession = new Map<string, number>();
  let waiting = 0;
  let joined = 0;

  function crowding({ sessionId, keyId }: Entrant): Crowding {
    return {
      total: running >= limits.turnsInFlight,
      agent: (perSession.get(sessionId) ?? 0) >= limits.turnsPerAgent,
      key: (perKey.get(keyId) ?? 0) >= limits.turnsPerKey,
    };
  }

  function enter({ sessionId, keyId }: Entrant): boolean {
    const ofSession = perSession.get(sessionId) ?? 0;
    const ofKey = perKey.get(keyId) ?? 0;
    if (running >= limits.turnsInFlight || ofSession >= limits.turnsPerAgent) return false;
    if (ofKey >= limits.turnsPerKey) return false;
    running += 1;
    perSession.set(sessionId, ofSession + 1);
    perKey.set(keyId, ofKey + 1);
    return true;
  }

  function wait(entrant: T): { waits: boolean; displaced: T | undefined } {
    const displaced = isFull(entrant.sessionId) ? displaceFor(entrant) : undefined;
    if (isFull(entrant.sessionId)) return { waits: false, displaced };
    const lanes = ring.get(entrant.keyId) ?? new Map<string, Waiter<T>[]>();
    ring.set(entrant.keyId, lanes);
    const lane = lanes.get(entrant.sessionId) ?? [];
    lanes.set(entrant.sessionId, lane);
    joined += 1;
    lane.push({ entrant, number: joined });
    waiting += 1;
    add(waitingPerSession, entrant.sessionId, 1);
    return { waits: true, displaced };
  }

  function isFull(sessionId: string): boolean {
    return (waitingPerSession.get(sessionId) ?? 0) >= limits.queuePerAgent;
  }

  /** A key that fills the queue by itself must not keep the others out of it. */
  function displaceFor({ sessionId, keyId }: T): T | undefined {
    let longest: readonly Waiter<T>[] = [];
    for (const lanes of ring.values()) {
      const lane = lanes.get(sessionId) ?? [];
      if (lane.length > longest.length) longest = lane;
    }
    const own = ring.get(keyId)?.get(sessionId)?.length ?? 0;
    const newest = longest.at(-1)?.entrant;
    if (newest === undefined || longest.length <= own + 1) return undefined;
    withdraw(newest);
    return newest;
  }

  function withdraw(entrant: T): boolean {
    const { sessionId, keyId } = entrant;
    const lanes = ring.get(keyId);
    const lane = lanes?.get(sessionId);
    const at = lane?.findIndex((waiter) => waiter.entrant === entrant) ?? -1;
    if (lanes === undefined || lane === undefined || at < 0) return false;
    lane.splice(at, 1);
    if (lane.length === 0) lanes.delete(sessionId);
    if (lanes.size === 0) ring.delete(keyId);
    waiting -= 1;
    add(waitingPerSession, sessionId, -1);
    return true;
  }

  function leave({ sessionId, keyId }: Entrant): readonly T[] {
    running -= 1;
    add(perSession, sessionId, -1);
    add(perKey, keyId, -1);
    if (waiting === 0) return [];
    const served: T[] = [];
    for (let next = nextServed(); next !== undefined; next = nextServed()) served.push(next);
    return served;
  }

  function nextServed(): T | undefined {
    if (running >= limits.turnsInFlight) return undefined;
    for (const [keyId, lanes] of ring) {
      const first = firstWithRoom(lanes);
      if (first === undefined || !enter(first)) continue;
      withdraw(first);
      // Served: behind all others.
      if (ring.delete(keyId) && lanes.size > 0) ring.set(keyId, lanes);
      return first;
    }
    return undefined;
  }

  function firstWithRoom(lanes: Lanes<T>): T | undefined {
    let first: Waiter<T> | undefined;
    for (const [sessionId, [head]] of lanes) {
      if (head === undefined || (perSession.get(sessionId) ?? 0) >= limits.turnsPerAgent) continue;
      if (first === undefined || head.number < first.number) first = head;
    }
    return first?.entrant;
  }

  /** Round by round: of each other key as many go before as of its own, and one more of those whose turn is earlier. */
  function standing({ sessionId, keyId }: Entrant, ownBefore: number): Standing {
    let position = ownBefore + 1;
    let isEarlier = true;
    for (const [otherId, lanes] of ring) {
      if (otherId === keyId) isEarlier = false;
      else {
        const rounds = isEarlier ? ownBefore + 1 : ownBefore;
        position += Math.min(lanes.get(sessionId)?.length ?? 0, rounds);
      }
    }
    return { position, ownPosition: ownBefore + 1 };
  }

  function laneOf({ sessionId, keyId }: Entrant): readonly Waiter<T>[] {
    return ring.get(keyId)?.get(sessionId) ?? [];
  }

  function* lanesOf(): Iterable<readonly Waiter<T>[]> {
    for (const lanes of ring.values()) yield* lanes.values();
  }

  return {
    enter,
    wait,
    withdraw,
    leave,
    crowding,
    standingOf: (entrant) => {
      const before = laneOf(entrant).findIndex((waiter) => waiter.entrant === entrant);
      return before < 0 ? undefined : standing(entrant, before);
    },
    standingFor: (entrant) => standing(entrant, laneOf(entrant).length),
    waitingAt: (sessionId) =>
      [...ring.values()].flatMap((lanes) => (lanes.get(sessionId) ?? []).map(entrantOf)),
    all: () => [...lanesOf()].flatMap((lane) => lane.map(entrantOf)),
    get waiting() {
      return waiting;
    },
  };
}

function entrantOf<T>({ entrant }: Waiter<T>): T {
  return entrant;
}

function add(counts: Map<string, number>, name: string, amount: number): void {
  const sum = (counts.get(name) ?? 0) + amount;
  if (sum > 0) counts.set(name, sum);
  else counts.delete(name);
}
