// The life of a session: which step leads from which status to which. Pure: knows no clock, no store, no agent.

import { AppError } from "../core/error.ts";
import type { Session, SessionStatus } from "../core/session.ts";

export type SessionStep =
  "approve" | "deny" | "suspend" | "resume" | "revoke" | "expire" | "exhaust";

interface Step {
  readonly from: readonly SessionStatus[];
  readonly to: SessionStatus;
}

/** Nothing leads out of denied, expired, revoked and exhausted; a pending session can only be decided. */
const STEPS: Readonly<Record<SessionStep, Step>> = {
  approve: { from: ["pending"], to: "active" },
  deny: { from: ["pending"], to: "denied" },
  suspend: { from: ["active"], to: "suspended" },
  resume: { from: ["suspended"], to: "active" },
  revoke: { from: ["active", "suspended"], to: "revoked" },
  expire: { from: ["active", "suspended"], to: "expired" },
  exhaust: { from: ["active", "suspended"], to: "exhausted" },
};

/** @throws AppError conflict, naming where it is and where it cannot go */
export function nextStatus(from: SessionStatus, step: SessionStep): SessionStatus {
  const { from: allowed, to } = STEPS[step];
  if (allowed.includes(from)) return to;
  throw new AppError("conflict", `A session that is ${from} cannot become ${to}.`);
}

export function hasEnded(status: SessionStatus): boolean {
  return status !== "pending" && status !== "active" && status !== "suspended";
}

/** Why a session of this status runs no turns; `undefined` when it is active. */
export function refusalOf(
  session: Pick<Session, "sessionId" | "status" | "agentId">,
): AppError | undefined {
  const again = "Start its agent again and approve the new session.";
  switch (session.status) {
    case "active":
      return undefined;
    case "pending":
      return new AppError(
        "consent_required",
        `The agent "${session.agentId}" waits for approval: mlp sessions approve ${session.sessionId}`,
      );
    case "suspended":
      return new AppError(
        "session_suspended",
        `The session is suspended. Resume it with: mlp sessions resume ${session.sessionId}`,
      );
    case "denied":
      return new AppError("session_denied", `The session was denied. ${again}`);
    case "expired":
      return new AppError("session_expired", `The session has expired. ${again}`);
    case "revoked":
      return new AppError("session_revoked", `The session was revoked. ${again}`);
    case "exhausted":
      return new AppError("session_exhausted", `The session has used up its limits. ${again}`);
  }
}
