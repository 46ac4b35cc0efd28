// Turns of one end of a link that ended parked: whoever asked may still say that nobody will bring the results. Bounded.

export interface ParkedIds {
  /** Returns the oldest, where it has to make way. */
  add(id: string): string | undefined;
  /** `false`: no such turn waits. */
  remove(id: string): boolean;
  removeAll(): readonly string[];
}

/** More than the engine of one provider keeps, and many more than an agent does. */
const LIMIT = 1024;

export function createParkedIds(limit = LIMIT): ParkedIds {
  const ids = new Set<string>();

  function add(id: string): string | undefined {
    ids.add(id);
    if (ids.size <= limit) return undefined;
    const [oldest] = ids;
    if (oldest !== undefined) ids.delete(oldest);
    return oldest;
  }

  function removeAll(): readonly string[] {
    const all = [...ids];
    ids.clear();
    return all;
  }

  return { add, remove: (id) => ids.delete(id), removeAll };
}
