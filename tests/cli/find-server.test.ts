import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { findServer } from "../../src/cli/find-server.ts";
import { readSecret } from "../../src/cli/read-secret.ts";
import { findPaths } from "../../src/config/paths.ts";
import type { Paths } from "../../src/config/paths.ts";
import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

let home: FakeHome;
let paths: Paths;

beforeEach(() => {
  home = createHome();
  paths = findPaths({ env: { MLP_HOME: home.path }, platform: process.platform, home: "/" });
});
afterEach(() => home.remove());

describe("finding the server", () => {
  test("takes the one that runs", () => {
    home.runFile({ kind: "up", api: "http://127.0.0.1:1", control: "http://127.0.0.1:2" });
    expect(findServer("api", undefined, { paths })).toBe("http://127.0.0.1:1");
    expect(findServer("sessions", undefined, { paths })).toBe("http://127.0.0.1:2");
    expect(findServer("keys", undefined, { paths })).toBe("http://127.0.0.1:2");
  });

  test("asks the bridge about sessions and the provider about keys", () => {
    home.runFile({ kind: "serve", api: "http://127.0.0.1:1", control: "http://127.0.0.1:1" });
    home.runFile({ kind: "bridge", bridge: "ws://127.0.0.1:2", control: "http://127.0.0.1:2" });
    expect(findServer("sessions", undefined, { paths })).toBe("http://127.0.0.1:2");
    expect(findServer("keys", undefined, { paths })).toBe("http://127.0.0.1:1");
    expect(findServer("api", undefined, { paths })).toBe("http://127.0.0.1:1");
  });

  test("asks a provider about sessions where it keeps those of foreign bridges", () => {
    const control = "http://127.0.0.1:1";
    home.runFile({ kind: "serve", api: control, control, sessions: false });
    expect(() => findServer("sessions", undefined, { paths })).toThrow("no server is running here");
    home.runFile({ kind: "serve", api: "http://127.0.0.1:2", control, sessions: true });
    expect(findServer("sessions", undefined, { paths })).toBe("http://127.0.0.1:1");
    home.runFile({ kind: "bridge", control: "http://127.0.0.1:3" });
    expect(() => findServer("sessions", undefined, { paths })).toThrow("several servers");
  });

  test("passes over what a killed server left, and what is no run file", async () => {
    const gone = Bun.spawn(["true"]);
    await gone.exited;
    home.runFile({ kind: "up", api: "http://127.0.0.1:1", pid: gone.pid });
    writeFileSync(join(paths.run, "broken.json"), "{");
    writeFileSync(join(paths.run, "other.json"), '{"pid":"1"}');
    writeFileSync(join(paths.run, "notes.txt"), "x");
    expect(() => findServer("api", undefined, { paths })).toThrow(
      "no server is running here; start `mlp up` or `mlp serve`, or say where it is with --url",
    );
    home.runFile({ kind: "up", api: "http://127.0.0.1:3" });
    expect(findServer("api", undefined, { paths })).toBe("http://127.0.0.1:3");
  });

  test("asks a provider how it is, and the bridge beside it only when there is none", () => {
    home.runFile({ kind: "bridge", control: "http://127.0.0.1:1" });
    expect(findServer("health", undefined, { paths })).toBe("http://127.0.0.1:1");
    home.runFile({ kind: "serve", api: "http://127.0.0.1:2" });
    expect(findServer("health", undefined, { paths })).toBe("http://127.0.0.1:2");
    expect(findServer("sessions", undefined, { paths })).toBe("http://127.0.0.1:1");
  });

  test("does not choose between several", () => {
    home.runFile({ kind: "up", api: "http://127.0.0.1:1" });
    home.runFile({ kind: "up", api: "http://127.0.0.1:2" });
    expect(() => findServer("api", undefined, { paths })).toThrow(
      "several servers are running; choose with --url: http://127.0.0.1:1 (mlp up), http://127.0.0.1:2 (mlp up)",
    );
    expect(findServer("api", "http://127.0.0.1:2/", { paths })).toBe("http://127.0.0.1:2");
  });

  test.each([
    ["http://127.0.0.1:1", "http://127.0.0.1:1"],
    ["http://0.0.0.0:1", "http://127.0.0.1:1"],
    ["http://[::]:1/", "http://[::1]:1"],
    ["ws://127.0.0.1:1", "http://127.0.0.1:1"],
    ["https://models.example/base/", "https://models.example/base"],
  ])("--url %s means %s", (url, expected) => {
    expect(findServer("api", url, { paths })).toBe(expected);
  });

  test.each(["127.0.0.1:1", "ftp://127.0.0.1", "", "file:///etc/passwd"])(
    "--url %p is wrong usage",
    async (url) => {
      const { code, stderr } = await mlp(["list", `--url=${url || "x"}`], { home });
      expect(code).toBe(2);
      expect(stderr).toBe("mlp: --url: expected an address such as http://127.0.0.1:11434\n");
    },
  );
});

describe("reading a secret", () => {
  const read = (env: Record<string, string> = {}) => readSecret("api-key", { env, paths });

  test("the environment goes before the file", () => {
    home.secret("api-key", "from-file");
    expect(read().value).toBe("from-file");
    expect(read({ MLP_API_KEY: "from-env" }).value).toBe("from-env");
    expect(read({ MLP_API_KEY: "" }).value).toBe("from-file");
  });

  test("a file that is absent, empty, a link, or open to others is refused by name", () => {
    const file = join(paths.secrets, "api-key");
    const absent = `${file} does not exist or is empty; start the server with \`mlp up\`, or set MLP_API_KEY`;
    expect(() => read()).toThrow(absent);
    home.secret("api-key", "");
    expect(() => read()).toThrow(absent);
    home.secret("api-key", "x");
    chmodSync(file, 0o644);
    expect(() => read()).toThrow(`chmod 600 ${file}`);
    symlinkSync(file, join(paths.secrets, "control-token"));
    expect(() => readSecret("control-token", { env: {}, paths })).toThrow("is a symbolic link");
  });
});

describe("requests", () => {
  test("that are refused for their secret name the place that it came from", async () => {
    const refuse = () => Response.json({ error: "A valid key is required." }, { status: 401 });
    const stub = createStub({ "GET /api/tags": refuse });
    home.secret("api-key", "of-another-home");
    const argv = ["list", "--url", stub.url];
    const byFile = await mlp(argv, { home });
    expect(byFile.stderr).toBe(
      `mlp: ${stub.url} does not take the secret in ${join(paths.secrets, "api-key")}; set MLP_API_KEY to its own\n`,
    );
    const byVariable = await mlp(argv, { home, env: { MLP_API_KEY: "wrong" } });
    expect(byVariable.stderr).toContain("does not take the secret in MLP_API_KEY;");
    await stub.stop();
  });

  test("do not follow a redirect, which would get the secret", async () => {
    const other = createStub({ "GET /api/tags": { models: [] } });
    const stub = createStub({ "GET /api/tags": () => Response.redirect(`${other.url}/api/tags`) });
    home.secret("api-key", "the-key");
    const { code } = await mlp(["list", "--url", stub.url], { home });
    expect(code).toBe(1);
    expect(other.seen).toEqual([]);
    await stub.stop();
    await other.stop();
  });

  test("say when what answers is not ours", async () => {
    const stub = createStub({ "GET /api/tags": () => new Response("<html>") });
    home.secret("api-key", "the-key");
    const { stderr } = await mlp(["list", "--url", stub.url], { home });
    expect(stderr).toBe(`mlp: ${stub.url} did not answer in JSON; is it mlp?\n`);
    await stub.stop();
  });
});
