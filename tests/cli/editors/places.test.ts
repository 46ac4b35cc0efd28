// Where each editor keeps its settings, on the three systems; and what the editors without a file are told.

import { describe, expect, test } from "bun:test";

import type { FileEditor, Place } from "../../../src/cli/editors/editor.ts";
import { EDITORS, findEditor } from "../../../src/cli/editors/list.ts";
import { UsageError } from "../../../src/cli/failure.ts";

const linux: Place = { env: {}, platform: "linux", home: "/home/ann" };
const mac: Place = { env: {}, platform: "darwin", home: "/Users/ann" };
const windows: Place = {
  env: { APPDATA: "C:\\Users\\ann\\AppData\\Roaming" },
  platform: "win32",
  home: "C:\\Users\\ann",
};

const fileEditor = (name: string): FileEditor => {
  const editor = findEditor(name);
  if (editor.kind !== "file") throw new Error(`${name} has no file`);
  return editor;
};

const files: readonly (readonly [name: string, linux: string, mac: string, windows: string])[] = [
  [
    "continue",
    "/home/ann/.continue/config.yaml",
    "/Users/ann/.continue/config.yaml",
    "C:\\Users\\ann\\.continue\\config.yaml",
  ],
  [
    "zed",
    "/home/ann/.config/zed/settings.json",
    "/Users/ann/.config/zed/settings.json",
    "C:\\Users\\ann\\AppData\\Roaming\\Zed\\settings.json",
  ],
  [
    "opencode",
    "/home/ann/.config/opencode/opencode.json",
    "/Users/ann/.config/opencode/opencode.json",
    "C:\\Users\\ann\\.config\\opencode\\opencode.json",
  ],
  [
    "codex",
    "/home/ann/.codex/config.toml",
    "/Users/ann/.codex/config.toml",
    "C:\\Users\\ann\\.codex\\config.toml",
  ],
  [
    "claude-code",
    "/home/ann/.claude/settings.json",
    "/Users/ann/.claude/settings.json",
    "C:\\Users\\ann\\.claude\\settings.json",
  ],
  [
    "aider",
    "/home/ann/.aider.conf.yml",
    "/Users/ann/.aider.conf.yml",
    "C:\\Users\\ann\\.aider.conf.yml",
  ],
];

describe("settings files", () => {
  test.each(files)("of %s", (name, onLinux, onMac, onWindows) => {
    const first = (place: Place) => fileEditor(name).locate(place)[0];
    expect([first(linux), first(mac), first(windows)]).toEqual([onLinux, onMac, onWindows]);
  });

  test("of every editor that has one are in this table", () => {
    const named = EDITORS.filter(({ kind }) => kind === "file").map(({ name }) => name);
    expect(named.toSorted()).toEqual(files.map(([name]) => name).toSorted());
  });

  test.each([
    ["continue", "CONTINUE_GLOBAL_DIR", "/x/config.yaml"],
    ["zed", "XDG_CONFIG_HOME", "/x/zed/settings.json"],
    ["opencode", "XDG_CONFIG_HOME", "/x/opencode/opencode.json"],
    ["codex", "CODEX_HOME", "/x/config.toml"],
    ["claude-code", "CLAUDE_CONFIG_DIR", "/x/settings.json"],
  ])("of %s move with %s, if it is absolute", (name, variable, moved) => {
    const at = (value: string) => fileEditor(name).locate({ ...linux, env: { [variable]: value } });
    expect(at("/x")[0]).toBe(moved);
    expect(at("x")[0]).toBe(fileEditor(name).locate(linux)[0]);
  });

  test("of Zed on macOS do not move", () => {
    const moved = fileEditor("zed").locate({ ...mac, env: { XDG_CONFIG_HOME: "/x" } });
    expect(moved).toEqual(["/Users/ann/.config/zed/settings.json"]);
  });

  test("of opencode may have comments, by their name", () => {
    expect(fileEditor("opencode").locate(linux)[1]).toBe(
      "/home/ann/.config/opencode/opencode.jsonc",
    );
  });

  test("of Continue have an older form", () => {
    expect(fileEditor("continue").olderFiles?.(linux)).toEqual(["/home/ann/.continue/config.json"]);
  });
});

describe("steps", () => {
  const endpoint = { base: "http://127.0.0.1:11434", key: "KEY", model: "a-model" };
  const texts = EDITORS.flatMap((editor) =>
    editor.kind === "steps"
      ? [[editor.name, editor.steps(endpoint, linux).join("\n")] as const]
      : [],
  );

  test.each(texts)("for %s have the address, the key and the model", (_, text) => {
    expect(text).toContain("http://127.0.0.1:11434");
    expect(text).toContain("KEY");
    expect(text).toContain("a-model");
  });

  test("for what sends no key have it in the address", () => {
    const steps = new Map(texts);
    for (const name of ["void", "ollama", "copilot-chat"]) {
      expect(steps.get(name)).toContain("http://127.0.0.1:11434/k/KEY");
    }
    expect(() =>
      EDITORS.map((editor) =>
        editor.kind === "steps" ? editor.steps({ ...endpoint, key: "a/b" }, linux) : [],
      ),
    ).toThrow("cannot stand in an address");
  });

  test("for a shell are in the words of the system's own", () => {
    const openai = EDITORS.find(({ name }) => name === "openai");
    if (openai?.kind !== "steps") throw new Error("no steps");
    expect(openai.steps(endpoint, linux)[1]).toBe("export OPENAI_API_KEY='KEY'");
    expect(openai.steps(endpoint, windows)[1]).toBe("$env:OPENAI_API_KEY = 'KEY'");
  });
});

test("an editor that is not known is guessed at, and all are named", () => {
  expect(() => findEditor("contineu")).toThrow("did you mean continue? There are: void,");
  expect(() => findEditor("copilot")).toThrow("did you mean copilot-chat?");
  expect(() => findEditor("emacs")).toThrow("no editor `emacs`; there are: void,");
  expect(() => findEditor("emacs")).toThrow(UsageError);
});
