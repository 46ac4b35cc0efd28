import { describe, expect, test } from "bun:test";
import { createAuthFailures } from "../../src/security/auth-failures.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import type { GuardQuestion } from "../../src/security/guard.ts";
import { CLIENT, PORT, WRONG, aGuard, outcome, question, messageOf } from "./guard-support.ts";
import type { Asked } from "./guard-support.ts";

const PLACEHOLDERS = ["noop", "NOOP", "undefined", "null", "none", "ollama", "lm-studio", "EMPTY"];
const REAL = [WRONG, "sk-proj-0123456789abcdef", "mlp_short", "noop2", "Bearer", "a b"];
const open = aGuard({ keyless: () => true });
const closed = aGuard({ keyless: () => false });
const keyed = aGuard();

describe("what editors send where they have no key", () => {
  const forms = PLACEHOLDERS.flatMap((word) => [
    { authorization: `Bearer ${word}` },
    { authorization: `bearer  ${word} ` },
    { authorization: null, "x-api-key": word },
    { authorization: null, "api-key": word },
    { authorization: `Bearer ${word}`, "x-api-key": word },
  ]);
  const empty = [
    { authorization: null },
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer " },
    { authorization: null, "x-api-key": "" },
  ];

  test("counts as no key where none is needed", () => {
    for (const headers of [...forms, ...empty]) {
      expect(open(question({ headers }))).toMatchObject({
        caller: { kind: "client", keyless: true },
      });
    }
  });

  test("is refused where one is needed, and by whom it was not proven", () => {
    for (const headers of [...forms, ...empty]) {
      expect([outcome(keyed, { headers }), outcome(closed, { headers })]).toEqual([
        "invalid_api_key",
        "invalid_api_key",
      ]);
    }
  });

  test("is answered with what to do about it", () => {
    const said = messageOf(keyed, { headers: { authorization: "Bearer noop" } });
    for (const way of ["mlp keys create", "/k/<key>", "security.keyless: same_user"]) {
      expect(said).toContain(way);
    }
    expect(said).not.toContain("noop");
  });

  test("and nothing at all, and a wrong key, are answered with where a key goes", () => {
    const said = [null, "Bearer mlp_wrong"].map((authorization) =>
      messageOf(keyed, { headers: { authorization } }),
    );
    for (const way of ["mlp keys create", "/k/<key>", "Bearer <key>"]) {
      expect(said[0]).toContain(way);
    }
    expect(said[1]).toBe(said[0]);
  });

  test("is no guess: editors that look for models all day are not shut out for it", () => {
    const failures = createAuthFailures({ clock: createFakeClock() });
    const guard = aGuard({ failures });
    const ask = (authorization: string) => outcome(guard, { headers: { authorization } });
    for (let count = 0; count < 20; count += 1) expect(ask("Bearer noop")).toBe("invalid_api_key");
    const guesses = Array.from({ length: 11 }, () => ask(`Bearer ${WRONG}`));
    expect(guesses.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => "invalid_api_key"));
    expect(guesses.at(-1)).toBe("rate_limited");
  });

  test("does not hide a key beside it", () => {
    const headers = { authorization: "Bearer noop", "x-api-key": CLIENT };
    expect(open(question({ headers }))).toMatchObject({ caller: { keyId: "key_1" } });
  });
});

describe("a key that is wrong", () => {
  test("is refused, and never taken for none", () => {
    const forms = REAL.flatMap((secret) => [
      { authorization: `Bearer ${secret}` },
      { authorization: null, "x-api-key": secret },
      { authorization: "Bearer noop", "api-key": secret },
    ]);
    const others = [
      { authorization: "Basic bm9vcDpub29w" },
      { authorization: `Bearer ${"k".repeat(5_000)}` },
      { authorization: WRONG },
    ];
    for (const headers of [...forms, ...others]) {
      expect(outcome(open, { headers })).toBe("invalid_api_key");
    }
  });

  test("is not even looked up in the machine's sockets", () => {
    const asked: GuardQuestion[] = [];
    const guard = aGuard({ keyless: (each) => asked.push(each) > 0 });
    outcome(guard, { headers: { authorization: `Bearer ${WRONG}` } });
    outcome(guard, { headers: { origin: "http://localhost:3000", authorization: null } });
    expect(asked).toEqual([]);
    outcome(guard, { headers: { authorization: null }, peerPort: 40_000 });
    expect(asked.map(({ peer, peerPort }) => [peer, peerPort])).toEqual([["127.0.0.1", 40_000]]);
  });
});

