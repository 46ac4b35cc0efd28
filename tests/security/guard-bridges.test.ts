// What a foreign bridge's own token opens: three routes on one port, as that bridge, and nothing else anywhere.

import { describe, expect, test } from "bun:test";
import {
  aGuard,
  type Asked,
  BRIDGE,
  CLIENT,
  CONTROL,
  outcome,
  question,
  WRONG,
} from "./guard-support.ts";

const OFFICE = `mlp_${"f".repeat(43)}`;
const LAB = `mlp_${"l".repeat(43)}`;
const guard = aGuard({
  bridges: [
    { name: "office", token: OFFICE },
    { name: "lab", token: LAB },
  ],
});

const ROUTES: readonly (readonly [string, string])[] = [
  ["POST", "/control/register"],
  ["POST", "/control/revoke"],
  ["GET", "/control/sessions"],
];

function asked(method: string, path: string, token: string, more: Asked = {}): Asked {
  return { method, path, ...more, headers: { authorization: `Bearer ${token}`, ...more.headers } };
}

describe("a foreign bridge's token", () => {
  test.each(ROUTES)("opens %s %s, as that bridge", (method, path) => {
    for (const [token, bridge] of [
      [OFFICE, "office"],
      [LAB, "lab"],
    ] as const) {
      const verdict = guard(question(asked(method, path, token)));
      expect(verdict).toMatchObject({ allow: true, caller: { kind: "bridge", bridge } });
    }
  });

  test.each([
    ["POST", "/control/sessions/s1/approve"],
    ["POST", "/control/sessions/s1/revoke"],
    ["POST", "/control/sessions"],
    ["GET", "/control/register"],
    ["DELETE", "/control/sessions"],
    ["GET", "/control/agents"],
    ["GET", "/control/keys"],
    ["POST", "/control/keys"],
    ["GET", "/control/turns"],
    ["GET", "/control"],
    ["GET", "/ui"],
  ])("does not open %s %s", (method, path) => {
    expect(outcome(guard, asked(method, path, OFFICE))).toBe("forbidden");
  });

  test("runs no turns, and opens no metrics", () => {
    expect(outcome(guard, asked("POST", "/v1/chat/completions", OFFICE))).toBe("invalid_api_key");
    expect(outcome(guard, asked("GET", "/metrics", OFFICE))).toBe("invalid_api_key");
  });

  test("is nothing on the bridge's port: no links, no agents, no control", () => {
    const port = { port: "bridge" } as const;
    expect(outcome(guard, asked("GET", "/", OFFICE, { ...port, isUpgrade: true }))).toBe(
      "invalid_api_key",
    );
    for (const [method, path] of ROUTES) {
      expect(outcome(guard, asked(method, path, OFFICE, port))).toBe("invalid_api_key");
    }
  });

  test("is only good whole", () => {
    for (const wrong of [OFFICE.slice(0, -1), `${OFFICE}x`, OFFICE.toUpperCase(), "dev-token"]) {
      expect(outcome(guard, asked("POST", "/control/register", wrong))).toBe("invalid_api_key");
    }
  });

  test("is not for web pages", () => {
    const headers = { origin: "http://localhost:3000" };
    expect(outcome(guard, asked("POST", "/control/register", OFFICE, { headers }))).toBe(
      "forbidden_origin",
    );
  });
});

describe("the same three routes", () => {
  test.each(ROUTES)("%s %s: the control token opens it, others do not", (method, path) => {
    expect(outcome(guard, asked(method, path, CONTROL))).toBe("allowed control");
    expect(outcome(guard, asked(method, path, BRIDGE))).toBe("forbidden");
    expect(outcome(guard, asked(method, path, CLIENT))).toBe("forbidden");
    expect(outcome(guard, asked(method, path, WRONG))).toBe("invalid_api_key");
  });
});
