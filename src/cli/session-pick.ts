// Which session a person means: by its id, or by the agent's id or label. Pure.

import type { Static } from "@sinclair/typebox";

import type { SessionAnswer } from "../http/control-schema.ts";
import { CommandError } from "./failure.ts";

export type SessionRow = Static<typeof SessionAnswer>;

/**
 * As `pickSession`; without a name the only one that is in one of `statuses`. Throws `CommandError`.
 */
export function pickNamedOrOnly(
  sessions: readonly SessionRow[],
  name: string | undefined,
  statuses: readonly string[],
): SessionRow {
  if (name !== undefined) return pickSession(sessions, name, statuses);
  const [only, ...others] = sessions.filter(({ status }) => statuses.includes(status));
  if (only === undefined)
    throw new CommandError(`no session is ${statuses.join(" or ")}; see mlp sessions list`);
  if (others.length === 0) return only;
  const names = [only, ...others].map(({ session_id, label }) => `${session_id} (${label})`);
  throw new CommandError(
    `several sessions are ${statuses.join(" or ")}; name one of ${names.join(", ")}`,
  );
}

/** The statuses from which nothing comes back. */
const ENDED = new Set(["expired", "revoked", "exhausted", "denied"]);

/**
 * The one session that `name` means. An id means exactly itself; an agent means its sessions that are in one of
 * `statuses`, and has to have one only. Throws `CommandError`.
 */
export function pickSession(
  sessions: readonly SessionRow[],
  name: string,
  statuses: readonly string[],
): SessionRow {
  const byId = sessions.find((session) => session.session_id === name);
  const byAgent = sessions.filter((session) => session.agent_id === name || session.label === name);
  const fitting = byAgent.filter((session) => statuses.includes(session.status));
  const [first, ...others] = byId === undefined ? fitting : [byId];
  if (first === undefined) throw new CommandError(nothingFits(name, byAgent, statuses));
  if (others.length > 0) {
    const ids = [first, ...others].map((session) => session.session_id);
    throw new CommandError(`${name} has several sessions; name one of ${ids.join(", ")}`);
  }
  if (!statuses.includes(first.status)) {
    throw new CommandError(`session ${first.session_id} is ${first.status}`);
  }
  return first;
}

function nothingFits(
  name: string,
  byAgent: readonly SessionRow[],
  statuses: readonly string[],
): string {
  if (byAgent.length === 0) return `no session or agent is called ${name}; see mlp sessions list`;
  const live = byAgent.find((session) => !ENDED.has(session.status)) ?? byAgent[0];
  return `${name} has no session that is ${statuses.join(" or ")}; it is ${live?.status}`;
}
