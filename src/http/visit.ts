// What the gate found out about a request, kept beside it until it is answered: who asks, under which name.

import type { GuardCaller } from "../security/guard.ts";
import type { ClientKey } from "../core/ports.ts";

export interface Visit {
  /** `x-request-id` of the answer, and the turn's id. Unguessable. */
  readonly requestId: string;
  readonly caller: GuardCaller;
  readonly key: ClientKey | undefined;
  /** The address of the other end of the connection. */
  readonly peer: string;
  /** The path without query and without a secret base path: safe to log. */
  readonly path: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Lets the answer take longer than an idle connection may. */
  readonly takeYourTime: () => void;
}

export interface Visits {
  enter(request: Request, visit: Visit): void;
  /** `undefined` for a request that did not come through the gate: nothing may be done for it. */
  of(request: Request): Visit | undefined;
}

export function createVisits(): Visits {
  const visits = new WeakMap<Request, Visit>();
  return {
    enter: (request, visit) => {
      visits.set(request, visit);
    },
    of: (request) => visits.get(request),
  };
}
