import { describe, expect, test } from "bun:test";
import type { RateState } from "../../src/core/ports.ts";
import { limitHeaders } from "../../src/http/limit-headers.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 250);

const STATE: RateState = {
  limitRequests: 600,
  remainingRequests: 599,
  resetRequestsMs: 20,
  limitTokens: 4_000_000,
  remainingTokens: 0,
  resetTokensMs: 59_750,
};

const OPENAI = {
  "x-ratelimit-limit-requests": "600",
  "x-ratelimit-remaining-requests": "599",
  "x-ratelimit-reset-requests": "20ms",
  "x-ratelimit-limit-tokens": "4000000",
  "x-ratelimit-remaining-tokens": "0",
  "x-ratelimit-reset-tokens": "59.75s",
};

const ANTHROPIC = {
  "anthropic-ratelimit-requests-limit": "600",
  "anthropic-ratelimit-requests-remaining": "599",
  "anthropic-ratelimit-requests-reset": "2026-01-02T03:04:06Z",
  "anthropic-ratelimit-tokens-limit": "4000000",
  "anthropic-ratelimit-tokens-remaining": "0",
  "anthropic-ratelimit-tokens-reset": "2026-01-02T03:05:05Z",
};

describe("the headers of the limits", () => {
  test("are of both families on the routes of Anthropic", () => {
    expect(limitHeaders(STATE, "anthropic", NOW)).toEqual({ ...OPENAI, ...ANTHROPIC });
  });

  test.each(["openai", "ollama"] as const)("are OpenAI's on the routes of %s", (dialect) => {
    expect(limitHeaders(STATE, dialect, NOW)).toEqual(OPENAI);
  });

  test("say nothing of a limit that there is not", () => {
    const requestsOnly = { ...STATE, limitTokens: null, remainingTokens: null };
    const names = Object.keys(limitHeaders(requestsOnly, "anthropic", NOW));
    expect(names).toHaveLength(6);
    expect(names.filter((name) => name.includes("tokens"))).toEqual([]);
    const none = { ...requestsOnly, limitRequests: null, remainingRequests: null };
    expect(limitHeaders(none, "openai", NOW)).toEqual({});
  });

  test.each([
    [0, "0s"],
    [0.2, "1ms"],
    [2, "2ms"],
    [999, "999ms"],
    [1_000, "1s"],
    [8_640, "8.64s"],
    [60_000, "1m0s"],
    [60_099, "1m0.099s"],
    [360_000, "6m0s"],
    [86_400, "1m26.4s"],
  ])("write %p ms as OpenAI does, %p", (resetRequestsMs, written) => {
    const headers = limitHeaders({ ...STATE, resetRequestsMs }, "ollama", NOW);
    expect(headers["x-ratelimit-reset-requests"]).toBe(written);
  });

  test("name a time for Anthropic's clients at which the limit is really free", () => {
    for (let resetTokensMs = 0; resetTokensMs < 2_500; resetTokensMs += 125) {
      const headers = limitHeaders({ ...STATE, resetTokensMs }, "anthropic", NOW);
      const at = headers["anthropic-ratelimit-tokens-reset"] ?? "";
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(Date.parse(at) - (NOW + resetTokensMs)).toBeWithin(0, 1_000);
    }
  });
});
