// Model names: which agents' models a client may ask for, and what each name means.
// Pure functions of the sessions; knows nothing of how a dialect lists or spells models.

import type { Model } from "../core/model.ts";
import type { Session } from "../core/session.ts";

/** These always mean "the default agent": the names that the system's first guides gave it. */
const DEFAULT_NAMES = ["cursor-agent", "cursor-agent-local"] as const;

export interface CatalogSettings {
  /** One more name for the default agent's model. */
  readonly modelName: string | undefined;
  /** Further names: alias → a model's id, or one of the names of the default agent. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Whose sessions the default names mean; without it, and where none of them fits, the oldest's. */
  readonly isDefault?: (session: Session) => boolean;
}

export interface ListedModel {
  readonly model: Model;
  readonly connector: string;
}

/** What a name means. `model: undefined` is the default agent, whichever model it puts first. */
export type Target = {
  readonly model: string | undefined;
  readonly isDefault?: CatalogSettings["isDefault"];
};

export interface Catalog {
  /** Every name in a stable order: the default names, then the agents' own models, then the aliases. */
  list(sessions: readonly Session[]): readonly ListedModel[];
  find(name: string, sessions: readonly Session[]): ListedModel | undefined;
  resolve(name: string): Target;
}

/** Names are compared without regard to case, and `name:latest` is `name`. */
export function normalName(name: string): string {
  const lower = name.trim().toLowerCase();
  return lower.endsWith(":latest") ? lower.slice(0, -":latest".length) : lower;
}

/** Approved sessions keep their models in the list while their agent is away. */
export function isListed(session: Session): boolean {
  return session.status === "active" || session.status === "suspended";
}

export function createCatalog(settings: CatalogSettings): Catalog {
  const { isDefault } = settings;
  const defaults = new Set<string>(DEFAULT_NAMES);
  if (settings.modelName !== undefined) defaults.add(normalName(settings.modelName));
  const aliases = new Map(
    Object.entries(settings.aliases).map(([alias, target]) => [
      normalName(alias),
      normalName(target),
    ]),
  );

  function resolve(name: string): Target {
    const asked = normalName(name);
    const target = aliases.get(asked) ?? asked;
    if (!defaults.has(target)) return { model: target };
    return { model: undefined, ...(isDefault !== undefined && { isDefault }) };
  }

  function list(sessions: readonly Session[]): readonly ListedModel[] {
    const listed = new Map<string, ListedModel>();
    const add = (name: string, source: ListedModel | undefined): void => {
      const key = normalName(name);
      if (source === undefined || listed.has(key)) return;
      listed.set(key, { ...source, model: { ...source.model, id: name } });
    };
    const offered = offeredModels(sessions, isDefault);
    const first = offered[0];
    if (settings.modelName !== undefined) add(settings.modelName, first);
    add(DEFAULT_NAMES[0], first);
    for (const each of offered) add(each.model.id, each);
    for (const alias of Object.keys(settings.aliases)) {
      const { model } = resolve(alias);
      const source =
        model === undefined ? first : offered.find((each) => normalName(each.model.id) === model);
      add(alias, source);
    }
    return [...listed.values()];
  }

  function find(name: string, sessions: readonly Session[]): ListedModel | undefined {
    const { model } = resolve(name);
    const offered = offeredModels(sessions, isDefault);
    const source =
      model === undefined
        ? offered[0]
        : offered.find((each) => normalName(each.model.id) === model);
    return source && { ...source, model: { ...source.model, id: name } };
  }

  return { list, find, resolve };
}

function offeredModels(
  sessions: readonly Session[],
  isDefault: CatalogSettings["isDefault"] = () => false,
): readonly ListedModel[] {
  return sessions
    .filter(isListed)
    .toSorted((a, b) => Number(isDefault(b)) - Number(isDefault(a)) || a.createdAt - b.createdAt)
    .flatMap((session) => session.models.map((model) => ({ model, connector: session.connector })));
}
