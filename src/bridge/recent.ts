// The last ids that ended on a link, so that late frames for them are told from frames for ids never seen. Bounded.

export interface RecentIds {
  add(id: string): void;
  has(id: string): boolean;
}

export function createRecentIds(limit: number): RecentIds {
  const ids = new Set<string>();

  function add(id: string): void {
    ids.delete(id);
    ids.add(id);
    if (ids.size <= limit) return;
    for (const oldest of ids) {
      ids.delete(oldest);
      return;
    }
  }

  return { add, has: (id) => ids.has(id) };
}
