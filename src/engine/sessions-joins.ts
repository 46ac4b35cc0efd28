// How sessions come to be: an agent that asks or comes back, a foreign bridge that registers one, the agent of
// this process. What an agent says is a claim; nothing here trusts a name, only a token.

import { AppError } from "../core/error.ts";
import type { Agent, AgentInfo, JoinRequest, SessionChange, StoredSession } from "../core/ports.ts";
import { isRegistered } from "./sessions-book.ts";
import type { Book, Entry } from "./sessions-book.ts";
import { approvalText, checkClaims } from "./sessions-claims.ts";
import type { Endings } from "./sessions-endings.ts";
import { completeGrant, embeddedDefaults, policyGrant } from "./sessions-grant.ts";
import type { FullGrant, Grant, SessionPolicy, SessionSettings } from "./sessions-grant.ts";
import type { Decisions, DecisionsDeps } from "./sessions-decisions.ts";
import { hasEnded } from "./session-machine.ts";
import { BY_CLAIMS, offerBeside, opensByClaims } from "./sessions-tokens.ts";
import type { Opener } from "./sessions-tokens.ts";

export interface JoinsDeps extends DecisionsDeps {
  readonly decisions: Decisions;
  readonly policies: readonly SessionPolicy[];
  readonly settings: SessionSettings;
}

export interface Joins {
  /** @throws AppError invalid_request (claims), too_busy, internal */
  join(request: JoinRequest): Promise<SessionChange>;
  /** @throws AppError invalid_request, too_busy */
  embed(agent: Agent, grant?: Grant): Entry;
}

export function createJoins(deps: JoinsDeps): Joins {
  const { book, clock, hash, policies, settings, decisions, endings, random } = deps;

  async function join({ info, token }: JoinRequest): Promise<SessionChange> {
    const claims = checkClaims(info);
    const given = token === undefined ? undefined : hash(token);
    const known = given === undefined ? undefined : book.findByToken(given);
    if (known !== undefined && given !== undefined && mayResume(known, claims, endings)) {
      return await comeBack(deps, known, { claims, opener: given });
    }
    // A token that was never good is no mistake of an honest agent; one that has had its time is.
    const isHonest = given === undefined || (known !== undefined && hasEnded(known.record.status));
    const unheard = isHonest ? findUnheard(deps, claims) : undefined;
    if (unheard !== undefined && mayResume(unheard, claims, endings)) {
      return await comeBack(deps, unheard, { claims, opener: BY_CLAIMS });
    }
    const entry = await ask(claims);
    const grant = policyGrant(policies, claims);
    if (grant === undefined) {
      book.emit(entry);
      return { session: book.view(entry) };
    }
    const issued = await decisions.approve(entry, completeGrant(grant, approvalDefaults(settings)));
    book.emit(entry);
    return { session: book.view(entry), token: issued };
  }

  /** A request for approval: one that its agent left is taken up again with the new claims, else a new one. */
  async function ask(claims: AgentInfo): Promise<Entry> {
    const left = findLeft(book, claims.agentId);
    if (left === undefined) makeRoom(book, settings);
    const base =
      left?.record ?? newRecord(random.id("session_"), clock.now(), { status: "pending" });
    const record = withClaims(base, claims, hash);
    const entry =
      left ?? book.add(record, { kept: true, seenAt: clock.monotonic(), endedAt: null });
    book.change(entry, { ...record, lastActivityAt: clock.now() });
    entry.seenAt = clock.monotonic();
    try {
      await deps.writes.save(entry);
    } catch (error) {
      if (left === undefined) book.remove(entry);
      throw error;
    }
    return entry;
  }

  return {
    join,

    embed(agent, grant = {}) {
      const claims = checkClaims(agent.info);
      makeRoom(book, settings);
      const { ttlMs, ...granted } = completeGrant(grant, embeddedDefaults(settings));
      const now = clock.now();
      const blank = newRecord(random.id("session_"), now, {
        status: "active",
        expiresAt: ttlMs === null ? null : now + ttlMs,
        ...granted,
      });
      const entry = book.add(withClaims(blank, claims, hash), {
        kept: false,
        seenAt: clock.monotonic(),
        endedAt: null,
      });
      book.attach(entry, { agent });
      endings.expireIn(entry, ttlMs);
      book.emit(entry);
      return entry;
    },
  };
}

