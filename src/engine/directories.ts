// Several places that sessions live in, as one: our own hubs, and this process's own registry. Knows none of them from
// another. A session id belongs to the first place that has it, so that a later one cannot take over its turns.

import { AppError } from "../core/error.ts";
import type { SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";

/** @throws Error for no place at all */
export function joinDirectories(places: readonly SessionDirectory[]): SessionDirectory {
  const [only, second] = places;
  if (only === undefined) throw new Error("sessions have to live somewhere");
  if (second === undefined) return only;

  function list(): readonly Session[] {
    const seen = new Set<string>();
    return places.flatMap((place) =>
      place.list().filter(({ sessionId }) => {
        if (seen.has(sessionId)) return false;
        seen.add(sessionId);
        return true;
      }),
    );
  }

  function ownerOf(sessionId: string): SessionDirectory | undefined {
    return places.find((place) => place.list().some((session) => session.sessionId === sessionId));
  }

  return {
    list,
    acquire: async (sessionId, request) => {
      const owner = ownerOf(sessionId);
      if (owner !== undefined) return await owner.acquire(sessionId, request);
      throw new AppError(
        "session_not_found",
        "There is no such session. See them with: mlp sessions list",
      );
    },
    subscribe: (listener) => {
      const stops = places.map((place) =>
        place.subscribe((change) => {
          const owner = ownerOf(change.session.sessionId);
          // One that no place lists any more was the speaker's own.
          if (owner === undefined || owner === place) listener(change);
        }),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
  } satisfies SessionDirectory;
}
