import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome, StubServer } from "./support.ts";

const active = {
  session_id: "session_a",
  agent_id: "build-box",
  label: "Build box",
  connector: "openai",
  status: "active",
  requested_scopes: ["inference", "tools"],
  scopes: ["inference"],
  models: [{ id: "model-a", capabilities: ["completion"] }],
  created_at: "2026-11-22T10:00:00.000Z",
  expires_at: null,
  last_activity: "2026-11-22T10:00:00.000Z",
  request_count: 3,
  token_count: 40,
  max_requests: 100,
  max_tokens: null,
  connected: true,
  in_flight: 2,
  approval_hash: "hash-a",
};

const pending = {
  ...active,
  session_id: "session_b",
  agent_id: "laptop",
  label: "A laptop",
  status: "pending",
  requested_scopes: ["inference", "agent:read", "agent:exec"],
  scopes: [],
  in_flight: 0,
  approval_hash: "hash-b",
};

let home: FakeHome;
let stub: StubServer;

function serve(sessions: readonly object[], more: Record<string, unknown> = {}): void {
  stub = createStub({
    "GET /control/sessions": { sessions, total_count: sessions.length, active_count: 1 },
    ...more,
  });
  home.runFile({ kind: "up", api: stub.url, control: stub.url });
}

beforeEach(() => {
  home = createHome();
  home.secret("control-token", "the-control-token");
});
afterEach(async () => {
  await stub.stop();
  home.remove();
});

describe("mlp sessions list", () => {
  test("prints a table, asked for with the control token", async () => {
    serve([active, pending]);
    const { code, stdout } = await mlp(["sessions", "list"], { home });
    expect(code).toBe(0);
    expect(stub.seen[0]).toMatchObject({ authorization: "Bearer the-control-token" });
    const [head, first, second] = stdout.split("\n");
    expect(head).toMatch(
      /^SESSION +AGENT +KIND +STATUS +LINK +SCOPES +LEFT +REQUESTS +TOKENS +LABEL$/,
    );
    expect(first).toMatch(
      /^session_a +build-box +openai +active +2 running +inference +- +3\/100 +40 +Build box$/,
    );
    expect(second).toContain("asks inference,agent:read,agent:exec");
  });

  test("--json prints what the server said", async () => {
    serve([active]);
    const { stdout } = await mlp(["sessions", "list", "--json"], { home });
    expect(JSON.parse(stdout)).toEqual({ sessions: [active], total_count: 1, active_count: 1 });
  });

  test("shows control characters in what an agent says of itself instead of obeying them", async () => {
    serve([{ ...active, label: "\u001b[2J\u202eevil\n" }]);
    const { stdout } = await mlp(["sessions", "list"], { home });
    expect(stdout).toContain("\\u001b[2J\\u202eevil\\u000a");
    expect(stdout).not.toContain("\u001b");
  });

  test("says so when the answer has another form", async () => {
    serve([{ ...active, status: 5 }]);
    const { code, stderr } = await mlp(["sessions", "list"], { home });
    expect(code).toBe(1);
    expect(stderr).toBe(`mlp: ${stub.url} answers in a form that this version does not know\n`);
  });
});

describe("a session that is not named", () => {
  const approved = { ...pending, status: "active", expires_at: "2026-11-22T18:00:00.000Z" };
  const answers = { "POST /control/sessions/session_b/approve": approved };

  test("is the only one that waits, shown and asked about like any other", async () => {
    serve([active, pending], answers);
    const options = { home, isTerminal: true, typed: ["y"] };
    const { code, stdout } = await mlp(["sessions", "approve"], options);
    expect(code).toBe(0);
    expect(stdout).toContain("session   session_b\n");
    expect(stdout).toEndWith("session_b approved until 2026-11-22T18:00:00.000Z\n");
  });

  test("is never approved unseen", async () => {
    serve([pending], answers);
    const { code, stderr } = await mlp(["sessions", "approve", "--yes"], { home });
    expect(code).toBe(2);
    expect(stderr).toBe("mlp: --yes needs the name of a session or agent\n");
    expect(stub.seen).toEqual([]);
  });

  test("is not chosen among several, nor where there is none", async () => {
    serve([pending, { ...pending, session_id: "session_c" }]);
    const several = await mlp(["sessions", "approve"], { home, isTerminal: true });
    expect(several.code).toBe(1);
    expect(several.stderr).toStartWith(
      "mlp: several sessions are pending; name one of session_b (",
    );
    const none = await mlp(["sessions", "resume"], { home });
    expect(none.stderr).toBe("mlp: no session is suspended; see mlp sessions list\n");
  });
});

