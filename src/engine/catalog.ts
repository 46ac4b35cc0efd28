// Model names: which agents' models a client may ask for, and what each name means.
// Pure functions of the sessions; knows nothing of how a dialect lists or spells models.

import type { Model } from "../core/model.ts";
import type { Session } from "../core/session.ts";

/** These always mean "the default agent": the names that the system's first guides gave it. */
const DEFAULT_NAMES = ["cursor-agent", "cursor-agent-local"] as const;

/**
 * The default agent again, under names that say what it is to be treated as. Void asks no server what a model can do: it
 * looks for parts of its name (`extensiveModelOptionsFallback` in its modelCapabilities.ts), and a name that it does not
 * know gets 4,096 tokens. With `gpt` and `4.1` in it a model gets a million tokens and Void's tools as `tools`; with `claude`
 * 200,000 and no tools at all, so that the agent does the work itself. No name here may contain a part that another
 * editor reads something into: `-embed`, `vision`, `math`, `guard`.
 */
const EDITOR_NAMES = ["cursor-agent-as-gpt-4.1", "cursor-agent-as-claude"] as const;

export interface CatalogSettings {
  /** One more name for the default agent's model. */
  readonly modelName: string | undefined;
  /** Further names: alias → a model's id, or one of the names of the default agent. They go before all other names. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Whose sessions the default names mean; without it, and where none of them fits, the oldest's. */
  readonly isDefault?: (session: Session) => boolean;
  /** What is said of a model whose agent does not say how much it takes, in tokens. Without it: nothing. */
  readonly contextLength?: number;
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
  /** Every name in a stable order: those of the default agent, then the agents' own models, then the aliases. */
  list(sessions: readonly Session[]): readonly ListedModel[];
  find(name: string, sessions: readonly Session[]): ListedModel | undefined;
  resolve(name: string): Target;
}

/** Names are compared without regard to case, and `name:latest` is `name`. */
export function normalName(name: string): string {
  const lower = name.trim().toLowerCase();
  return lower.endsWith(":latest") ? lower.slice(0, -":latest".length) : lower;
}

/** Whether a key that is limited to `allowed` names may ask for this one; `null`: to none. */
export function isAllowed(name: string, allowed: readonly string[] | null): boolean {
  if (allowed === null) return true;
  const asked = normalName(name);
  return allowed.some((each) => normalName(each) === asked);
}

/** Approved sessions keep their models in the list while their agent is away. */
export function isListed(session: Session): boolean {
  return session.status === "active" || session.status === "suspended";
}

export function createCatalog(settings: CatalogSettings): Catalog {
  const { isDefault } = settings;
  const defaults = new Set<string>([...DEFAULT_NAMES, ...EDITOR_NAMES]);
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
    const offered = offeredModels(sessions, settings);
    const { modelName = DEFAULT_NAMES[0] } = settings;
    for (const name of [modelName, DEFAULT_NAMES[0], ...EDITOR_NAMES]) {
      add(name, meant(name, offered));
    }
    for (const each of offered) {
      const { id } = each.model;
      add(id, aliases.has(normalName(id)) ? meant(id, offered) : each);
    }
    for (const alias of Object.keys(settings.aliases)) add(alias, meant(alias, offered));
    return [...listed.values()];
  }

  function find(name: string, sessions: readonly Session[]): ListedModel | undefined {
    const source = meant(name, offeredModels(sessions, settings));
    return source && { ...source, model: { ...source.model, id: name } };
  }

  function meant(name: string, offered: readonly ListedModel[]): ListedModel | undefined {
    const { model } = resolve(name);
    if (model === undefined) return offered[0];
    return offered.find((each) => normalName(each.model.id) === model);
  }

  return { list, find, resolve };
}

function offeredModels(
  sessions: readonly Session[],
  { isDefault = () => false, contextLength }: CatalogSettings,
): readonly ListedModel[] {
  return sessions
    .filter(isListed)
    .toSorted((a, b) => Number(isDefault(b)) - Number(isDefault(a)) || a.createdAt - b.createdAt)
    .flatMap(({ models, connector }) =>
      models.map((model) => ({ model: withContext(model, contextLength), connector })),
    );
}

function withContext(model: Model, contextLength: number | undefined): Model {
  if (contextLength === undefined || model.contextLength !== undefined) return model;
  return { ...model, contextLength };
}
