// The program as a shell sees it: a child process, its two streams and its exit code.

import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import packageJson from "../../package.json" with { type: "json" };
import { leftoversMark } from "../support/leftovers-mark.ts";
import { createHome, createStub } from "./support.ts";
import type { FakeHome, StubServer } from "./support.ts";

const main = new URL("../../src/main.ts", import.meta.url).pathname;

let home: FakeHome;
let stub: StubServer;
beforeAll(() => {
  home = createHome();
  home.secret("api-key", "the-key");
  const model = { name: "m", modified_at: "", details: { family: "x".repeat(100) } };
  stub = createStub({ "GET /api/tags": { models: Array.from({ length: 20_000 }, () => model) } });
  home.runFile({ kind: "up", api: stub.url });
});
afterAll(async () => {
  await stub.stop();
  home.remove();
});

interface Options {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

async function run(argv: readonly string[], { env = {}, cwd = home.path }: Options = {}) {
  const child = Bun.spawn([process.execPath, main, ...argv], {
    cwd,
    env: { ...leftoversMark(), MLP_HOME: home.path, PATH: "", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe("mlp in a shell", () => {
  test("--version prints the version, mlp version more", async () => {
    const { version } = packageJson;
    expect(await run(["--version"])).toEqual({ stdout: `${version}\n`, stderr: "", code: 0 });
    expect((await run(["version"])).stdout).toStartWith(`mlp ${version} (Bun ${Bun.version}, `);
    const facts = JSON.parse((await run(["version", "--json"])).stdout) as unknown;
    expect(facts).toMatchObject({ version, bun: Bun.version });
  });

  test("--help lists the commands on stdout", async () => {
    const { stdout, stderr, code } = await run(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const names = [
      "up",
      "serve",
      "bridge",
      "agent",
      "sessions",
      "keys",
      "list",
      "ps",
      "show",
      "run",
    ];
    for (const name of [...names, "health", "version"]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +[A-Z]`, "m"));
    }
  });

  test.each([
    [["sesions", "list"], "mlp: no command `sesions`, did you mean sessions?"],
    [["sessions", "aprove", "x"], "mlp: no command `aprove`, did you mean approve?"],
    [["up", "--prot", "1"], "mlp: no flag --prot, did you mean --port?"],
    [["--prot", "1"], "mlp: no flag --prot, did you mean --port?"],
    [["list", "--bogus"], "mlp: no flag --bogus; --help lists them"],
    [["list", "extra"], 'mlp: unexpected argument "extra"; --help lists them'],
    [["up", "--constructor", "x"], "mlp: no flag --constructor"],
    [["constructor"], "mlp: no command `constructor`"],
    [["keys", "toString"], "mlp: no command `toString`"],
    [["run", "m", "--x"], "mlp: --x is no flag"],
    [["up", "--port="], "mlp: --port= is no flag"],
    [["up", "--port"], "mlp: --port needs a value"],
    [["up", "--port", "1", "--port", "2"], 'mlp: --port is given twice: "1" and "2"'],
    [["up", "--port", "abc"], 'mlp: --port: expected a whole number, got "abc"'],
    [["up", "--json=maybe"], 'mlp: --json: expected true or false, got "maybe"'],
    [
      ["up", "--log-level", "loud"],
      'mlp: --log-level: expected one of debug, info, warn, error, silent, got "loud"',
    ],
    [["list", "-x"], "mlp: no flag -x; --help lists them"],
    [["audit", "tail", "-n5"], "mlp: -n5 is no flag, did you mean -n 5?"],
    [["show"], "mlp: the argument <model> is missing; --help says what it is"],
    [["sessions", "extend", "x"], "mlp: --ttl needs a value"],
    [["agent"], "mlp: name a connector: one of rehearsal, openai, cursor, acp"],
    [["--url", "http://x", "list"], "mlp: no flag --url; --help lists them"],
    [["top"], "mlp: no command `top`, mlp --help lists them"],
    [["zzzzzz"], "mlp: no command `zzzzzz`, mlp --help lists them"],
  ])("%j is wrong usage: one line on stderr, exit code 2", async (argv, line) => {
    expect(await run(argv)).toEqual({ stdout: "", stderr: `${line}\n`, code: 2 });
  });

  test("a wrong configuration is one line, exit code 2", async () => {
    const file = join(home.path, "wrong.yaml");
    writeFileSync(file, "provider:\n  port: 0\n  prot: 1\n");
    expect(await run(["up", "--config", file])).toEqual({
      stdout: "",
      stderr: `mlp: ${file}:3: provider.prot: unknown key, did you mean port?\n`,
      code: 2,
    });
    expect(await run(["up"], { env: { MLP_PROVIDER_PORT: "x" } })).toEqual({
      stdout: "",
      stderr: "mlp: MLP_PROVIDER_PORT: expected a whole number from 0 to 65535, got text\n",
      code: 2,
    });
    expect(await run(["list"], { env: { MLP_HOME: "here" } })).toEqual({
      stdout: "",
      stderr: "mlp: MLP_HOME: expected an absolute path\n",
      code: 2,
    });
  });

  test("a configuration in the working folder counts for nothing", async () => {
    const cwd = join(home.path, "hostile");
    mkdirSync(cwd);
    for (const name of ["config.yaml", "mlp.yaml", "config.example.yaml"]) {
      writeFileSync(join(cwd, name), "not: valid\n");
    }
    expect((await run(["sessions", "approve", "x"], { cwd })).stderr).toContain("control-token");
  });

  test("all of a long answer reaches a pipe before the end", async () => {
    const { stdout, code } = await run(["list", "--json"]);
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(3_000_000);
    expect(JSON.parse(stdout)).toHaveProperty("models");
  });

  test("a reader that goes away is no failure", async () => {
    const child = Bun.spawn([process.execPath, main, "list"], {
      env: { ...leftoversMark(), MLP_HOME: home.path },
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
  });

  test("a reader that goes away stops the agent that answers it", async () => {
    const stopped = Promise.withResolvers<"stopped">();
    const line = `${JSON.stringify({ message: { content: "word " }, done: false })}\n`;
    const endless = createStub({
      "POST /api/chat": () =>
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(line),
            cancel: () => stopped.resolve("stopped"),
          }),
        ),
    });
    const child = Bun.spawn([process.execPath, main, "run", "--url", endless.url, "m", "x"], {
      env: { ...leftoversMark(), MLP_HOME: home.path },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    expect(await stopped.promise).toBe("stopped");
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
    await endless.stop();
  });

  test.skipIf(process.platform !== "linux")("what cannot be written is a failure", async () => {
    const full = openSync("/dev/full", "w");
    const child = Bun.spawn([process.execPath, main, "list"], {
      env: { ...leftoversMark(), MLP_HOME: home.path },
      stdout: full,
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe(
      "mlp: stdout cannot be written (ENOSPC)\n",
    );
    expect(await child.exited).toBe(1);
    closeSync(full);
  });

  test("a proxy in the environment gets neither request nor key", async () => {
    const proxy = createStub({});
    const env = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, NO_PROXY: "elsewhere.example" };
    expect((await run(["list"], { env })).code).toBe(0);
    expect(proxy.seen).toEqual([]);
    await proxy.stop();
  });
});