describe("mlp sessions approve", () => {
  const approved = { ...pending, status: "active", expires_at: "2026-11-22T18:00:00.000Z" };
  const answers = { "POST /control/sessions/session_b/approve": approved };

  test("shows who asks for what and grants exactly what was shown", async () => {
    serve([active, pending], answers);
    const typed = ["y"];
    const { code, stdout } = await mlp(["sessions", "approve", "laptop"], {
      home,
      isTerminal: true,
      typed,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/agent +laptop\n/);
    expect(stdout).toMatch(/asks for +inference, agent:read, agent:exec\n/);
    expect(stdout).toMatch(/models +model-a\n/);
    expect(stdout).toMatch(/scopes +inference, agent:read\n/);
    expect(stdout).toMatch(/withheld +agent:exec\n/);
    expect(stdout).toMatch(/time +8h\n/);
    expect(stdout).toMatch(/requests +100\n/);
    expect(stdout).toMatch(/tokens +no limit\n/);
    expect(stdout).toEndWith("session_b approved until 2026-11-22T18:00:00.000Z\n");
    expect(stub.seen.at(-1)).toMatchObject({
      path: "/control/sessions/session_b/approve",
      body: {
        approval_hash: "hash-b",
        ttl_seconds: 28_800,
        max_requests: 100,
        max_tokens: null,
        scopes: ["inference", "agent:read"],
      },
    });
  });

  test.each([["n"], [""], ["yeah"], [undefined]])("the answer %p grants nothing", async (typed) => {
    serve([pending], answers);
    const options = { home, isTerminal: true, typed: typed === undefined ? [] : [typed] };
    const { code, stderr } = await mlp(["sessions", "approve", "session_b"], options);
    expect(code).toBe(1);
    expect(stderr).toBe("mlp: not approved\n");
    expect(stub.seen.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("without a terminal needs --yes", async () => {
    serve([pending], answers);
    const { code, stderr } = await mlp(["sessions", "approve", "session_b"], { home });
    expect(code).toBe(2);
    expect(stderr).toContain("--yes");
    expect(stub.seen.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("flags say what is granted", async () => {
    serve([pending], answers);
    const flags = ["--ttl", "30m", "--max-requests", "none", "--max-tokens", "5000"];
    const scopes = ["--scopes", "inference,agent:exec"];
    const argv = ["sessions", "approve", "session_b", "--yes", ...flags, ...scopes];
    expect((await mlp(argv, { home })).code).toBe(0);
    expect(stub.seen.at(-1)?.body).toEqual({
      approval_hash: "hash-b",
      ttl_seconds: 1800,
      max_requests: null,
      max_tokens: 5000,
      scopes: ["inference", "agent:exec"],
    });
  });

  test("the configuration says what is usual", async () => {
    serve([pending], answers);
    const env = { MLP_SESSIONS_SESSION_TTL: "60", MLP_SESSIONS_MAX_REQUESTS: "none" };
    await mlp(["sessions", "approve", "session_b", "--yes"], { home, env });
    expect(stub.seen.at(-1)?.body).toMatchObject({ ttl_seconds: 60, max_requests: null });
  });

  test("an unknown scope is refused before anything is asked", async () => {
    serve([pending], answers);
    const argv = ["sessions", "approve", "session_b", "--yes", "--scopes", "admin"];
    const { code, stderr } = await mlp(argv, { home });
    expect(code).toBe(2);
    expect(stderr).toStartWith("mlp: --scopes: admin is no scope");
    expect(stub.seen).toEqual([]);
  });

  test("what the server refuses is said in its words", async () => {
    const refuse = () =>
      Response.json({ error: { message: "It has changed since it was shown." } }, { status: 409 });
    serve([pending], { "POST /control/sessions/session_b/approve": refuse });
    const { code, stderr } = await mlp(["sessions", "approve", "session_b", "--yes"], { home });
    expect(code).toBe(1);
    expect(stderr).toBe("mlp: It has changed since it was shown.\n");
  });
});

describe("which session is meant", () => {
  const twin = { ...pending, session_id: "session_c" };

  test.each([
    ["nobody", "no session or agent is called nobody; see mlp sessions list"],
    ["build-box", "build-box has no session that is pending; it is active"],
    ["session_a", "session session_a is active"],
    ["laptop", "laptop has several sessions; name one of session_b, session_c"],
  ])("approve %s is refused", async (name, message) => {
    serve([active, pending, twin]);
    const { code, stderr } = await mlp(["sessions", "approve", name, "--yes"], { home });
    expect(code).toBe(1);
    expect(stderr).toBe(`mlp: ${message}\n`);
    expect(stub.seen).toHaveLength(1);
  });

  test("an id is not a part of the path that it can leave", async () => {
    const odd = { ...pending, session_id: "../../x?y" };
    serve([odd], { "POST /control/sessions/..%2F..%2Fx%3Fy/deny": odd });
    const { code } = await mlp(["sessions", "deny", "../../x?y"], { home });
    expect(code).toBe(0);
  });
});

describe("the other changes", () => {
  const suspended = { ...active, status: "suspended" };

  test.each([
    ["deny", pending, "denied"],
    ["suspend", active, "suspended"],
    ["resume", suspended, "resumed"],
    ["revoke", active, "revoked"],
  ])("mlp sessions %s", async (change, session, done) => {
    const path = `/control/sessions/${session.session_id}/${change}`;
    serve([session], { [`POST ${path}`]: session });
    const { code, stdout } = await mlp(["sessions", change, session.agent_id], { home });
    expect(code).toBe(0);
    expect(stdout).toBe(`${session.session_id} ${done}\n`);
    expect(stub.seen.at(-1)).toMatchObject({ method: "POST", path, body: {} });
  });

  test("mlp sessions extend needs a time, and sends it in seconds", async () => {
    const until = { ...active, expires_at: "2026-11-23T00:00:00.000Z" };
    serve([active], { "POST /control/sessions/session_a/extend": until });
    expect((await mlp(["sessions", "extend", "build-box"], { home })).code).toBe(2);
    const { stdout } = await mlp(["sessions", "extend", "build-box", "--ttl", "2d"], { home });
    expect(stdout).toBe("session_a lasts until 2026-11-23T00:00:00.000Z\n");
    expect(stub.seen.at(-1)?.body).toEqual({ ttl_seconds: 172_800 });
  });
});
