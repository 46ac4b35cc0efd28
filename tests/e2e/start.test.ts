// The start of the compiled binary as scripts and people meet it: an empty folder, no PATH, one line of JSON, clear
// refusals, files that nobody else may read.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { leftoversMark } from "../support/leftovers-mark.ts";
import { BINARY, createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask } from "../support/requests.ts";
import { untilSession } from "../support/topologies.ts";

const suite = createSuite();
afterAll(() => suite.close());

const FREE = ["--port", "0", "--bridge-port", "0"] as const;
const UP = ["up", ...FREE, "--agent", "rehearsal"] as const;
const MIB = 1024 * 1024;

describe("the ready line", () => {
  let mlp: Mlp;
  beforeAll(async () => {
    mlp = await suite.start(UP);
  });

  test("is the one line on stdout, and says where everything is", async () => {
    expect(mlp.ready).toEqual({
      event: "ready",
      api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      bridge: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
      dashboard: null,
      agent: expect.stringContaining("rehearsal"),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect((await ask(mlp, "/health", { key: null })).json.status).toBe("healthy");
    expect(mlp.stdout()).toBe(`${JSON.stringify(mlp.ready)}\n`);
  });

  test("is true of both loopback addresses", async () => {
    const { port } = new URL(mlp.api);
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      const answer = await fetch(`http://${host}:${port}/livez`);
      expect(answer.status).toBe(200);
    }
  });

  test("`mlp health`, `list`, `show`, `ps` and `run` find the server by what it left", async () => {
    const run = (...args: readonly string[]) => suite.run(args, { home: mlp.home });
    expect((await run("health")).code).toBe(0);
    expect((await run("list")).stdout).toContain("cursor-agent");
    expect((await run("ps")).stdout).toContain("rehearsal");
    expect((await run("show", "rehearsal")).code).toBe(0);
    const answer = await run("run", "rehearsal", `/rehearse say "over and out"`);
    expect(answer).toMatchObject({ code: 0, stdout: "over and out\n", stderr: "" });
  });

  test("bare mlp is mlp up", async () => {
    const bare = await suite.start([...FREE, "--agent", "rehearsal"]);
    expect(bare.ready.agent).toBe("rehearsal");
    expect(await bare.stop()).toBe(0);
    expect(bare.stdout()).toBe(`${JSON.stringify(bare.ready)}\n`);
  });
});

describe("its files", () => {
  test("are all under MLP_HOME, for its owner only, and no secret is in the log", async () => {
    const [home, cwd] = [suite.folder("home"), suite.folder("cwd")];
    const mlp = await suite.start(UP, { home, cwd, secrets: false });
    const paths = readdirSync(home, { recursive: true, encoding: "utf8" });
    expect(paths.length).toBeGreaterThan(4);
    for (const path of paths) {
      const stat = lstatSync(join(home, path));
      expect(`${path} ${(stat.mode & 0o777).toString(8)}`).toBe(
        `${path} ${stat.isDirectory() ? "700" : "600"}`,
      );
    }
    expect(readdirSync(cwd)).toEqual([]);
    const apiKey = (await Bun.file(join(home, "secrets/api-key")).text()).trim();
    const headers = { authorization: `Bearer ${apiKey}` };
    expect((await ask(mlp, "/v1/models", { key: null, headers })).status).toBe(200);
    expect(mlp.stdout() + mlp.stderr()).not.toContain(apiKey);
    expect(await mlp.stop()).toBe(0);
    expect(readdirSync(join(home, "run"))).toEqual([]);
  });

  test("a `.env` and a `bunfig.toml` in the working folder change nothing", async () => {
    const cwd = suite.folder("hostile");
    const marker = join(cwd, "ran");
    writeFileSync(join(cwd, ".env"), "MLP_API_KEY=mlp_from-the-hostile-folder-0123456789\n");
    writeFileSync(join(cwd, ".env.production"), "MLP_PROVIDER_PORT=1\n");
    writeFileSync(join(cwd, "bunfig.toml"), `preload = ["./evil.ts"]\n`);
    writeFileSync(join(cwd, "evil.ts"), `await Bun.write(${JSON.stringify(marker)}, "ran");\n`);
    writeFileSync(join(cwd, "config.yaml"), "nonsense: true\n");
    writeFileSync(join(cwd, "package.json"), `{"type":"commonjs"}`);
    const mlp = await suite.start(UP, { cwd, secrets: false });
    const headers = { authorization: "Bearer mlp_from-the-hostile-folder-0123456789" };
    expect((await ask(mlp, "/v1/models", { key: null, headers })).status).toBe(401);
    expect(await Bun.file(marker).exists()).toBe(false);
    expect(readdirSync(cwd)).toHaveLength(6);
  });
});

describe("what a person sees without --json", () => {
  test("is where the key is, never the key, and a curl that works as it stands", async () => {
    const home = suite.folder("home");
    const shown = await startShown(home);
    try {
      const apiKey = (await Bun.file(join(home, "secrets/api-key")).text()).trim();
      expect(shown.text).toContain("rehearsal");
      expect(shown.text).toContain("secrets/api-key");
      expect(shown.text).not.toContain(apiKey);
      expect(shown.text).not.toContain("\u001b[");
      const curl = /^ *(curl .*)$/m.exec(shown.text)?.[1];
      expect(curl).toBeDefined();
      const ran = Bun.spawn(["/bin/sh", "-c", `${curl} --silent`], {
        env: { PATH: "/usr/bin:/bin" },
        cwd: suite.folder("cwd"),
        stdout: "pipe",
        stderr: "pipe",
      });
      const answer = JSON.parse(await new Response(ran.stdout).text());
      expect(await ran.exited).toBe(0);
      expect(answer.choices[0].message.content).toContain("rehearsal");
    } finally {
      shown.child.kill("SIGTERM");
      expect(await shown.child.exited).toBe(0);
    }
  });

  /** Not through the suite, which always asks for JSON. */
  async function startShown(home: string) {
    const child = Bun.spawn([BINARY, ...UP], {
      cwd: suite.folder("cwd"),
      env: { ...leftoversMark(), MLP_HOME: home },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    let text = "";
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    while (!/curl .*\n/.test(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended: ${text}`);
      text += decoder.decode(value, { stream: true });
    }
    return { child, text };
  }
});

describe("refusals", () => {
  const refused = async (
    code: number,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<string> => {
    const ran = await suite.run(args, { env });
    expect(ran.stdout).toBe("");
    expect(ran.stderr.trim().split("\n")).toHaveLength(1);
    expect(ran.code).toBe(code);
    return ran.stderr;
  };

  test("a port that is taken is one line that names it", async () => {
    const taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("mine") });
    const port = String(taken.port);
    const line = await refused(1, ["up", "--port", port, "--bridge-port", "0"]);
    expect(line).toContain(port);
    expect(await refused(1, ["bridge", "--port", port])).toContain(port);
    await taken.stop(true);
  });

  test("a mistyped flag or command is a usage error with a suggestion", async () => {
    expect(await refused(2, ["up", "--prot", "0"])).toContain("--port");
    expect(await refused(2, ["serv"])).toContain("serve");
    expect(await refused(2, ["agent", "rehersal"])).toContain("rehearsal");
    expect(await refused(2, ["up", "--agent", "openai"])).toContain("openai:");
  });

  test("a mistyped setting is named with its file, key and line, and nothing listens", async () => {
    const file = join(suite.folder("config"), "config.yaml");
    writeFileSync(file, "provider:\n  host: 127.0.0.1\n  prot: 1\n");
    const line = await refused(2, ["up", ...FREE, "--config", file]);
    expect(line).toContain(`${file}:3`);
    expect(line).toContain("port");
    expect(await refused(2, [...UP], { MLP_PROVIDER_PROT: "1" })).toContain("MLP_PROVIDER_PORT");
  });

  test("commands that need a server say so when there is none", async () => {
    expect(await refused(1, ["list"])).toContain("no server is running");
    expect(await refused(1, ["sessions", "list"])).toContain("no server is running");
  });
});

describe("the binary", () => {
  test("names functions' files and lines in what it logs of a failure", async () => {
    const bridge = await suite.start(["bridge", "--port", "0"]);
    const home = suite.folder("home");
    // The agent keeps its session's token in a folder of this name, and cannot.
    writeFileSync(join(home, "agents"), "not a folder");
    const agent = await suite.start(["agent", "rehearsal", "--bridge", bridge.bridge], { home });
    const { err } = await agent.log.until((line) => line["err"] !== undefined);
    const frames = (err as { at: readonly string[] }).at;
    expect(frames.length).toBeGreaterThan(1);
    for (const frame of frames) expect(frame).toMatch(/^at .+ \(src\/[\w/-]+\.ts:\d+:\d+\)$/);
    // It goes on without: the session is asked for all the same.
    await untilSession(agent, "pending");
  });

  test("is one file of at most 130 MB", () => {
    expect(statSync(BINARY).size).toBeLessThanOrEqual(130 * MIB);
  });

  test("says its version", async () => {
    const ran = await suite.run(["version"]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toMatch(/^mlp \d+\.\d+\.\d+/);
  });
});