export function approvalDefaults(settings: SessionSettings): FullGrant {
  const { ttlMs, maxRequests, maxTokens, scopes } = settings;
  return { ttlMs, maxRequests, maxTokens, scopes };
}

/** @throws AppError too_busy */
export function makeRoom(book: Book, settings: SessionSettings): void {
  const live = [...book.entries()].filter(({ record }) => !hasEnded(record.status));
  const pending = live.filter(({ record }) => record.status === "pending");
  if (pending.length >= settings.maxPending) {
    throw new AppError(
      "too_busy",
      "Too many agents wait for approval. Approve or deny some: mlp sessions list",
    );
  }
  if (live.length < settings.maxLive) return;
  throw new AppError("too_busy", "There are too many sessions. Revoke some: mlp sessions list");
}

/** A session of which nothing is known yet. */
export function newRecord(
  sessionId: string,
  now: number,
  patch: Partial<StoredSession>,
): StoredSession {
  return {
    sessionId,
    agentId: "",
    label: "",
    connector: "",
    status: "pending",
    requestedScopes: [],
    scopes: [],
    models: [],
    createdAt: now,
    expiresAt: null,
    lastActivityAt: now,
    requestCount: 0,
    tokenCount: 0,
    maxRequests: null,
    maxTokens: null,
    approvalHash: "",
    tokenHash: null,
    ...patch,
  };
}

/** The record with these claims, and the hash of what a human is then shown. */
export function withClaims(
  record: StoredSession,
  claims: AgentInfo,
  hash: (text: string) => string,
): StoredSession {
  const { agentId, label, connector, models, requestedScopes } = claims;
  const claimed = { ...record, agentId, label, connector, models, requestedScopes };
  return { ...claimed, approvalHash: hash(approvalText(claimed)) };
}

/** A token in the hands of somebody who says he is somebody else opens nothing. */
function mayResume(entry: Entry, claims: AgentInfo, endings: Endings): boolean {
  endings.expireIfDue(entry);
  const { status, agentId, connector } = entry.record;
  if (hasEnded(status)) return false;
  return agentId === claims.agentId && connector === claims.connector;
}

/**
 * The same session with a new token. What it was opened with opens it until that one has arrived (`keepsToken`), or is
 * used: it may be lost with its link. What was approved stays as it was approved; the models are today's.
 */
async function comeBack(
  deps: JoinsDeps,
  entry: Entry,
  { claims, opener }: { readonly claims: AgentInfo; readonly opener: Opener },
): Promise<SessionChange> {
  const { book, clock, random, hash, writes } = deps;
  const token = random.secret();
  const old = { tokenHash: entry.record.tokenHash, models: entry.record.models };
  const tokenHash = offerBeside(hash(token), opener);
  book.change(entry, { tokenHash, models: claims.models, lastActivityAt: clock.now() });
  try {
    await writes.save(entry);
  } catch (error) {
    // Another one may have come with the same token meanwhile.
    if (entry.record.tokenHash === tokenHash) book.change(entry, old);
    throw error;
  }
  book.emit(entry);
  return { session: book.view(entry), token };
}

/** Approved, but its agent was away or went before it heard so: whoever makes the very same request is that agent. */
function findUnheard({ book, hash }: JoinsDeps, claims: AgentInfo): Entry | undefined {
  for (const entry of book.entries()) {
    const { record, attachment } = entry;
    if (attachment !== undefined || !opensByClaims(record.tokenHash)) continue;
    if (withClaims(record, claims, hash).approvalHash === record.approvalHash) return entry;
  }
  return undefined;
}

function findLeft(book: Book, agentId: string): Entry | undefined {
  for (const entry of book.entries()) {
    const { status, agentId: asks } = entry.record;
    if (status !== "pending" || asks !== agentId || isRegistered(entry.record)) continue;
    if (entry.attachment === undefined && !entry.deciding) return entry;
  }
  return undefined;
}
