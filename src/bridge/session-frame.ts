// A session as the `session` frame carries it, and back. Pure.

import type { Model } from "../core/model.ts";
import type { Session } from "../core/session.ts";
import type { ModelEntry, SessionFrame } from "./frame.ts";
import { knownScopes } from "./invoke.ts";
import { present } from "./present.ts";

/** `token` only towards the session's own agent. */
export function sessionFrame(session: Session, token?: string): SessionFrame {
  const frame: SessionFrame = {
    type: "session",
    session_id: session.sessionId,
    agent_id: session.agentId,
    status: session.status,
    scopes: [...session.scopes],
    expires_at: session.expiresAt,
    models: session.models.map(toModelEntry),
    label: session.label,
    connector: session.connector,
    connected: session.connected,
    requested_scopes: [...session.requestedScopes],
    created_at: session.createdAt,
    last_activity_at: session.lastActivityAt,
    in_flight: session.inFlight,
    request_count: session.requestCount,
    token_count: session.tokenCount,
    max_requests: session.maxRequests,
    max_tokens: session.maxTokens,
    approval_hash: session.approvalHash,
  };
  return token === undefined ? frame : { ...frame, session_token: token };
}

/** What the hub left out reads as nothing known: no limits, no counts, created now. */
export function sessionOf(frame: SessionFrame, now: number): Session {
  const createdAt = frame.created_at ?? now;
  return {
    sessionId: frame.session_id,
    agentId: frame.agent_id,
    label: frame.label ?? frame.agent_id,
    connector: frame.connector ?? "unknown",
    status: frame.status,
    requestedScopes: knownScopes(frame.requested_scopes ?? frame.scopes),
    scopes: knownScopes(frame.scopes),
    models: frame.models.map(fromModelEntry),
    createdAt,
    expiresAt: frame.expires_at,
    lastActivityAt: frame.last_activity_at ?? createdAt,
    requestCount: frame.request_count ?? 0,
    tokenCount: frame.token_count ?? 0,
    maxRequests: frame.max_requests ?? null,
    maxTokens: frame.max_tokens ?? null,
    connected: frame.connected ?? frame.status === "active",
    inFlight: frame.in_flight ?? 0,
    approvalHash: frame.approval_hash ?? "",
  };
}

export function toModelEntry(model: Model): ModelEntry {
  return present({
    id: model.id,
    label: model.label,
    context_length: model.contextLength,
    capabilities: [...model.capabilities],
  });
}

export function fromModelEntry(entry: ModelEntry): Model {
  return present({
    id: entry.id,
    label: entry.label,
    contextLength: entry.context_length,
    capabilities: entry.capabilities,
  });
}
