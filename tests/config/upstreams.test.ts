// Several upstreams of one agent, as the configuration has them.

import { describe, expect, test } from "bun:test";
import { agentSpecOf } from "../../src/config/agent-spec.ts";
import { masked } from "../../src/config/mask.ts";
import { inspectConfig } from "../../src/config/parse-yaml.ts";
import type { AgentEntry } from "../../src/config/schema.ts";
import { AppError } from "../../src/core/error.ts";

function problemsOf(...lines: readonly string[]): readonly string[] {
  return inspectConfig(lines.join("\n"), "f").problems.map(({ message }) => message);
}

describe("a list of upstreams", () => {
  test("is read as one agent, its times in milliseconds", () => {
    const { found, problems } = inspectConfig(
      "agents: [{connector: openai, upstreams: [{base_url: 'http://a/v1', weight: 2, connect_timeout: 3}]}]",
      "f",
    );
    expect(problems).toEqual([]);
    const [entry] = found[0]!.value as readonly AgentEntry[];
    expect(agentSpecOf(entry!)).toEqual({
      connector: "openai",
      upstreams: [{ baseUrl: "http://a/v1", weight: 2, connectMs: 3_000 }],
    });
  });

  const head = ["agents:", "  - connector: openai", "    upstreams:"] as const;
  test.each([
    [
      ["      - base_url: http://a/v1", "        weigth: 2"],
      "f:5: agents[0].upstreams[0].weigth: unknown key, did you mean weight?",
    ],
    [
      ["      - base_url: http://a/v1", "        weight: 0"],
      "f:5: agents[0].upstreams[0].weight: expected a whole number from 1 to 1000, got 0",
    ],
    [["      - weight: 2"], "f:4: agents[0].upstreams[0]: needs the key base_url"],
    [
      ["      - base_url: http://a/v1", "        api_key: sk-in-clear"],
      "f:5: agents[0].upstreams[0].api_key: unknown key",
    ],
    [
      ["      - base_url: http://a/v1", "        api_key_env: sk-live-key"],
      "f:5: agents[0].upstreams[0].api_key_env: expected the name of a variable",
    ],
    [
      ["      []"],
      "f:3: agents[0].upstreams: expected a list of one upstream at least, got a list",
    ],
  ])("%j is a problem with its line", (lines, problem) => {
    const [first, ...others] = problemsOf(...head, ...lines);
    expect(others).toEqual([]);
    expect(first).toStartWith(problem);
    expect(first).not.toContain("sk-");
  });

  test("with an address beside it is neither the one nor the other", () => {
    const problems = problemsOf(
      ...head,
      "      - base_url: http://a/v1",
      "    base_url: http://b/v1",
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("unknown key");
  });
});

test("a key that is said twice is refused", () => {
  const entry = {
    connector: "openai",
    base_url: "http://a/v1",
    api_key_env: "KEY",
    api_key_file: "/key",
  } as const;
  expect(() => agentSpecOf(entry)).toThrow(AppError);
});

test("where a key is may be shown, the key may not", () => {
  const shown = masked("agents", [
    { base_url: "http://a/v1", api_key: "sk-1", api_key_env: "KEY", api_key_file: "/key" },
  ]);
  expect(shown).toEqual([
    { base_url: "http://a/v1", api_key: "***", api_key_env: "KEY", api_key_file: "/key" },
  ]);
});
