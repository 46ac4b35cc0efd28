import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { GuardQuestion } from "../../src/security/guard.ts";
import { AGENT, BRIDGE, CLIENT, CONTROL, PORT, WRONG, aGuard } from "./guard-support.ts";

const guard = aGuard({ allowedOrigins: ["https://ide.example"], allowedPeers: ["10.0.0.0/8"] });

const HEADERS = [
  "host",
  "origin",
  "sec-fetch-site",
  "referer",
  "authorization",
  "x-api-key",
  "api-key",
  "content-type",
  "content-encoding",
  "content-length",
  "access-control-request-method",
] as const;

const secret = fc.constantFrom(CLIENT, CONTROL, BRIDGE, AGENT, WRONG, "");
const odd = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("null", "__proto__", "a,b", "%", "\u0000", "//"),
);
const likely: Record<(typeof HEADERS)[number], fc.Arbitrary<string | null>> = {
  host: fc.constantFrom(`127.0.0.1:${PORT}`, `[::1]:${PORT}`, "evil.com", null),
  origin: fc.constantFrom(
    null,
    "null",
    "file://",
    "http://localhost:1",
    "https://evil.com",
    `http://127.0.0.1:${PORT}`,
  ),
  "sec-fetch-site": fc.constantFrom(null, null, "none", "cross-site", "same-origin"),
  referer: fc.constantFrom(null, null, "https://evil.com/", `http://127.0.0.1:${PORT}/`),
  authorization: fc.oneof(
    secret.map((value) => `Bearer ${value}`),
    fc.constant(null),
  ),
  "x-api-key": fc.oneof(fc.constant(null), secret),
  "api-key": fc.oneof(fc.constant(null), secret),
  "content-type": fc.constantFrom(
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    null,
  ),
  "content-encoding": fc.constantFrom(null, null, "gzip", "br"),
  "content-length": fc.constantFrom(null, "5", "99999999", "x"),
  "access-control-request-method": fc.constantFrom(null, "POST"),
};

const path = fc.oneof(
  fc.constantFrom(
    "/",
    "/health",
    "/livez",
    "/readyz",
    "/metrics",
    "/v1/chat/completions",
    "/api/chat",
    "/models",
  ),
  fc.constantFrom(
    "/control/sessions",
    "/control/register",
    "/ui",
    "/mcp",
    "/x",
    "//control//register",
    "/%63ontrol",
  ),
  secret.chain((key) =>
    fc
      .constantFrom("/v1/models", "/api/chat", "/control/register", "/health", "/", "")
      .map((inner) => `/k/${key}${inner}`),
  ),
  fc.webPath(),
  odd,
);

/** What a well-behaved client sends: most questions differ from it in little, so that many doors open. */
const usual: Record<(typeof HEADERS)[number], string | null> = {
  host: `127.0.0.1:${PORT}`,
  origin: null,
  "sec-fetch-site": null,
  referer: null,
  authorization: `Bearer ${CLIENT}`,
  "x-api-key": null,
  "api-key": null,
  "content-type": "application/json",
  "content-encoding": null,
  "content-length": null,
  "access-control-request-method": null,
};

const headers = fc.record(
  Object.fromEntries(
    HEADERS.map((name) => [
      name,
      fc.oneof(
        { weight: name === "authorization" ? 4 : 24, arbitrary: fc.constant(usual[name]) },
        { weight: 4, arbitrary: likely[name] },
        { weight: 1, arbitrary: odd },
      ),
    ]),
  ),
);

const questions: fc.Arbitrary<GuardQuestion> = fc
  .tuple(
    fc.record({
      port: fc.constantFrom("provider" as const, "bridge" as const),
      method: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom("GET", "HEAD", "POST", "DELETE", "OPTIONS") },
        { weight: 1, arbitrary: odd },
      ),
      path,
      peer: fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom("127.0.0.1", "::1", "10.0.0.1") },
        { weight: 2, arbitrary: fc.constantFrom("8.8.8.8", undefined) },
        { weight: 1, arbitrary: odd },
      ),
      isUpgrade: fc.boolean(),
    }),
    headers,
  )
  .map(([rest, shown]) =>
    Object.assign(rest, { header: (name: string): string | null => shown[name] ?? null }),
  );

