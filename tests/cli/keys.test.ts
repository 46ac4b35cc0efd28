import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome, StubServer } from "./support.ts";

const key = {
  id: "key_1",
  label: "Void",
  created_at: "2026-11-22T10:00:00.000Z",
  expires_at: null,
  revoked_at: null,
  models: null,
  sessions: ["session_a"],
};

let home: FakeHome;
let stub: StubServer;

beforeEach(() => {
  home = createHome();
  stub = createStub({
    "GET /control/keys": {
      keys: [
        key,
        { ...key, id: "key_2", expires_at: "2020-01-01T00:00:00.000Z" },
        { ...key, id: "key_3", revoked_at: "2026-11-22T10:00:00.000Z" },
      ],
    },
    "POST /control/keys": { key, secret: "mlp_new" },
    "POST /control/keys/key_1/rotate": { key, secret: "mlp_rotated" },
    "DELETE /control/keys/key_1": { key },
  });
  home.runFile({ kind: "serve", api: "http://127.0.0.1:1", control: stub.url });
});
afterEach(async () => {
  await stub.stop();
  home.remove();
});

const env = { MLP_CONTROL_TOKEN: "from-the-environment" };

describe("mlp keys", () => {
  test("list prints a table, with the token of the environment", async () => {
    const { stdout } = await mlp(["keys", "list"], { home, env });
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^KEY +LABEL +STATUS +CREATED +EXPIRES +MODELS +SESSIONS$/);
    expect(rows[0]).toMatch(/^key_1 +Void +active +2026-11-22 10:00Z +never +all +session_a$/);
    expect(rows[1]).toContain("expired");
    expect(rows[2]).toContain("revoked");
    expect(stub.seen[0]?.authorization).toBe("Bearer from-the-environment");
  });

  test("list says nothing of when a key was made that is given from outside", async () => {
    const given = { ...key, id: "default", label: "MLP_API_KEY", created_at: null };
    const other = createStub({ "GET /control/keys": { keys: [given] } });
    try {
      const url = ["--url", other.url];
      const { stdout } = await mlp(["keys", "list", ...url], { home, env });
      expect(stdout).toMatch(/^default +MLP_API_KEY +active +- +never /m);
      const asJson = await mlp(["keys", "list", "--json", ...url], { home, env });
      expect(JSON.parse(asJson.stdout)).toEqual({ keys: [given] });
    } finally {
      await other.stop();
    }
  });

  test("create prints the key alone on stdout", async () => {
    const flags = ["--label", "Void", "--ttl", "7d", "--models", "a,b", "--sessions", "s"];
    const { code, stdout, stderr } = await mlp(["keys", "create", ...flags], { home, env });
    expect(code).toBe(0);
    expect(stdout).toBe("mlp_new\n");
    expect(stderr).toBe("Key key_1, shown this once:\n");
    expect(stub.seen[0]?.body).toEqual({
      label: "Void",
      ttl_seconds: 604_800,
      models: ["a", "b"],
      sessions: ["s"],
    });
  });

  test("create sends only what was said, and has --json", async () => {
    const { stdout } = await mlp(["keys", "create", "--json"], { home, env });
    expect(JSON.parse(stdout)).toEqual({ key, secret: "mlp_new" });
    expect(stub.seen[0]?.body).toEqual({});
  });

  test("rotate and revoke name the key", async () => {
    expect((await mlp(["keys", "rotate", "key_1"], { home, env })).stdout).toBe("mlp_rotated\n");
    expect((await mlp(["keys", "revoke", "key_1"], { home, env })).stdout).toBe("key_1 revoked\n");
    expect(stub.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /control/keys/key_1/rotate",
      "DELETE /control/keys/key_1",
    ]);
  });
});
