// `mlp sessions approve`: shows who asks for what and what would be granted, and grants exactly that. The approval
// carries the hash of what was shown: should the agent change it meanwhile, the server refuses.

import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { isScope, SCOPES } from "../core/session.ts";
import type { Scope } from "../core/session.ts";
import { SessionAnswer, SessionsAnswer } from "../http/control-schema.ts";
import type { CliContext } from "./context.ts";
import { connectControl } from "./control.ts";
import { formatDuration } from "./duration.ts";
import { asUsage, CommandError, UsageError } from "./failure.ts";
import type { ClientFlags, Limit } from "./flags.ts";
import { pickNamedOrOnly } from "./session-pick.ts";
import type { SessionRow } from "./session-pick.ts";
import { pairs } from "./table.ts";

export interface ApproveFlags extends ClientFlags {
  readonly yes: boolean;
  /** In seconds. */
  readonly ttl?: number;
  readonly "max-requests"?: Limit;
  readonly "max-tokens"?: Limit;
  readonly scopes?: readonly string[];
}

interface Grant {
  readonly ttl_seconds: number;
  readonly max_requests: number | null;
  readonly max_tokens: number | null;
  readonly scopes: readonly Scope[];
}

/** What a human grants unless they say otherwise: nothing that writes or runs. */
const USUAL_SCOPES: readonly Scope[] = ["inference", "tools", "agent:read"];

export async function approveSession(
  context: CliContext,
  flags: ApproveFlags,
  name?: string,
): Promise<void> {
  const { io, env, paths } = context;
  // Whoever agrees unseen has to say to whom.
  if (flags.yes && name === undefined)
    throw new UsageError("--yes needs the name of a session or agent");
  checkScopes(flags.scopes ?? []);
  const { config } = await asUsage(() => loadConfig({ env, paths }));
  const control = connectControl("sessions", flags.url, context);
  const all = await control.ask(SessionsAnswer, { method: "GET", path: ["sessions"] });
  const session = pickNamedOrOnly(all.sessions, name, ["pending"]);
  const grant = grantOf(flags, session, config);
  io.output.write(describe(session, grant));
  if (!flags.yes && !(await isConfirmed(context))) throw new CommandError("not approved");
  const approved = await control.ask(SessionAnswer, {
    method: "POST",
    path: ["sessions", session.session_id, "approve"],
    body: { approval_hash: session.approval_hash, ...grant },
  });
  const until = approved.expires_at ?? "it is revoked";
  io.output.write(`${session.session_id} approved until ${until}\n`);
}

function checkScopes(names: readonly string[]): asserts names is readonly Scope[] {
  const unknown = names.find((name) => !isScope(name));
  if (unknown === undefined) return;
  throw new UsageError(`--scopes: ${unknown} is no scope; there are ${SCOPES.join(", ")}`);
}

/** Without `--scopes`, of the usual ones those that the agent asks for. */
function grantOf(flags: ApproveFlags, session: SessionRow, { sessions }: Config): Grant {
  const asked = session.requested_scopes;
  const usual = asked.length === 0 ? USUAL_SCOPES : USUAL_SCOPES.filter((s) => asked.includes(s));
  return {
    ttl_seconds: flags.ttl ?? sessions.session_ttl,
    max_requests: limitOf(flags["max-requests"], sessions.max_requests),
    max_tokens: limitOf(flags["max-tokens"], sessions.max_tokens),
    scopes: flags.scopes?.filter(isScope) ?? usual,
  };
}

function describe(session: SessionRow, grant: Grant): string {
  const shown = session.models.map((model) => model.id);
  const withheld = session.requested_scopes.filter(
    (scope) => !grant.scopes.some((s) => s === scope),
  );
  return [
    "An agent asks to answer your editors. What it says of itself is not checked:\n",
    pairs([
      ["  session", session.session_id],
      ["  agent", session.agent_id],
      ["  label", session.label],
      ["  kind", session.connector],
      ["  models", shown.join(", ") || "none"],
      ["  asks for", session.requested_scopes.join(", ") || "nothing in particular"],
    ]),
    "It would be granted:\n",
    pairs([
      ["  scopes", grant.scopes.join(", ") || "none: it could not answer"],
      ["  withheld", withheld.join(", ") || "nothing that it asks for"],
      ["  time", formatDuration(grant.ttl_seconds)],
      ["  requests", limit(grant.max_requests)],
      ["  tokens", limit(grant.max_tokens)],
    ]),
  ].join("");
}

function limitOf(given: Limit | undefined, usual: number | null): number | null {
  if (given === undefined) return usual;
  return given === "none" ? null : given;
}

function limit(count: number | null): string {
  return count === null ? "no limit" : String(count);
}

async function isConfirmed({ io }: CliContext): Promise<boolean> {
  if (!io.input.isTerminal || !io.output.isTerminal) {
    throw new UsageError("nobody to ask: this is no terminal; approve with --yes");
  }
  const answer = await io.input.ask("Approve? [y/N] ");
  return /^y(es)?$/i.test((answer ?? "").trim());
}
