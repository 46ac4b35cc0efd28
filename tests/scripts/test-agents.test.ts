import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { callThatMakes } from "../../scripts/agents/play.ts";
import { startModel } from "../../scripts/agents/model.ts";
import { say } from "../../scripts/agents/play.ts";
import { RECIPES } from "../../scripts/agents/recipes.ts";

const PAPER = readFileSync(join(import.meta.dir, "../../docs/agents.md"), "utf8");
const MATRIX = /<!-- test:agents -->\n([\s\S]*)<!-- \/test:agents -->/.exec(PAPER)?.[1] ?? "";

test("the published matrix is of the agents that the job tries, in their versions", () => {
  const cells = (title: string) =>
    MATRIX.split("\n")
      .find((line) => line.startsWith(`| ${title} `))
      ?.split("|")
      .slice(2, -1)
      .map((cell) => cell.trim().replaceAll("`", ""));
  expect(cells("package")).toEqual(RECIPES.map((recipe) => recipe.package));
  expect(cells("version")).toEqual(RECIPES.map(({ version }) => version));
  expect(MATRIX).toMatch(/\d{4}-\d{2}-\d{2}/);
});

test("versions are pinned", () => {
  for (const { version } of RECIPES) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

test("the model tells its secret to who has the task, and hears who hangs up", async () => {
  const model = startModel();
  const ask = (content: string, signal?: AbortSignal) =>
    fetch(`${model.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        stream: true,
        messages: [{ role: "user", content }],
        tools: [{ type: "function", function: { name: "bash" } }],
      }),
      ...(signal !== undefined && { signal }),
    });
  try {
    model.plan("task-1", () => say("secret-1"));
    model.plan("task-2", () => ({ type: "say", pieces: ["a", "b"], everyMs: 60_000 }));
    expect(await (await ask("Do task-1.")).text()).toContain("secret-1");
    expect(await (await ask("Do nothing.")).text()).not.toContain("secret-1");
    const hangUp = new AbortController();
    await ask("Do task-1, then task-2.", hangUp.signal);
    expect((await model.until("task-2", ({ open }) => open === 1)).brokenOff).toBe(0);
    hangUp.abort();
    expect((await model.until("task-2", ({ open }) => open === 0)).brokenOff).toBe(1);
  } finally {
    await model.stop();
  }
});

test("an agent's tool is called as its schema has it", () => {
  const tool = (name: string, ...properties: string[]) => ({
    name,
    properties: Object.fromEntries(properties.map((each) => [each, { type: "string" }])),
    required: properties,
  });
  const tools = [tool("Write", "file_path", "content"), tool("exec_command", "cmd", "why")];
  expect(callThatMakes("write", "/w/a", tools)).toEqual({
    name: "Write",
    arguments: { file_path: "/w/a", content: "written\n" },
  });
  expect(callThatMakes("run", "/w/a", tools)).toEqual({
    name: "exec_command",
    arguments: { cmd: "touch '/w/a'", why: "A task." },
  });
  expect(callThatMakes("run", "/w/a", [tool("read", "path")])).toBeUndefined();
});
