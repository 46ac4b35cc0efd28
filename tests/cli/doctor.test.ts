import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { CursorScript } from "../support/fake-cursor-agent.ts";
import { createFakeCursor } from "../support/fake-cursor.ts";
import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome, RunResult, StubAnswer } from "./support.ts";

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** With every secret in its place and ports that are free. */
function newHome(): FakeHome {
  const home = createHome();
  closing.push(() => home.remove());
  for (const name of ["api-key", "control-token", "bridge-token", "agent-token"]) {
    home.secret(name, SECRET);
  }
  configure(home, "provider:\n  port: 0\nbridge:\n  port: 0\n");
  return home;
}

const SECRET = "mlp_a-secret-that-nobody-may-be-shown";

function configure(home: FakeHome, text: string): void {
  writeFileSync(join(home.path, "config.yaml"), text, { mode: 0o600 });
}

function listen(answers: Record<string, StubAnswer>): number {
  const stub = createStub(answers);
  closing.push(() => stub.stop());
  return Number(new URL(stub.url).port);
}

/** Found on PATH, as the real one would be. */
function install(script: Partial<CursorScript> = {}): string {
  const fake = createFakeCursor({ plays: [], ...script });
  closing.push(() => fake.close());
  return fake.folder;
}

async function doctor(
  home: FakeHome,
  { path = "/nowhere", args = [] }: { path?: string; args?: readonly string[] } = {},
): Promise<RunResult> {
  const ran = await mlp(["doctor", ...args], { home, env: { PATH: path } });
  expect(ran.stdout + ran.stderr).not.toContain(SECRET);
  return ran;
}

describe("mlp doctor", () => {
  test("says of a sound installation that nothing is wrong", async () => {
    const { code, stdout, stderr } = await doctor(newHome());
    expect(stdout).toStartWith("mlp 1.2.3 (Bun ");
    expect(stdout).toEndWith("Nothing is wrong.\n");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ok +configuration +\S+config\.yaml: valid$/m);
    expect(stdout).toMatch(/^note +agents +none is on PATH/m);
  });

  test("makes nothing where nothing is there yet", async () => {
    const home = newHome();
    rmSync(join(home.path, "secrets"), { recursive: true });
    rmSync(join(home.path, "run"), { recursive: true });
    const { code, stdout } = await doctor(home);
    expect(code).toBe(0);
    expect(stdout).toContain("api-key: made at the first start");
    expect(readdirSync(home.path)).toEqual(["config.yaml"]);
  });

  // Root may write everywhere.
  test.skipIf(process.getuid?.() === 0)("says of a place that it cannot be made", async () => {
    const home = newHome();
    rmSync(join(home.path, "secrets"), { recursive: true });
    chmodSync(home.path, 0o500);
    closing.push(() => chmodSync(home.path, 0o700));
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain(`${join(home.path, "secrets")} cannot be made in ${home.path}`);
  });

  test("names every problem of the configuration", async () => {
    const home = newHome();
    configure(home, "provider:\n  prot: 1\nbridge:\n  port: 99999\n");
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain("config.yaml:2: provider.prot: unknown key, did you mean port?");
    expect(stdout).toContain("config.yaml:4: bridge.port: expected a whole number");
    expect(stdout).toEndWith("Something is wrong: see above.\n");
  });

  test("says how to close a secret that others can read", async () => {
    const home = newHome();
    const file = join(home.path, "secrets", "agent-token");
    chmodSync(file, 0o644);
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain(`run: chmod 600 ${file}`);
  });

  test("quotes a folder with a space in what is to be done", async () => {
    const home = newHome();
    const path = join(home.path, "my home");
    mkdirSync(join(path, "secrets"), { recursive: true, mode: 0o755 });
    const { stdout } = await doctor({ ...home, path });
    expect(stdout).toContain(`to do: chmod 700 '${join(path, "secrets")}'`);
  });

  test("says how to close a folder that others can enter", async () => {
    const home = newHome();
    chmodSync(join(home.path, "secrets"), 0o755);
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain(`to do: chmod 700 ${join(home.path, "secrets")}`);
  });

  const health = { status: "healthy", version: "9.8.7", active_sessions: 0 };

  test.each([
    ["Ollama", { "GET /": () => new Response("Ollama is running") }],
    ["an mlp of another home or user", { "GET /health": health }],
    ["another program", {}],
  ])("says that a port is taken by %s", async (who, answers) => {
    const home = newHome();
    const port = listen(answers);
    configure(home, `provider:\n  port: ${port}\nbridge:\n  port: 0\n`);
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain(`${port} is taken by ${who}\n`);
    expect(stdout).toContain("to do: end that, or choose another port with --port");
  });

  test("knows its own servers and how they are", async () => {
    const home = newHome();
    const port = listen({ "GET /health": health });
    const api = `http://127.0.0.1:${port}`;
    home.runFile({ kind: "up", api, control: api });
    configure(home, `provider:\n  port: ${port}\nbridge:\n  port: 0\n`);
    const { code, stdout } = await doctor(home);
    expect(code).toBe(0);
    expect(stdout).toContain(`mlp up, process ${process.pid} at ${api}: healthy, version 9.8.7`);
    expect(stdout).toContain(`${port} is taken by mlp up, process ${process.pid}`);
  });

  test("notices a server that does not answer, and one that is unwell", async () => {
    const mute = newHome();
    const port = listen({});
    mute.runFile({ kind: "bridge", control: `http://127.0.0.1:${port}` });
    expect((await doctor(mute)).stdout).toContain("does not answer");
    const unwell = newHome();
    const other = listen({ "GET /health": { ...health, status: "unhealthy" } });
    unwell.runFile({ kind: "bridge", control: `http://127.0.0.1:${other}` });
    const { code, stdout } = await doctor(unwell);
    expect(code).toBe(1);
    expect(stdout).toContain("GET /health/deep has more");
    const cutOff = newHome();
    const third = listen({ "GET /health": { ...health, status: "degraded" } });
    cutOff.runFile({ kind: "serve", api: `http://127.0.0.1:${third}` });
    const noted = await doctor(cutOff);
    expect(noted.code).toBe(0);
    expect(noted.stdout).toMatch(/^note +server +mlp serve, .*degraded.*\n +to do: it comes back/m);
  });
});