/** Every text of the question in which a secret could have been shown where it may be shown. */
function shownIn(question: GuardQuestion): { headers: string; path: string } {
  const headers = ["authorization", "x-api-key", "api-key"].map(
    (name) => question.header(name) ?? "",
  );
  return { headers: headers.join("\n"), path: question.path };
}

describe("whatever is asked", () => {
  test("the guard answers and never throws", () => {
    const hostile: fc.Arbitrary<unknown> = fc.oneof(
      questions,
      fc.anything(),
      fc.record({
        path: fc.anything(),
        method: fc.anything(),
        peer: fc.anything(),
        port: fc.anything(),
      }),
      fc.constant({
        port: "provider",
        method: "GET",
        path: "/",
        peer: "127.0.0.1",
        header: () => {
          throw new Error("broken");
        },
      }),
    );
    fc.assert(
      fc.property(hostile, (question) => {
        const verdict = guard(question as GuardQuestion);
        expect(typeof verdict.allow).toBe("boolean");
        if (!verdict.allow) expect(verdict.error.kind.status).toBeGreaterThanOrEqual(400);
      }),
      { numRuns: 3_000 },
    );
  });

  test("nobody is let in without the secret that his role needs", () => {
    let letIn = 0;
    fc.assert(
      fc.property(questions, (question) => {
        const verdict = guard(question);
        if (!verdict.allow) return;
        letIn += 1;
        const { headers, path } = shownIn(question);
        const isRead = question.method === "GET" || question.method === "HEAD";
        switch (verdict.caller.kind) {
          case "public":
            expect(verdict.preflight === true || (isRead && verdict.group === "public")).toBe(true);
            if (verdict.preflight === true) expect(verdict.group).toBe("inference");
            break;
          case "client":
            expect(headers.includes(CLIENT) || path.includes(`/k/${CLIENT}`)).toBe(true);
            expect(["control", "bridge", "mcp", "dashboard"]).not.toContain(verdict.group);
            break;
          case "control":
            expect(headers).toContain(CONTROL);
            break;
          case "bridge":
            expect(question.header("authorization")).toContain(BRIDGE);
            expect(verdict.group).toBe("bridge");
            break;
          case "agent":
            expect(question.header("authorization")).toContain(AGENT);
            expect(["bridge", "mcp"]).toContain(verdict.group);
            break;
        }
      }),
      { numRuns: 20_000 },
    );
    // The generator must find open doors, or the property says nothing.
    expect(letIn).toBeGreaterThan(1_000);
  });

  test("nobody is let in from elsewhere, by another name, or from a strange page", () => {
    fc.assert(
      fc.property(questions, (question) => {
        if (!guard(question).allow) return;
        expect(question.peer).toMatch(/^(127\.|::1$|10\.|::ffff:(127|10)\.)/);
        expect([`127.0.0.1:${PORT}`, `[::1]:${PORT}`]).toContain(question.header("host") ?? "");
        expect(["null", "https://evil.com"]).not.toContain(question.header("origin") ?? "");
      }),
      { numRuns: 10_000 },
    );
  });

  test("no verdict holds a secret", () => {
    fc.assert(
      fc.property(questions, (question) => {
        const verdict = guard(question);
        const text = JSON.stringify(verdict) + (verdict.allow ? "" : verdict.error.message);
        for (const known of [CLIENT, CONTROL, BRIDGE, AGENT, WRONG]) {
          // A strange path is handed on as it came: it may repeat what somebody wrote into it.
          if (/^\/+k\//.test(question.path) || !question.path.includes(known)) {
            expect(text).not.toContain(known);
          }
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