describe("a page in a browser", () => {
  const none = { authorization: null };
  const own = `http://127.0.0.1:${PORT}`;

  test.each([
    ["origin", "http://localhost:3000"],
    ["origin", own],
    ["origin", "vscode-webview://x"],
    ["referer", `${own}/`],
    ["sec-fetch-site", "none"],
    ["sec-fetch-site", "same-origin"],
    ["sec-fetch-dest", "image"],
    ["sec-fetch-user", "?1"],
    ["sec-ch-ua", '"Chromium";v="140"'],
    ["cookie", "a=b"],
  ])("needs a key: %s %s", (name, value) => {
    for (const asked of [{}, { method: "GET", path: "/api/tags" }]) {
      expect(outcome(open, { ...asked, headers: { ...none, [name]: value } })).toBe(
        "invalid_api_key",
      );
      expect(outcome(open, { ...asked, headers: { [name]: value } })).toBe("allowed client");
    }
  });

  test.each([
    ["a strange page", { origin: "https://evil.example" }, "forbidden_origin"],
    ["a file", { origin: "null" }, "forbidden_origin"],
    ["a strange page without an origin", { "sec-fetch-site": "cross-site" }, "forbidden_origin"],
    ["another name for us", { host: `evil.example:${PORT}` }, "misdirected"],
    ["text", { "content-type": "text/plain" }, "unsupported_media_type"],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }, "unsupported_media_type"],
    ["no type at all", { "content-type": null }, "unsupported_media_type"],
  ])("is kept out as ever: %s", (_name, headers, code) => {
    expect(outcome(open, { headers: { ...none, ...headers } })).toBe(code);
  });

  test("is not meant by sec-fetch-mode alone, which the fetch of Node sends", () => {
    expect(outcome(open, { headers: { ...none, "sec-fetch-mode": "cors" } })).toBe(
      "allowed client",
    );
  });
});

describe("without a key there is nothing but the models", () => {
  const none = { authorization: null };
  test.each(["/v1/models", "/api/tags", "/models", "/v1/models/x", "/api/version"])(
    "GET %s is answered",
    (path) => expect(outcome(open, { method: "GET", path, headers: none })).toBe("allowed client"),
  );

  test.each([
    ["GET", "/metrics"],
    ["GET", "/health/deep"],
    ["GET", "/openapi.json"],
    ["GET", "/docs"],
    ["GET", "/ui"],
    ["GET", "/control/sessions"],
    ["POST", "/control/register"],
    ["POST", "/control/keys"],
    ["DELETE", "/control/keys/key_1"],
    ["GET", "/x"],
    ["POST", `/k/${WRONG}/v1/chat/completions`],
    ["POST", "/k/noop/v1/chat/completions"],
  ])("%s %s is not", (method, path) => {
    expect(outcome(open, { method, path, headers: none })).toBe("invalid_api_key");
    expect(outcome(open, { method, path, headers: { authorization: "Bearer noop" } })).toBe(
      "invalid_api_key",
    );
  });

  test.each(["/", "/mcp", "/control/sessions", "/v1/models"])(
    "%s of the bridge's port is not",
    (path) => {
      const asked: Asked = { port: "bridge", path, headers: none };
      expect(outcome(open, asked)).toBe("invalid_api_key");
      expect(outcome(open, { ...asked, isUpgrade: true })).toBe("invalid_api_key");
    },
  );
});
