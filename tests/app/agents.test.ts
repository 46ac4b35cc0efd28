import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "bun:test";

import { createAgentSessionTally } from "../../src/app/agent-sessions.ts";
import { chooseAgents, readScript, shownSpec, startAgents } from "../../src/app/agents.ts";
import { checkSettings } from "../../src/app/check-settings.ts";
import { findAgents, findOnPath } from "../../src/app/find-agents.ts";
import { createShutdown } from "../../src/app/shutdown.ts";
import { createSystem } from "../../src/app/system.ts";
import { loadConfig } from "../../src/config/load.ts";
import { findPaths } from "../../src/config/paths.ts";
import type { Config } from "../../src/config/schema.ts";

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

describe("agents that were named", () => {
  const { config } = loadConfig({ env: {}, paths: { configFile: "/nowhere/config.yaml" } });
  const choose = (named: readonly string[], agents: Config["agents"] = []) =>
    chooseAgents(named, { ...config, agents }, { PATH: "" });

  test("are none only where nothing else is: both together is a mistake that is told", () => {
    const why = "none means that no agent is started here, so it stands alone";
    expect(() => choose(["none", "rehearsal"])).toThrow(`--agent: ${why}`);
    expect(() => choose([], ["rehearsal", "none"])).toThrow(`agents: ${why}`);
    const both = checkSettings({ ...config, agents: ["rehearsal", "none"] });
    expect(both).toEqual([expect.stringContaining(`agents: ${why}`)]);
    expect(checkSettings({ ...config, agents: ["none"] })).toEqual([]);
    expect(choose(["none"]).specs).toEqual([]);
    expect(choose(["none"], ["rehearsal"]).notes.chosenAgent.spec).toBe("none");
    expect(choose(["rehearsal"], ["none"]).specs).toEqual([{ connector: "rehearsal" }]);
  });

  test("are not those that need an adapter: the rehearsal agent says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mlp-path-"));
    writeFileSync(join(folder, "claude"), "#!/bin/sh\n", { mode: 0o755 });
    const env = { PATH: folder };
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const home = { env: { MLP_HOME: folder }, platform: process.platform, home: folder };
    try {
      const started = await startAgents(chooseAgents([], config, env), {
        env,
        log,
        paths: findPaths(home),
        shutdown: createShutdown(log),
        system: createSystem(),
      });
      expect(started.notes.chosenAgent).toEqual({
        spec: "rehearsal",
        why: "the agents found on this machine need an adapter that speaks ACP",
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test("a script that cannot be read is named with the reason", async () => {
  await expect(readScript("/nowhere/script.yaml")).rejects.toThrow(
    "Cannot read the script /nowhere/script.yaml: there is no such file.",
  );
  await expect(readScript(tmpdir())).rejects.toThrow(
    `Cannot read the script ${tmpdir()}: it is a folder.`,
  );
});

test("hits, misses and what was saved add up", () => {
  const tally = createAgentSessionTally();
  tally.record({ hit: false, savedMs: 0 });
  tally.record({ hit: true, savedMs: 1_200 });
  tally.record({ hit: true, savedMs: 800 });
  expect(tally.figures()).toEqual({ hits: 2, misses: 1, savedMs: 2_000 });
});
