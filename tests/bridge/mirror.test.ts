// A remote hub's sessions as the provider sees them: snapshots, changes, losses, and what is refused without asking.

import { describe, expect, test } from "bun:test";
import type { AppError } from "../../src/core/error.ts";
import type { Session, SessionStatus } from "../../src/core/session.ts";
import { createMirror } from "../../src/bridge/mirror.ts";
import { sessionFrame } from "../../src/bridge/session-frame.ts";
import { aSession } from "../support/fake-directory.ts";

function createSetup(...sessions: Partial<Session>[]) {
  const mirror = createMirror();
  mirror.snapshot(sessions.length);
  for (const session of sessions) mirror.apply(sessionFrame(aSession(session)), 0);
  return mirror;
}

function request(ends: AppError[] = [], scopes: Session["scopes"] = ["inference"]) {
  return { scopes, onEnd: (error: AppError) => ends.push(error) };
}

function refusal(fields: Partial<Session>, scopes: Session["scopes"] = ["inference"]): string {
  try {
    createSetup(fields).hold("s1", request([], scopes));
  } catch (error) {
    return (error as AppError).code;
  }
  return "none";
}

describe("the mirror", () => {
  test("holds what the snapshot said", () => {
    const mirror = createSetup({ sessionId: "s1" }, { sessionId: "s2", status: "pending" });
    expect(mirror.list().map(({ sessionId }) => sessionId)).toEqual(["s1", "s2"]);
  });

  test("forgets what a new snapshot does not have, but not before it is complete", () => {
    const mirror = createSetup({ sessionId: "s1" }, { sessionId: "s2" });
    mirror.snapshot(2);
    mirror.apply(sessionFrame(aSession({ sessionId: "s2" })), 0);
    expect(mirror.list()).toHaveLength(2);
    mirror.apply(sessionFrame(aSession({ sessionId: "s3" })), 0);
    expect(mirror.list().map(({ sessionId }) => sessionId)).toEqual(["s2", "s3"]);
    mirror.snapshot(0);
    expect(mirror.list()).toEqual([]);
  });

  test("tells every change to those who listen, until they stop", () => {
    const mirror = createMirror();
    const heard: string[] = [];
    const stop = mirror.subscribe(({ session }) => heard.push(session.status));
    mirror.apply(sessionFrame(aSession({ status: "pending" })), 0);
    mirror.apply(sessionFrame(aSession()), 0);
    stop();
    mirror.apply(sessionFrame(aSession({ status: "revoked" })), 0);
    expect(heard).toEqual(["pending", "active"]);
  });

  test("a lost link leaves the sessions listed, out of reach", () => {
    const mirror = createSetup({}, { sessionId: "away", connected: false });
    const heard: string[] = [];
    mirror.subscribe(({ session }) => heard.push(session.sessionId));
    mirror.disconnect();
    expect(mirror.list().map(({ connected }) => connected)).toEqual([false, false]);
    expect(heard).toEqual(["s1"]);
    expect(() => mirror.hold("s1", request())).toThrow("not connected");
  });

  test.each<[Partial<Session>, string]>([
    [{ status: "pending" }, "consent_required"],
    [{ status: "suspended" }, "session_suspended"],
    [{ status: "expired" }, "session_expired"],
    [{ status: "revoked" }, "session_revoked"],
    [{ status: "exhausted" }, "session_exhausted"],
    [{ status: "denied" }, "session_denied"],
    [{ connected: false }, "no_active_session"],
    [{ scopes: [] }, "scope_missing"],
    [{ sessionId: "other" }, "session_not_found"],
    [{}, "none"],
  ])("of a session that is %j a lease is refused as %s", (fields, code) => {
    expect(refusal(fields)).toBe(code);
  });

  test.each<[SessionStatus, number]>([
    ["revoked", 1],
    ["expired", 1],
    ["suspended", 1],
    ["denied", 1],
    ["exhausted", 0],
    ["active", 0],
  ])("a session that becomes %s ends a turn on it %i times", (status, times) => {
    const mirror = createSetup({});
    const ends: AppError[] = [];
    mirror.hold("s1", request(ends));
    for (let again = 0; again < 2; again += 1) {
      mirror.apply(sessionFrame(aSession({ status })), 0);
    }
    expect(ends).toHaveLength(times);
  });

  test("a released lease hears nothing, and our own turns count as in flight", () => {
    const mirror = createSetup({});
    const ends: AppError[] = [];
    const first = mirror.hold("s1", request(ends));
    mirror.hold("s1", request());
    expect(mirror.list()[0]?.inFlight).toBe(2);
    first.release();
    first.release();
    expect(mirror.list()[0]?.inFlight).toBe(1);
    mirror.apply(sessionFrame(aSession({ status: "revoked", inFlight: 7 })), 0);
    expect(ends).toEqual([]);
    expect(mirror.list()[0]?.inFlight).toBe(7);
  });
});
