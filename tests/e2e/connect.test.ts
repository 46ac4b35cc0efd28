// `mlp connect` of the compiled executable: its parsers are in it, and its home is the user's. Where a server runs, the
// key that an editor gets opens it, until `mlp disconnect`.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { createSuite } from "../support/mlp.ts";

const suite = createSuite();
afterAll(() => suite.close());

describe("the executable", () => {
  test.each(["continue", "zed", "opencode", "codex", "claude-code", "aider"])(
    "shows what it would write for %s, and writes nothing",
    async (editor) => {
      const user = suite.folder("user");
      const env = { HOME: user, USERPROFILE: user };
      const { code, stdout, stderr } = await suite.run(["connect", editor, "--print"], { env });
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("http://127.0.0.1:11434");
      expect(stdout).toContain(`+++ ${user}`);
      expect(stdout).not.toContain(suite.secrets.apiKey);
    },
  );

  test("gives an editor a key that works until it is disconnected", async () => {
    const user = suite.folder("user");
    const env = { HOME: user, USERPROFILE: user };
    const file = join(user, ".claude", "settings.json");
    const before = '{\n  // mine\n  "env": { "FOO": "1" },\n}\n';
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, before);
    const server = await suite.start([
      "up",
      "--agent",
      "rehearsal",
      "--port",
      "0",
      "--bridge-port",
      "0",
    ]);
    const { home } = server;
    const made = await suite.run(["connect", "claude-code", "--yes"], { home, env });
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("chmod 600")]);
    const [, base = ""] = /"ANTHROPIC_BASE_URL": "([^"]+)"/.exec(readFileSync(file, "utf8")) ?? [];
    const [, key = ""] = /"ANTHROPIC_AUTH_TOKEN": "([^"]+)"/.exec(readFileSync(file, "utf8")) ?? [];
    expect(base).toBe(server.api);
    expect(made.stdout).not.toContain(key);
    const models = () =>
      fetch(`${base}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expect((await models()).status).toBe(200);
    const undone = await suite.run(["disconnect", "claude-code", "--yes"], { home, env });
    expect([undone.code, undone.stderr]).toEqual([0, ""]);
    expect(readFileSync(file, "utf8")).toBe(before);
    expect((await models()).status).toBe(401);
    await server.stop();
  });

  test("names a model for Void that the server lists", async () => {
    const server = await suite.start([
      "up",
      "--agent",
      "rehearsal",
      "--port",
      "0",
      "--bridge-port",
      "0",
    ]);
    const { home } = server;
    const { stdout } = await suite.run(["connect", "void"], { home, env: { HOME: home } });
    const [, model = ""] = /choose the model (\S+)\.\n/.exec(stdout) ?? [];
    const [address = ""] = /http:\S+\/k\/\S+/.exec(stdout) ?? [];
    const listed = (await (await fetch(`${address}/api/tags`)).json()) as {
      models: { name: string }[];
    };
    expect(listed.models.map(({ name }) => name)).toContain(model);
    expect(existsSync(join(home, "editors", "void.json"))).toBe(true);
    await server.stop();
  });
});
