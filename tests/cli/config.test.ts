// `mlp config …`: origins, masks, every problem at once, and a schema that agrees with the loader.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";

import { masked } from "../../src/config/mask.ts";
import { parseConfig } from "../../src/config/parse-yaml.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { createJudge } from "../support/json-schema.ts";
import { spoiltValuesOf, valuesOf } from "../support/json-values.ts";
import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

let home: FakeHome;
let file: string;
beforeAll(() => {
  home = createHome();
  file = join(home.path, "config.yaml");
});
beforeEach(() => rmSync(file, { force: true }));
afterAll(() => home.remove());

const write = (text: string) => writeFileSync(file, text, { mode: 0o600 });

/** A line of `config show` as its cells. */
async function lineOf(setting: string, argv: readonly string[], env: Record<string, string> = {}) {
  const { stdout } = await mlp(["config", "show", ...argv], { home, env });
  const line = stdout.split("\n").find((each) => each.startsWith(`${setting} `));
  return line?.split(/ {2,}/);
}

describe("mlp config show", () => {
  test("has a line for every setting, with its value", async () => {
    const { code, stdout, stderr } = await mlp(["config", "show"], { home });
    expect([code, stderr]).toEqual([0, ""]);
    const names = stdout.split("\n").map((line) => line.split(" ")[0]);
    expect(names.slice(1, -1)).toEqual(SETTINGS.map(({ path }) => path));
    expect(await lineOf("provider.port", [])).toEqual(["provider.port", "11434"]);
    expect(await lineOf("security.api_key", [])).toEqual(["security.api_key", "null"]);
  });

  test("says of each value where it comes from: flag, variable, line of the file, default", async () => {
    write("provider:\n  host: ::1\n  port: 1234\n\nmodel:\n  model_name: mine\n");
    const env = { MLP_PROVIDER_PORT: "2345", MLP_LOGGING_LEVEL: "warn" };
    const argv = ["--origin", "--log-level", "error"];
    expect(await lineOf("provider.host", argv, env)).toEqual([
      ...["provider.host", "::1", `${file}:2`],
    ]);
    expect(await lineOf("provider.port", argv, env)).toEqual([
      ...["provider.port", "2345", "MLP_PROVIDER_PORT"],
    ]);
    expect(await lineOf("logging.level", argv, env)).toEqual([
      ...["logging.level", "error", "--log-level"],
    ]);
    expect(await lineOf("model.model_name", argv, env)).toEqual([
      ...["model.model_name", "mine", `${file}:6`],
    ]);
    expect(await lineOf("bridge.port", argv, env)).toEqual(["bridge.port", "8787", "default"]);
  });

  test("shows no secret, in no form", async () => {
    write(
      stringify({
        security: { api_key: "the-key-of-this-test" },
        agents: [
          { connector: "openai", base_url: "http://u:pass1@h/v1", api_key: "upstream-secret" },
          "openai:http://name:pass2@host/v1",
        ],
      }),
    );
    for (const flags of [[], ["--origin"], ["--json"], ["--json", "--origin"]]) {
      const { code, stdout } = await mlp(["config", "show", ...flags], { home });
      expect(code).toBe(0);
      for (const secret of ["the-key-of-this-test", "upstream-secret", "pass1", "pass2"]) {
        expect(stdout).not.toContain(secret);
      }
      expect(stdout).toContain("***");
      expect(stdout).toContain("@host/v1");
    }
  });

  test("prints JSON for programs, with origins if they are asked for", async () => {
    write("provider:\n  port: 1234\n");
    const plain = JSON.parse((await mlp(["config", "show", "--json"], { home })).stdout) as object;
    expect(Object.keys(plain)).toEqual(SETTINGS.map(({ path }) => path));
    expect(plain).toMatchObject({ "provider.port": 1234, "provider.debug": false });
    const { stdout } = await mlp(["config", "show", "--json", "--origin"], { home });
    expect(JSON.parse(stdout)).toMatchObject({
      "provider.port": {
        value: 1234,
        variable: "MLP_PROVIDER_PORT",
        origin: { kind: "file", file, line: 2 },
      },
      "provider.host": { value: "127.0.0.1", origin: { kind: "default" } },
    });
  });

  test("fails as a start would", async () => {
    write("provider:\n  prot: 1\n");
    const { code, stdout, stderr } = await mlp(["config", "show"], { home });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(`mlp: ${file}:2: provider.prot: unknown key, did you mean port?\n`);
  });

  test("masks by name whatever a schema could hold", () => {
    const secretive = ["key", "api_key", "token", "bridge_token", "client_secret", "password"];
    for (const name of secretive) {
      expect(masked(name, "s3cret")).toBe("***");
      expect(masked("list", [{ [name]: "s3cret" }])).toEqual([{ [name]: "***" }]);
      expect(masked(name, null)).toBeNull();
    }
    expect(masked("max_tokens", 5)).toBe(5);
    expect(masked("url", "redis://user:s3cret@host:1/0")).toBe("redis://***@host:1/0");
  });
});

