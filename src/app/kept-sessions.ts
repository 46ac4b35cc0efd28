// Whose sessions are whose in a store that several of our processes share: those that foreign bridges registered with a
// provider, and those of a hub. Each keeps its own and leaves the others alone.

import type { SessionStore, StoredSession } from "../core/ports.ts";
import { isRegistered, registeredConnector } from "../engine/sessions-book.ts";

const BY_HAND = registeredConnector("control");

/** A hub's: its agents', and what was registered with the control token. */
export function hubSessions(store: SessionStore): SessionStore {
  return only(store, (session) => !isRegistered(session) || session.connector === BY_HAND);
}

/** Those that these foreign bridges registered. */
export function foreignSessions(store: SessionStore, names: readonly string[]): SessionStore {
  const connectors = new Set(names.map(registeredConnector));
  return only(store, ({ connector }) => connectors.has(connector));
}

function only(store: SessionStore, isKept: (session: StoredSession) => boolean): SessionStore {
  return {
    load: async () => (await store.load()).filter(isKept),
    save: (session) => store.save(session),
    count: (...counted) => store.count(...counted),
    remove: (sessionId) => store.remove(sessionId),
  } satisfies SessionStore;
}
