// `mlp connect` and `mlp disconnect` as commands, in a home folder of their own, with a server that makes keys.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome, RunOptions, StubAnswer, StubServer } from "./support.ts";

const SECRET = "mlp_made-for-this-editor-0123456789";
const key = {
  id: "key_1",
  label: "continue",
  created_at: "2026-11-22T10:00:00.000Z",
  expires_at: null,
  revoked_at: null,
  models: null,
  sessions: null,
};

let home: FakeHome;
let answers: Record<string, StubAnswer>;
let stub: StubServer;
let user: string;

beforeEach(() => {
  home = createHome();
  user = join(home.path, "user");
  home.secret("control-token", "a-control-token");
  home.secret("api-key", "mlp_the-key-of-the-install");
  answers = {
    "POST /control/keys": { key, secret: SECRET },
    "DELETE /control/keys/key_1": { key },
  };
  stub = createStub(answers);
  home.runFile({ kind: "up", api: stub.url, control: stub.url });
});
afterEach(async () => {
  await stub.stop();
  home.remove();
});

const run = (line: string, options: Partial<RunOptions> = {}) =>
  mlp(line.split(" "), { home, ...options });

const place = (...parts: string[]) => join(user, ...parts);

function put(path: string, text: string, mode = 0o600): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  return path;
}

/** What was asked of the server but the facts about a model, which changes nothing. */
const calls = () =>
  stub.seen.map(({ method, path }) => `${method} ${path}`).filter((call) => call !== SHOW);
const SHOW = "POST /api/show";
const zedFile = () => place(".config", "zed", "settings.json");
const ZED = '// mine\n{\n  "theme": "One", // the best\n}\n';

