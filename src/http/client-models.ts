// The models as the client of a request may know them: a key that is limited to some models or sessions is shown no others.

import type { ClientKey, SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { isAllowed } from "../engine/catalog.ts";
import type { Catalog, ListedModel } from "../engine/catalog.ts";
import type { Visits } from "./visit.ts";

export interface ClientModels {
  /** The sessions that a turn of this client may go to. */
  sessions(request: Request): readonly Session[];
  /** Every name that it may ask for, in the catalog's order. */
  list(request: Request): readonly ListedModel[];
  /** `undefined` also for a name that is not for this client. */
  find(request: Request, name: string): ListedModel | undefined;
  isAllowed(request: Request, name: string): boolean;
}

interface ClientModelsDeps {
  readonly catalog: Pick<Catalog, "list" | "find">;
  readonly sessions: Pick<SessionDirectory, "list">;
  readonly visits: Pick<Visits, "of">;
}

export function createClientModels({ catalog, sessions, visits }: ClientModelsDeps): ClientModels {
  const limitsOf = (request: Request): Pick<ClientKey, "models" | "sessions"> =>
    visits.of(request)?.key ?? { models: null, sessions: null };

  function open(request: Request): readonly Session[] {
    const allowed = limitsOf(request).sessions;
    const all = sessions.list();
    return allowed === null ? all : all.filter(({ sessionId }) => allowed.includes(sessionId));
  }

  const allows = (request: Request, name: string): boolean =>
    isAllowed(name, limitsOf(request).models);

  return {
    sessions: open,
    list: (request) => catalog.list(open(request)).filter(({ model }) => allows(request, model.id)),
    find: (request, name) =>
      allows(request, name) ? catalog.find(name, open(request)) : undefined,
    isAllowed: allows,
  };
}