describe("mlp config validate", () => {
  const validate = (...argv: readonly string[]) => mlp(["config", "validate", ...argv], { home });

  test("is content without a file, and with a good one", async () => {
    expect(await validate()).toEqual({
      code: 0,
      stdout: `${file}: not there; the defaults hold\n`,
      stderr: "",
    });
    write("provider:\n  port: 1\n");
    expect(await validate()).toEqual({ code: 0, stdout: `${file}: valid\n`, stderr: "" });
    expect((await validate(file)).code).toBe(0);
  });

  test("prints every problem in one line each, and exits with 2", async () => {
    write(
      [
        "provider:",
        "  prot: 1",
        "  host: true",
        "loging: {}",
        "sessions:",
        "  policies:",
        "    - match: {agent: x}",
        "      grant: {ttl_seconds: soon, scopes: [inference, everything]}",
        "agents:",
        "  - connector: openai",
      ].join("\n"),
    );
    const { code, stdout, stderr } = await validate();
    expect([code, stderr]).toEqual([2, ""]);
    const lines = stdout.trimEnd().split("\n");
    const places = lines.map((line) =>
      line.slice(file.length + 1).replace(/^(\d+: [^:]+):.*$/, "$1"),
    );
    expect(places).toEqual([
      "2: provider.prot",
      "3: provider.host",
      "4: loging",
      "7: sessions.policies[0].match.agent",
      "8: sessions.policies[0].grant.scopes[1]",
      "8: sessions.policies[0].grant.ttl_seconds",
      "10: agents[0]",
    ]);
  });

  test("prints the first complaint of what is no YAML, and not what follows from it", async () => {
    write("provider:\n  port: 1\n host: x\nfoo\n- bar");
    const { code, stdout } = await validate();
    expect(code).toBe(2);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toStartWith(`${file}:`);
  });

  test("looks at the variables too, but not where a file is named", async () => {
    write("provider:\n  port: 1\n");
    const env = { MLP_PROVIDER_PRT: "1", MLP_LIMITS_JSON_DEPTH: "deep" };
    const { code, stdout } = await mlp(["config", "validate"], { home, env });
    expect(code).toBe(2);
    expect(stdout).toContain("MLP_PROVIDER_PRT: unknown variable");
    expect(stdout).toContain("MLP_LIMITS_JSON_DEPTH: expected a whole number");
    expect((await mlp(["config", "validate", file], { home, env })).code).toBe(0);
  });

  test("finds what settings have to do with each other", async () => {
    write("provider:\n  host: 0.0.0.0\nsecurity:\n  allowed_origins: ['https://*']\n");
    const { code, stdout } = await validate();
    expect(code).toBe(2);
    expect(stdout).toContain("provider.allow_remote: true");
    expect(stdout).toContain("cannot be allowed");
  });

  test("says that a named file is not there, and one that others can read", async () => {
    const missing = await validate(join(home.path, "no.yaml"));
    expect([missing.code, missing.stdout]).toEqual([
      2,
      `${join(home.path, "no.yaml")}: no such file\n`,
    ]);
    writeFileSync(file, "security:\n  api_key: a-key-that-is-long\n");
    rmSync(file);
    writeFileSync(file, "security:\n  api_key: a-key-that-is-long\n", { mode: 0o644 });
    const exposed = await validate(file);
    expect(exposed.code).toBe(0);
    expect(exposed.stderr).toContain("can be read by other users");
  });
});

describe("mlp config schema", () => {
  test("is JSON Schema 2020-12 with every setting, its meaning and its default", async () => {
    const { code, stdout } = await mlp(["config", "schema"], { home });
    expect(code).toBe(0);
    const schema = JSON.parse(stdout) as Tree;
    expect(schema).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema" });
    for (const { path, schema: own } of SETTINGS) {
      const [section = "", key] = path.split(".");
      const outer = schema.properties![section]!;
      const shown = key === undefined ? outer : outer.properties![key]!;
      expect([path, shown.description]).toEqual([path, own["description"]]);
      expect([path, shown.default]).toEqual([path, own["default"] as unknown]);
    }
    expect(schema.properties!["logging"]!.properties!["level"]!.enum).toContain("warn");
    expect(stdout).not.toContain('"expects"');
  });

  test("agrees with the loader, about good files and about spoilt ones", async () => {
    const schema = JSON.parse((await mlp(["config", "schema"], { home })).stdout) as object;
    const judge = createJudge(schema);
    const isGood = (tree: unknown): boolean => {
      try {
        parseConfig(stringify(tree), "f");
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(valuesOf(schema, judge), (tree) => expect(isGood(tree)).toBe(true)),
      { seed: 3, numRuns: 200 },
    );
    fc.assert(
      fc.property(spoiltValuesOf(schema, judge), (tree) => expect(isGood(tree)).toBe(false)),
      { seed: 3, numRuns: 200 },
    );
  });
});

interface Tree {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Tree>>;
}
