// What the audit says of sessions that come, change and go.

import { expect, test } from "bun:test";
import { auditSessions } from "../../src/app/audit.ts";
import type { Trail } from "../../src/app/audit.ts";
import type { AuditEntry } from "../../src/core/ports.ts";
import type { Session } from "../../src/core/session.ts";
import { anAgent, says } from "../support/composed.ts";
import { aSession, createFakeDirectory } from "../support/fake-directory.ts";

function follow(sessions: Session[] = []) {
  const entries: AuditEntry[] = [];
  const directory = createFakeDirectory(
    anAgent(() => says("hi")),
    sessions,
  );
  const audit: Trail["audit"] = {
    write: () => undefined,
    writeTogether: () => Promise.resolve(),
    writeThrough: () => Promise.resolve(),
    writeWhenPossible: (entry) => entries.push(entry),
    synced: () => Promise.resolve(true),
    status: () => ({ healthy: true, seq: 0, unsynced: 0, waiting: 0 }),
  };
  auditSessions(directory, { audit, promptHash: () => "" });
  return {
    change: (fields: Partial<Session>) => directory.change({ session: aSession(fields) }),
    events: () => entries.map(({ event, outcome }) => `${event} ${outcome}`),
  };
}

test("a session is created once, and is not created again when its agent goes after its end", () => {
  const { change, events } = follow();
  change({ status: "pending" });
  change({ status: "active" });
  change({ status: "revoked" });
  change({ status: "revoked", connected: false });
  change({ status: "revoked", connected: false });
  expect(events()).toEqual([
    "session_created pending",
    "session_active active",
    "session_revoked revoked",
    "mcp_connection revoked",
  ]);
});

test("a session of an earlier start is not created when its agent comes back", () => {
  const { change, events } = follow([aSession({ connected: false })]);
  change({ connected: true });
  expect(events()).toEqual(["mcp_connection active"]);
});

test("a session that is granted anew under its old id is created anew", () => {
  const { change, events } = follow();
  change({ connected: false });
  change({ status: "expired", connected: false });
  change({ connected: false });
  expect(events()).toEqual([
    "session_created active",
    "session_expired expired",
    "session_created active",
  ]);
});
