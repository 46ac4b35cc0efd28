// `mlp sessions …`: look at the sessions, and end, pause or prolong them. Approval is in sessions-approve.ts.

import { SessionAnswer, SessionsAnswer } from "../http/control-schema.ts";
import type { CliContext } from "./context.ts";
import { connectControl } from "./control.ts";
import { formatDuration } from "./duration.ts";
import type { ClientFlags, TableFlags } from "./flags.ts";
import { pickNamedOrOnly, pickSession } from "./session-pick.ts";
import type { SessionRow } from "./session-pick.ts";
import { json, table } from "./table.ts";

const HEAD = [
  "SESSION",
  "AGENT",
  "KIND",
  "STATUS",
  "LINK",
  "SCOPES",
  "LEFT",
  "REQUESTS",
  "TOKENS",
  "LABEL",
];

export async function listSessions(context: CliContext, flags: TableFlags): Promise<void> {
  const control = connectControl("sessions", flags.url, context);
  const answer = await control.ask(SessionsAnswer, { method: "GET", path: ["sessions"] });
  const now = Date.now();
  const text = flags.json
    ? json(answer)
    : table(
        HEAD,
        answer.sessions.map((session) => row(session, now)),
      );
  context.io.output.write(text);
}

function row(session: SessionRow, now: number): readonly string[] {
  const { requested_scopes: asked, scopes } = session;
  return [
    session.session_id,
    session.agent_id,
    session.connector,
    session.status,
    session.connected ? (session.in_flight > 0 ? `${session.in_flight} running` : "up") : "away",
    session.status === "pending" ? `asks ${asked.join(",")}` : scopes.join(","),
    timeLeft(session, now),
    counted(session.request_count, session.max_requests),
    counted(session.token_count, session.max_tokens),
    session.label,
  ];
}

/** Of a session that has ended nothing is left, whatever its record says. */
function timeLeft({ status, expires_at: end }: SessionRow, now: number): string {
  if (end === null || (status !== "active" && status !== "suspended")) return "-";
  return formatDuration((Date.parse(end) - now) / 1000);
}

function counted(count: number, limit: number | null): string {
  return limit === null ? String(count) : `${count}/${limit}`;
}

type Change = "deny" | "suspend" | "resume" | "revoke";

const FROM: Readonly<Record<Change, readonly string[]>> = {
  deny: ["pending"],
  suspend: ["active"],
  resume: ["suspended"],
  revoke: ["active", "suspended"],
};

const DONE: Readonly<Record<Change, string>> = {
  deny: "denied",
  suspend: "suspended",
  resume: "resumed",
  revoke: "revoked",
};

/** The command that makes one of the changes that need nothing but a session. */
export function changeSession(change: Change) {
  return async function (context: CliContext, flags: ClientFlags, name?: string): Promise<void> {
    const control = connectControl("sessions", flags.url, context);
    const all = await control.ask(SessionsAnswer, { method: "GET", path: ["sessions"] });
    const session = pickNamedOrOnly(all.sessions, name, FROM[change]);
    const path = ["sessions", session.session_id, change];
    await control.ask(SessionAnswer, { method: "POST", path });
    context.io.output.write(`${session.session_id} ${DONE[change]}\n`);
  };
}

export interface ExtendFlags extends ClientFlags {
  /** In seconds. */
  readonly ttl: number;
}

export async function extendSession(
  context: CliContext,
  flags: ExtendFlags,
  name: string,
): Promise<void> {
  const control = connectControl("sessions", flags.url, context);
  const all = await control.ask(SessionsAnswer, { method: "GET", path: ["sessions"] });
  const session = pickSession(all.sessions, name, ["active", "suspended"]);
  const extended = await control.ask(SessionAnswer, {
    method: "POST",
    path: ["sessions", session.session_id, "extend"],
    body: { ttl_seconds: flags.ttl },
  });
  const until = extended.expires_at ?? "it is revoked";
  context.io.output.write(`${session.session_id} lasts until ${until}\n`);
}