describe("mlp doctor and the agents", () => {
  test("names what is found, with its version, and starts nothing else", async () => {
    const path = install({ version: "2026.10.01-abc" });
    const { code, stdout } = await doctor(newHome(), { path });
    expect(code).toBe(0);
    expect(stdout).toContain(`cursor-agent 2026.10.01-abc at ${join(path, "cursor-agent")}\n`);
  });

  test("says what was negotiated over ACP", async () => {
    const args = ["--agents"];
    const { code, stdout } = await doctor(newHome(), { path: install(), args });
    expect(code).toBe(0);
    expect(stdout).toContain(
      "ACP 1, logged in, 2 models, modes agent, plan, ask, takes images, MCP servers, resuming",
    );
  });

  test("says that an older build is driven by its print mode", async () => {
    const args = ["--agents"];
    const { code, stdout } = await doctor(newHome(), { path: install({ hasAcp: false }), args });
    expect(code).toBe(0);
    expect(stdout).toContain("driven by its print mode, logged in, 3 models");
  });

  test.each([true, false])("says how to log in (ACP: %p)", async (hasAcp) => {
    const path = install({ hasAcp, isLoggedIn: false });
    const { code, stdout } = await doctor(newHome(), { path, args: ["--agents"] });
    expect(code).toBe(1);
    expect(stdout).toContain("Run `cursor-agent login`");
  });

  test("tells programs the same, and nobody's name", async () => {
    const args = ["--agents", "--json"];
    const { stdout } = await doctor(newHome(), { path: install(), args });
    const facts = JSON.parse(stdout) as Record<string, unknown>;
    expect(facts).toMatchObject({
      version: "1.2.3",
      ok: true,
      agents: [
        {
          name: "cursor-agent",
          isSupported: true,
          negotiated: {
            way: "acp",
            models: 2,
            acp: { protocolVersion: 1, logins: ["cursor_login"] },
          },
        },
      ],
    });
    expect(stdout).not.toContain("someone@example.com");
  });

  test("misses a program that the configuration names", async () => {
    const home = newHome();
    configure(home, "provider:\n  port: 0\nbridge:\n  port: 0\nagents:\n  - cursor\n");
    const { code, stdout } = await doctor(home);
    expect(code).toBe(1);
    expect(stdout).toContain("cursor-agent is named in the configuration and not there");
    expect((await doctor(home, { path: install() })).code).toBe(0);
  });
});
