import { expect, test } from "bun:test";
import { AppError } from "../../src/core/error.ts";
import type { SessionStatus } from "../../src/core/session.ts";
import { hasEnded, nextStatus, refusalOf } from "../../src/engine/session-machine.ts";
import type { SessionStep } from "../../src/engine/session-machine.ts";

const STATUSES: readonly SessionStatus[] = [
  "pending",
  "active",
  "suspended",
  "expired",
  "revoked",
  "exhausted",
  "denied",
];

/** Everything that is allowed; all else is not. */
const ALLOWED: Readonly<Record<SessionStep, Partial<Record<SessionStatus, SessionStatus>>>> = {
  approve: { pending: "active" },
  deny: { pending: "denied" },
  suspend: { active: "suspended" },
  resume: { suspended: "active" },
  revoke: { active: "revoked", suspended: "revoked" },
  expire: { active: "expired", suspended: "expired" },
  exhaust: { active: "exhausted", suspended: "exhausted" },
};

for (const [step, allowed] of Object.entries(ALLOWED) as [
  SessionStep,
  Partial<Record<SessionStatus, SessionStatus>>,
][]) {
  for (const from of STATUSES) {
    const to = allowed[from];
    if (to !== undefined) {
      test(`${step} leads from ${from} to ${to}`, () => expect(nextStatus(from, step)).toBe(to));
      continue;
    }
    test(`${step} is a conflict from ${from}, and says so by name`, () => {
      const error = thrownBy(() => nextStatus(from, step));
      expect(error.code).toBe("conflict");
      expect(error.message).toContain(from);
      expect(error.message).toContain(Object.values(allowed)[0] ?? "?");
    });
  }
}

test("nothing leads out of an ended session", () => {
  expect(STATUSES.filter(hasEnded)).toEqual(["expired", "revoked", "exhausted", "denied"]);
});

test("every status but active has its own refusal, and pending says how to approve", () => {
  const refusals = STATUSES.map((status) =>
    refusalOf({ sessionId: "session_7", agentId: "a", status }),
  );
  expect(refusals.map((refusal) => refusal?.code)).toEqual([
    "consent_required",
    undefined,
    "session_suspended",
    "session_expired",
    "session_revoked",
    "session_exhausted",
    "session_denied",
  ]);
  expect(refusals[0]?.message).toContain("mlp sessions approve session_7");
});

function thrownBy(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("nothing was thrown");
}
