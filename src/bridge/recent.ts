// The last ids that ended on a link, so that late frames for them are told from frames for ids never seen. Bounded.

export interface RecentIds {
  add(id: string): void;
  has(id: string): boolean;
}

/** Knows the last `limit` ids at least, and twice as many at most: dropping half of them at once is cheaper than each in turn. */
export function createRecentIds(limit: number): RecentIds {
  let newer = new Set<string>();
  let older = newer;

  function add(id: string): void {
    newer.add(id);
    if (newer.size < limit) return;
    older = newer;
    newer = new Set();
  }

  return { add, has: (id) => newer.has(id) || older.has(id) };
}
