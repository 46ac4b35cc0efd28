import { expect, test } from "bun:test";
import { loadConfig } from "../../src/config/load.ts";

function load(env: Readonly<Record<string, string>>) {
  return loadConfig({ env, paths: { configFile: "/nowhere/config.yaml" } }).config;
}

test("a limit that has a default can be taken away", () => {
  expect(load({}).rate_limiting.requests_per_minute).toBe(600);
  const { rate_limiting } = load({
    MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "none",
    MLP_RATE_LIMITING_TOKENS_PER_MINUTE: "5000",
  });
  expect(rate_limiting).toEqual({
    requests_per_minute: null,
    tokens_per_minute: 5_000,
    session_requests_per_minute: null,
    session_tokens_per_minute: null,
  });
});

test.each(["0", "1000001", "1.5", "-1"])("%p requests a minute are refused", (value) => {
  expect(() => load({ MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: value })).toThrow(
    "MLP_RATE_LIMITING_REQUESTS_PER_MINUTE",
  );
});
