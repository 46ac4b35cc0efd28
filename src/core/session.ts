// A human's grant to one agent. Pure data; who may change it is in engine/sessions.

import type { Model } from "./model.ts";

/** `inference` allows turns, `tools` the editor's tools, `agent:*` what the agent may do on its machine. */
export const SCOPES = ["inference", "tools", "agent:read", "agent:write", "agent:exec"] as const;
export type Scope = (typeof SCOPES)[number];

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** pending → active ⇄ suspended → expired | revoked | exhausted, or pending → denied. */
export type SessionStatus =
  "pending" | "active" | "suspended" | "expired" | "revoked" | "exhausted" | "denied";

/** Times are milliseconds since the epoch; `null` limits mean none. */
export interface Session {
  readonly sessionId: string;
  readonly agentId: string;
  readonly label: string;
  /** Which kind of agent, for people: `rehearsal`, `openai`, `cursor`… */
  readonly connector: string;
  readonly status: SessionStatus;
  readonly requestedScopes: readonly Scope[];
  /** Empty until approved. */
  readonly scopes: readonly Scope[];
  readonly models: readonly Model[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastActivityAt: number;
  readonly requestCount: number;
  readonly tokenCount: number;
  readonly maxRequests: number | null;
  readonly maxTokens: number | null;
  /** Whether its agent is connected now. */
  readonly connected: boolean;
  /** Turns it is running now. */
  readonly inFlight: number;
  /** What an approval is bound to: a hash of what the human is shown. */
  readonly approvalHash: string;
}