describe("connecting an editor that has a file", () => {
  test("says how to close the file where others may read it, quoted for a shell", async () => {
    user = join(home.path, "my user");
    put(zedFile(), ZED, 0o644);
    const { stderr } = await run("connect zed --yes", { userHome: user });
    expect(stderr).toEndWith(`run: chmod 600 '${zedFile()}'\n`);
  });

  test("tells it how much the model reads, as the running server says it", async () => {
    const written = async (): Promise<string> => {
      await run("connect codex --yes");
      const text = readFileSync(place(".codex", "config.toml"), "utf8");
      await run("disconnect codex --yes");
      return /^model_context_window = .*$/m.exec(text)?.[0] ?? "";
    };
    const length = (tokens: unknown) => ({ model_info: { "cursor.context_length": tokens } });
    expect(await written()).toBe("model_context_window = 128000");
    answers["POST /api/show"] = length(32_768);
    expect(await written()).toBe("model_context_window = 32768");
    answers["POST /api/show"] = length("many");
    expect(await written()).toBe("model_context_window = 128000");
  });

  test("shows the change without the key, writes it, and keeps what was there", async () => {
    const file = put(zedFile(), ZED, 0o640);
    const { code, stdout, stderr } = await run("connect zed --yes");
    expect(code).toBe(0);
    expect(stdout).toContain(`+      "api_url": "${stub.url}/k/***"\n`);
    expect(stdout).toContain("Zed is connected");
    expect(stdout + stderr).not.toContain(SECRET);
    expect(readFileSync(file, "utf8")).toBe(
      `// mine\n{\n  "theme": "One", // the best\n  "language_models": {\n    "ollama": {\n      "api_url": "${stub.url}/k/${SECRET}"\n    }\n  },\n}\n`,
    );
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(stderr).toContain(`chmod 600 ${file}`);
    const kept = join(home.path, "editors");
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(kept, "zed.backup"), "utf8")).toBe(ZED);
    for (const name of readdirSync(kept)) {
      expect(statSync(join(kept, name)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(kept, name), "utf8")).not.toContain(SECRET);
    }
    expect(readdirSync(dirname(file))).toEqual(["settings.json"]);
    expect(stub.seen.at(-1)?.body).toEqual({ label: "zed" });
  });

  test("makes a file that only its owner may read where there was none", async () => {
    await run("connect continue --yes --model cursor-agent-as-claude");
    const file = place(".continue", "config.yaml");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain("model: cursor-agent-as-claude\n");
  });

  test("twice changes nothing and makes no second key", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    const written = readFileSync(file);
    const { code, stdout } = await run("connect zed");
    expect(code).toBe(0);
    expect(stdout).toBe(`Zed is connected already: ${file}\n`);
    expect(readFileSync(file)).toEqual(written);
    expect(calls()).toEqual(["POST /control/keys"]);
  });

  test("again with another model changes that, ends the old key, and the first backup stays", async () => {
    const file = put(place(".aider.conf.yml"), "model: sonnet\n");
    await run("connect aider --yes");
    const { stdout } = await run("connect aider --yes --model other");
    expect(stdout).toContain('-model: "openai/cursor-agent"\n+model: "openai/other"\n');
    expect(calls()).toEqual([
      "POST /control/keys",
      "POST /control/keys",
      "DELETE /control/keys/key_1",
    ]);
    await run("disconnect aider --yes");
    expect(readFileSync(file, "utf8")).toBe("model: sonnet\n");
  });

  test("again after somebody changed the file keeps that change for the undo", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    writeFileSync(file, readFileSync(file, "utf8").replace('"One"', '"Two"'));
    await run("connect zed --yes --url http://127.0.0.1:9");
    expect(calls()).toEqual(["POST /control/keys"]);
    expect(readFileSync(file, "utf8")).toContain("http://127.0.0.1:9/k/mlp_the-key-of-the-install");
    await run("disconnect zed --yes");
    expect(readFileSync(file, "utf8")).toBe(ZED.replace('"One"', '"Two"'));
  });

  test("again after the file is gone makes it anew", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    rmSync(file);
    expect((await run("connect zed --yes")).code).toBe(0);
    await run("disconnect zed --yes");
    expect(existsSync(file)).toBe(false);
  });

  test("asks on a terminal, and does nothing without a yes", async () => {
    const file = put(zedFile(), ZED);
    const no = await run("connect zed", { isTerminal: true, typed: [""] });
    expect(no.code).toBe(1);
    expect(no.stderr).toBe("mlp: nothing was changed\n");
    expect(readFileSync(file, "utf8")).toBe(ZED);
    expect(calls()).toEqual([]);
    const agreed = await run("connect zed", { isTerminal: true, typed: ["y"] });
    expect(agreed.code).toBe(0);
    expect(readFileSync(file, "utf8")).toContain(SECRET);
  });

  test("shows the change and ends with 2 where there is nobody to ask", async () => {
    const file = put(zedFile(), ZED);
    const { code, stdout, stderr } = await run("connect zed");
    expect(code).toBe(2);
    expect(stdout).toContain("+++ ");
    expect(stderr).toBe(
      "mlp: nothing was changed: this is no terminal; to agree, run mlp connect zed --yes\n",
    );
    expect(readFileSync(file, "utf8")).toBe(ZED);
    expect(calls()).toEqual([]);
  });

  test("--print shows it and touches nothing", async () => {
    const { code, stdout } = await run("connect continue --print");
    expect(code).toBe(0);
    expect(stdout).toContain(`+    apiBase: "${stub.url}/v1"\n+    apiKey: "***"\n`);
    expect(existsSync(user)).toBe(false);
    expect(existsSync(join(home.path, "editors"))).toBe(false);
    expect(calls()).toEqual([]);
  });

  test("shows no secret of the user's own either", async () => {
    put(
      place(".aider.conf.yml"),
      "openai-api-key: sk-their-own-key\nanthropic-api-key: sk-ant-their-own\nmodel: gpt\n",
    );
    const { stdout } = await run("connect aider --print");
    expect(stdout).toContain("-openai-api-key: ***\n");
    expect(stdout).not.toContain("their-own");
  });

  test("writes to where a link leads, and the link stays", async () => {
    const real = put(place("dotfiles", "zed.json"), ZED);
    mkdirSync(dirname(zedFile()), { recursive: true });
    symlinkSync(real, zedFile());
    await run("connect zed --yes");
    expect(lstatSync(zedFile()).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain(SECRET);
    await run("disconnect zed --yes");
    expect(lstatSync(zedFile()).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toBe(ZED);
  });

  test("takes the file of opencode that is there", async () => {
    const file = put(place(".config", "opencode", "opencode.jsonc"), "{ /* mine */ }\n");
    await run("connect opencode --yes");
    expect(readFileSync(file, "utf8")).toContain(SECRET);
    expect(existsSync(place(".config", "opencode", "opencode.json"))).toBe(false);
  });

  test("keeps a byte order mark and carriage returns", async () => {
    const before = '\u{feff}{\r\n  "theme": "One"\r\n}\r\n';
    const file = put(zedFile(), before);
    await run("connect zed --yes");
    const text = readFileSync(file, "utf8");
    expect(text.startsWith('\u{feff}{\r\n  "theme": "One",\r\n')).toBe(true);
    expect(text.replaceAll("\r\n", "")).not.toContain("\n");
    writeFileSync(file, text.replace("One", "Two"));
    await run("disconnect zed --yes");
    expect(readFileSync(file, "utf8")).toBe(before.replace("One", "Two"));
  });
});

