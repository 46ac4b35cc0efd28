import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "bun:test";

import { createAgentSessionTally } from "../../src/app/agent-sessions.ts";
import { shownSpec } from "../../src/app/agents.ts";
import { findAgents, findOnPath } from "../../src/app/find-agents.ts";

describe("agents on PATH", () => {
  const found = (...names: string[]) =>
    findAgents((command) => (names.includes(command) ? `/bin/${command}` : null));

  test("come in the order of preference, each with what makes it speak ACP", () => {
    const names = [
      "goose",
      "claude-agent-acp",
      "codex-acp",
      "qwen",
      "copilot",
      "gemini",
      "opencode",
    ];
    expect(found("cursor-agent", ...names).map(({ spec }) => spec)).toEqual([
      { connector: "cursor" },
      { connector: "acp", command: ["/bin/opencode", "acp"] },
      { connector: "acp", command: ["/bin/gemini", "--acp"] },
      { connector: "acp", command: ["/bin/copilot", "--acp", "--stdio"] },
      { connector: "acp", command: ["/bin/qwen", "--acp"] },
      { connector: "acp", command: ["/bin/codex-acp"] },
      { connector: "acp", command: ["/bin/claude-agent-acp"] },
      { connector: "acp", command: ["/bin/goose", "acp"] },
    ]);
  });

  test("are not looked for in the working folder, whatever PATH says", () => {
    const folder = mkdtempSync(join(tmpdir(), "mlp-path-"));
    const program = join(folder, "gemini");
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
    const before = process.cwd();
    try {
      process.chdir(folder);
      for (const PATH of [".", "", "./", `:${tmpdir()}`]) {
        expect(findOnPath("gemini", { PATH })).toBeNull();
      }
      expect(findOnPath("gemini", { PATH: folder })).toBe(realpathSync(program));
      expect(findOnPath(program, { PATH: "" })).toBe(program);
    } finally {
      process.chdir(before);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("that need an adapter are named and not driven", () => {
    expect(found("claude", "codex")).toEqual([
      { name: "codex", path: "/bin/codex" },
      { name: "claude", path: "/bin/claude" },
    ]);
    expect(found()).toEqual([]);
  });

  test("are shown by their program, never with their arguments", () => {
    expect(shownSpec({ connector: "acp", command: ["/opt/x/gemini", "--key", "secret"] })).toBe(
      "acp:gemini",
    );
  });
});

test("hits, misses and what was saved add up", () => {
  const tally = createAgentSessionTally();
  tally.record({ hit: false, savedMs: 0 });
  tally.record({ hit: true, savedMs: 1_200 });
  tally.record({ hit: true, savedMs: 800 });
  expect(tally.figures()).toEqual({ hits: 2, misses: 1, savedMs: 2_000 });
});
