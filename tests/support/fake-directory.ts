// Sessions that are always willing, for tests of what stands in front of them.

import { AppError } from "../../src/core/error.ts";
import type { Usage } from "../../src/core/event.ts";
import type { Agent, LeaseRequest, SessionChange, SessionDirectory } from "../../src/core/ports.ts";
import type { Session } from "../../src/core/session.ts";

export function aSession(fields: Partial<Session> = {}): Session {
  return {
    sessionId: "s1",
    agentId: "a1",
    label: "An agent",
    connector: "rehearsal",
    status: "active",
    requestedScopes: ["inference"],
    scopes: ["inference", "tools"],
    models: [{ id: "m1", capabilities: ["completion", "tools", "vision"] }],
    createdAt: 1_000,
    expiresAt: null,
    lastActivityAt: 1_000,
    requestCount: 0,
    tokenCount: 0,
    maxRequests: null,
    maxTokens: null,
    connected: true,
    inFlight: 0,
    approvalHash: "h",
    ...fields,
  };
}

export interface FakeDirectory extends SessionDirectory {
  readonly settled: { sessionId: string; usage: Usage | undefined }[];
  /** Sessions whose lease was given back uncounted. */
  readonly refunded: string[];
  readonly leases: LeaseRequest[];
  change(change: SessionChange): void;
}

export function createFakeDirectory(agent: Agent, sessions: Session[]): FakeDirectory {
  const listeners = new Set<(change: SessionChange) => void>();
  const settled: FakeDirectory["settled"] = [];
  const refunded: string[] = [];
  const leases: LeaseRequest[] = [];
  return {
    settled,
    refunded,
    leases,
    list: () => sessions,
    acquire: (sessionId, request) => {
      const session = sessions.find((each) => each.sessionId === sessionId);
      if (session === undefined) {
        return Promise.reject(new AppError("session_not_found", "No such session."));
      }
      leases.push(request);
      return Promise.resolve({
        session,
        agent,
        settle: (usage) => settled.push({ sessionId, usage }),
        refund: () => void refunded.push(sessionId),
      });
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change: (change) => {
      for (const listener of listeners) listener(change);
    },
  };
}