describe("a file that is not fit", () => {
  const unfit: readonly (readonly [
    name: string,
    make: (path: string) => void,
    complaint: string,
  ])[] = [
    ["broken", (path) => put(path, '{ "a": '), "line 1: not valid JSON; nothing was changed"],
    ["a folder", (path) => mkdirSync(path, { recursive: true }), "is no regular file"],
    [
      "not text",
      (path) => {
        put(path, "");
        writeFileSync(path, new Uint8Array([0x7b, 0xff, 0x7d]));
      },
      "is not text in UTF-8",
    ],
    [
      "a link to nothing",
      (path) => {
        mkdirSync(dirname(path), { recursive: true });
        symlinkSync("/nowhere/at/all", path);
      },
      "cannot be used (ENOENT)",
    ],
  ];
  test.each(unfit)("%s: one line, and nothing is done", async (_, make, complaint) => {
    make(zedFile());
    const { code, stdout, stderr } = await run("connect zed --yes");
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(complaint);
    expect(stderr.split("\n")).toHaveLength(2);
    expect(calls()).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)("one that may not be read", async () => {
    chmodSync(put(zedFile(), ZED), 0o000);
    const { code, stderr } = await run("connect zed --yes");
    expect([code, stderr]).toEqual([1, expect.stringContaining("(EACCES)")]);
  });

  test("an older form of settings is not put out of use", async () => {
    const older = put(place(".continue", "config.json"), "{}");
    const { code, stderr } = await run("connect continue --yes");
    expect(code).toBe(1);
    expect(stderr).toContain(`${older} would not count any more`);
    expect(existsSync(place(".continue", "config.yaml"))).toBe(false);
  });

  test("one that cannot be written gives its key back, and is not taken for connected", async () => {
    // A link to nothing stands where the folder should be.
    mkdirSync(place(".config"), { recursive: true });
    symlinkSync("/nowhere/at/all", place(".config", "zed"));
    const { code } = await run("connect zed --yes");
    expect(code).toBe(1);
    expect(calls()).toEqual(["POST /control/keys", "DELETE /control/keys/key_1"]);
    expect((await run("disconnect zed --yes")).stderr).toBe("mlp: Zed is not connected\n");
  });
});

describe("the key", () => {
  test("is that of the install when no server runs", async () => {
    await stub.stop();
    const { code, stderr } = await run("connect zed --yes");
    expect(code).toBe(0);
    expect(stderr).toContain("It gets the client key of this install.");
    expect(readFileSync(zedFile(), "utf8")).toContain("/k/mlp_the-key-of-the-install");
    const gone = await run("disconnect zed --yes");
    expect(gone.stdout).not.toContain("revoked");
  });

  test("of the install goes to no server elsewhere", async () => {
    const { code, stderr } = await run("connect void --yes --url http://192.0.2.1:0");
    expect(code).toBe(1);
    expect(stderr).toContain("nothing answers at");
    expect(existsSync(join(home.path, "editors"))).toBe(false);
  });

  test("cannot be had before the first start", async () => {
    const fresh = createHome();
    const { code, stderr } = await mlp(["connect", "zed", "--yes"], { home: fresh });
    expect(code).toBe(1);
    expect(stderr).toContain("start the server with `mlp up`");
    expect(existsSync(join(fresh.path, "user"))).toBe(false);
    fresh.remove();
  });

  test("that cannot be ended is said to work still", async () => {
    put(zedFile(), ZED);
    await run("connect zed --yes");
    await stub.stop();
    const { code, stderr } = await run("disconnect zed --yes");
    expect(code).toBe(0);
    expect(stderr).toContain("Key key_1 still works");
    expect(stderr).toContain("mlp keys revoke key_1");
  });
});

describe("disconnecting", () => {
  const files: readonly (readonly [editor: string, path: string[], text: string])[] = [
    ["zed", [".config", "zed", "settings.json"], ZED],
    ["continue", [".continue", "config.yaml"], "name: A\nversion: 1.0.0\nmodels:\n    - {name: B}"],
    ["aider", [".aider.conf.yml"], "# mine\nmodel: 'sonnet'   # for now"],
    ["opencode", [".config", "opencode", "opencode.json"], '{"provider":{},}'],
    ["codex", [".codex", "config.toml"], "model='gpt-5'\n\n\n[a]\nb=1\n\n"],
    ["claude-code", [".claude", "settings.json"], '{"env":{"ANTHROPIC_MODEL":"opus"}}\n\n'],
  ];
  test.each(files)("%s leaves the very bytes that were there", async (editor, parts, text) => {
    const file = put(place(...parts), text, 0o644);
    expect((await run(`connect ${editor} --yes`)).code).toBe(0);
    expect(readFileSync(file, "utf8")).toContain(SECRET);
    const { code, stdout } = await run(`disconnect ${editor} --yes`);
    expect(code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(stdout).not.toContain(SECRET);
    expect(stdout).toContain("Key key_1 is revoked.\n");
    expect(readdirSync(join(home.path, "editors"))).toEqual([]);
  });

  test.each(files)("%s deletes a file that it made", async (editor, parts) => {
    await run(`connect ${editor} --yes`);
    expect(existsSync(place(...parts))).toBe(true);
    const { stdout } = await run(`disconnect ${editor} --yes`);
    expect(existsSync(place(...parts))).toBe(false);
    expect(stdout).toContain("is deleted, as it was not there before");
    expect(stdout).not.toContain(SECRET);
  });

  test("takes only what is ours from a file that was changed since", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    writeFileSync(file, readFileSync(file, "utf8").replace('"One"', '"Two"'));
    const { stdout } = await run("disconnect zed --yes");
    expect(readFileSync(file, "utf8")).toBe(ZED.replace('"One"', '"Two"'));
    expect(stdout).toContain("has nothing of ours any more");
    expect(stdout).not.toContain(SECRET);
  });

  test("deletes a file of ours that an editor only wrote anew", async () => {
    await run("connect claude-code --yes");
    const file = place(".claude", "settings.json");
    const { env } = JSON.parse(readFileSync(file, "utf8")) as { env: Record<string, string> };
    writeFileSync(file, JSON.stringify({ env: Object.fromEntries(Object.entries(env).reverse()) }));
    await run("disconnect claude-code --yes");
    expect(existsSync(file)).toBe(false);
  });

  test("says what to remove from a file that is broken by now, and stays connected", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    writeFileSync(file, "{ oh");
    const { code, stderr } = await run("disconnect zed --yes");
    expect(code).toBe(1);
    expect(stderr).toContain("remove by hand: language_models.ollama.api_url");
    expect(readFileSync(file, "utf8")).toBe("{ oh");
    expect(calls()).toEqual(["POST /control/keys"]);
    writeFileSync(file, ZED);
    expect((await run("disconnect zed --yes")).stdout).toContain("holds nothing of ours any more");
  });

  test("asks first, too", async () => {
    const file = put(zedFile(), ZED);
    await run("connect zed --yes");
    const written = readFileSync(file, "utf8");
    expect((await run("disconnect zed")).code).toBe(2);
    expect((await run("disconnect zed", { isTerminal: true, typed: ["n"] })).code).toBe(1);
    expect(readFileSync(file, "utf8")).toBe(written);
    expect((await run("disconnect zed", { isTerminal: true, typed: ["yes"] })).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(ZED);
  });

  test("what was never connected fails", async () => {
    const { code, stderr } = await run("disconnect zed --yes");
    expect([code, stderr]).toEqual([1, "mlp: Zed is not connected\n"]);
  });
});

test("a connection that was made while a person thought it over stays as it is", async () => {
  const file = put(zedFile(), ZED);
  await run("connect zed --yes");
  const kept = join(home.path, "editors");
  const paths = [file, join(kept, "zed.json"), join(kept, "zed.backup")];
  const others = paths.map((path) => readFileSync(path));
  rmSync(kept, { recursive: true });
  writeFileSync(file, ZED);
  let isOther = false;
  const { code, stderr } = await run("connect zed", {
    isTerminal: true,
    typed: ["yes"],
    onOutput: () => {
      if (isOther) return;
      isOther = true;
      mkdirSync(kept, { mode: 0o700 });
      for (const [index, path] of paths.entries()) {
        writeFileSync(path, others[index]!, { mode: 0o600 });
      }
    },
  });
  expect([code, stderr]).toEqual([
    1,
    "mlp: Zed has just been connected by somebody else; try again\n",
  ]);
  expect(paths.map((path) => readFileSync(path))).toEqual(others);
  expect((await run("disconnect zed --yes")).code).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(ZED);
});

describe("an editor that is set up by hand", () => {
  test("gets steps with a key of its own, once", async () => {
    const { code, stdout } = await run("connect void");
    expect(code).toBe(0);
    expect(stdout).toContain(`     ${stub.url}/k/${SECRET}\n`);
    expect(stdout).toContain("choose the model cursor-agent-as-gpt-4.1.");
    const again = await run("connect void");
    expect(again.stdout).toContain(`${stub.url}/k/<key>\n`);
    expect(again.stderr).toContain("mlp disconnect void --yes");
    expect(calls()).toEqual(["POST /control/keys"]);
  });

  test("with --print gets steps without one", async () => {
    const { stdout, stderr } = await run("connect openai --print --model m");
    expect(stdout).toBe(
      `export OPENAI_BASE_URL='${stub.url}/v1'\nexport OPENAI_API_KEY='<key>'\n# The model is m. Both openai for Python and openai for JavaScript read these variables.\n`,
    );
    expect(stderr).toContain("without --print one is made");
    expect(calls()).toEqual([]);
  });

  test("leaves no key behind when it cannot be written down", async () => {
    const folder = join(home.path, "editors");
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    const { code, stdout } = await run("connect void");
    expect(code).toBe(1);
    expect(stdout).not.toContain(SECRET);
    expect(calls()).toEqual(["POST /control/keys", "DELETE /control/keys/key_1"]);
  });

  test("is told how to undo them, and its key ends", async () => {
    await run("connect void");
    const { code, stdout } = await run("disconnect void");
    expect(code).toBe(0);
    expect(stdout).toContain("put Ollama's Endpoint back");
    expect(stdout).toContain("Key key_1 is revoked.");
  });
});

describe("words that are wrong", () => {
  test.each([
    ["contiue", "continue"],
    ["vscode", "copilot-chat"],
  ])("an editor that is not known: %s", async (name, meant) => {
    const { code, stderr } = await run(`connect ${name}`);
    expect(code).toBe(2);
    expect(stderr).toContain(`mlp: no editor \`${name}\`, did you mean ${meant}? There are: void,`);
  });

  test("a model that is no name", async () => {
    const { code, stderr } = await mlp(["connect", "zed", "--model", "a b'$"], { home });
    expect([code, stderr]).toEqual([
      2,
      "mlp: --model: expected the name of a model, such as cursor-agent\n",
    ]);
  });

  test("an address that is none", async () => {
    expect((await run("connect zed --print --url nowhere")).code).toBe(2);
  });
});

test("without a server the address is the default one", async () => {
  const fresh = createHome();
  const { stdout } = await mlp(["connect", "anthropic", "--print"], { home: fresh });
  expect(stdout).toContain("export ANTHROPIC_BASE_URL='http://127.0.0.1:11434'\n");
  fresh.remove();
});
