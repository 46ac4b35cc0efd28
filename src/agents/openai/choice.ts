// Whose turn it is among the upstreams that offer a model: smooth weighted round robin, as nginx has it. Each model has
// a round of its own. Deterministic; knows nothing of health.

export interface Weighted {
  readonly name: string;
  /** A whole number above zero. */
  readonly weight: number;
}

export interface Choice {
  /** All of them, the one whose turn it is first, then those who would come next. Counts as a turn for the first. */
  order<T extends Weighted>(model: string, candidates: readonly T[]): readonly T[];
}

export function createChoice(): Choice {
  /** model → upstream → how much it is owed. */
  const rounds = new Map<string, Map<string, number>>();

  return {
    order(model, candidates) {
      const [only, second] = candidates;
      if (only === undefined || second === undefined) return candidates;
      const round = rounds.get(model) ?? new Map<string, number>();
      rounds.set(model, round);
      const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
      const owed = (each: Weighted): number => round.get(each.name) ?? 0;
      for (const each of candidates) round.set(each.name, owed(each) + each.weight);
      // The sort is stable: of those owed the same, the one configured first goes first.
      const ordered = candidates.toSorted((a, b) => owed(b) - owed(a));
      const first = ordered[0] ?? only;
      round.set(first.name, owed(first) - total);
      return ordered;
    },
  };
}
