import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { agentSpecOf, parseAgentSpec } from "../../src/config/agent-spec.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { LoadSettings } from "../../src/config/load.ts";
import { OTHER_VARIABLES } from "../../src/config/read-environment.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { AppError } from "../../src/core/error.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mlp-config-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let count = 0;
function write(text: string | Uint8Array): string {
  const file = join(folder, `${count++}.yaml`);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function load(settings: Partial<LoadSettings> = {}) {
  return loadConfig({ env: {}, paths: { configFile: join(folder, "absent.yaml") }, ...settings });
}

/** The message of the error, which has to be of the kind that the command line answers with usage. */
function complaint(settings: Partial<LoadSettings>): string {
  try {
    load(settings);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("invalid_request");
    const { message } = error as AppError;
    expect(message).not.toContain("\n");
    return message;
  }
  return "no complaint";
}

/** What is said about a file, without the file's name. */
function complaintOf(yaml: string): string {
  const path = write(yaml);
  return complaint({ path }).replace(`${path}:`, "");
}

describe("precedence", () => {
  test("a flag goes before the environment, that before the file, that before the default", () => {
    const path = write("provider:\n  port: 1\n  host: ::1\nbridge:\n  port: 1\n");
    const { config, origins } = load({
      path,
      env: { MLP_PROVIDER_PORT: "2", MLP_BRIDGE_PORT: "2" },
      flags: { "provider.port": { flag: "--port", value: 3 } },
    });
    expect(config.provider).toMatchObject({ port: 3, host: "::1", debug: false });
    expect(config.bridge.port).toBe(2);
    expect(origins.get("provider.port")).toEqual({ kind: "flag", name: "--port" });
    expect(origins.get("bridge.port")).toEqual({ kind: "environment", name: "MLP_BRIDGE_PORT" });
    expect(origins.get("provider.host")).toEqual({ kind: "file", file: path, line: 3 });
    expect(origins.get("provider.debug")).toEqual({ kind: "default" });
  });

  test("every setting has an origin", () => {
    expect([...load().origins.keys()].toSorted()).toEqual(SETTINGS.map((s) => s.path).toSorted());
  });

  test("the file is the one named by --config, else by LOCAL_PROVIDER_CONFIG, else the usual place", () => {
    const flag = write("provider: { port: 1 }");
    const variable = write("provider: { port: 2 }");
    const usual = write("provider: { port: 3 }");
    const env = { LOCAL_PROVIDER_CONFIG: variable };
    const paths = { configFile: usual };
    expect(load({ path: flag, env, paths }).config.provider.port).toBe(1);
    expect(load({ env, paths }).config.provider.port).toBe(2);
    expect(load({ paths }).config.provider.port).toBe(3);
  });

  test("a named file must exist, the usual one need not", () => {
    const path = join(folder, "absent.yaml");
    expect(complaint({ path })).toBe(`${path}: no such file`);
    expect(complaint({ env: { LOCAL_PROVIDER_CONFIG: path } })).toBe(
      `${path}: no such file; LOCAL_PROVIDER_CONFIG names it`,
    );
    expect(load().config.provider.port).toBe(11_434);
  });

  test("defaults are not shared between two loads", () => {
    load().config.security.allowed_hosts.push("changed.example");
    expect(load().config.security.allowed_hosts).toEqual([]);
  });
});

describe("a mistake in the file is one line with file, line and key", () => {
  test.each([
    ["provder:\n  port: 1\n", "1: provder: unknown key, did you mean provider?"],
    ["provider:\n  prot: 1\n", "2: provider.prot: unknown key, did you mean port?"],
    ["provider:\n  widgets: 2\n", "2: provider.widgets: unknown key"],
    [
      "provider:\n  workers: 2\n",
      "2: provider.workers: expected 1, since one process serves a port; to share the load, run several nodes (a store that they share, Redis, is not there yet), got 2",
    ],
    [
      'provider:\n  port: "80"\n',
      "2: provider.port: expected a whole number from 0 to 65535, got text; take the quotes away",
    ],
    [
      "provider:\n  port: 70000\n",
      "2: provider.port: expected a whole number from 0 to 65535, got 70000",
    ],
    [
      "provider:\n  port: 1.5\n",
      "2: provider.port: expected a whole number from 0 to 65535, got 1.5",
    ],
    [
      "provider:\n  port:\n",
      "2: provider.port: expected a whole number from 0 to 65535, got nothing",
    ],
    [
      "provider:\n  debug: yes\n",
      "2: provider.debug: expected true or false, got text; write true or false, without quotes",
    ],
    [
      "model:\n  model_name: 1.10\n",
      "2: model.model_name: expected text, got 1.1; put it in quotes",
    ],
    [
      "logging:\n  level: inof\n",
      "2: logging.level: expected one of debug, info, warn, error, silent, did you mean info?",
    ],
    ["provider: 80\n", "1: provider: expected a block of keys"],
    ["- provider\n", "1: expected a block of keys"],
    ["provider:\n  port: 1\n  port: 2\n", "3: port: this key stands twice"],
    ["provider:\n\tport: 1\n", "2: a tab is used for indentation; use spaces"],
    ["provider: {port: 1\n", "2: the indentation does not fit, or a bracket is not closed"],
    ["a: 1\n---\nb: 1\n", "2: the file has more than one document (---)"],
    ["1: 1\n", "1: 1: unknown key"],
    ["provider:\n  port: !ours 1\n", "2: tags (!…) are not supported"],
    ["provider:\n  <<: {port: 1}\n", "2: provider.<<: unknown key"],
    ["model:\n  aliases: [a]\n", "2: model.aliases: expected a block of keys, got a list"],
    [
      "model:\n  aliases:\n    a: b\n    c: 1\n",
      "4: model.aliases.c: expected text, got 1; put it in quotes",
    ],
    [
      "security:\n  allowed_origins:\n    - https://a.example\n    - '*'\n",
      "4: security.allowed_origins[1]: expected an origin such as https://ide.example",
    ],
    [
      "security:\n  allowed_hosts: 'a.example'\n",
      "2: security.allowed_hosts: expected a list, got text",
    ],
    [
      "agents:\n  - rehersal\n",
      "2: agents[0]: expected `rehearsal`, `cursor`, `acp:<command line>`, `none` or `openai:<base address>[#model]` or a block of keys",
    ],
    [
      "agents:\n  - rehearsal\n  - connector: openai\n    base-url: http://127.0.0.1\n",
      "3: agents[1]: needs the key base_url",
    ],
    [
      "agents:\n  - connector: openai\n    base_url: http://127.0.0.1\n    mdel: x\n",
      "4: agents[0].mdel: unknown key, did you mean model?",
    ],
    [
      "agents:\n  - connector: foo\n",
      "2: agents[0].connector: expected one of openai, cursor, acp",
    ],
    [
      "agents:\n  - connector: cursr\n    model: x\n",
      "2: agents[0].connector: expected one of openai, cursor, acp, did you mean cursor?",
    ],
    [
      "agents:\n  - connector: rehearsal\n",
      "2: agents[0].connector: expected one of openai, cursor, acp; this one is written as a word, without a block",
    ],
    [
      "agents:\n  - model: x\n",
      "2: agents[0]: needs the key connector: one of openai, cursor, acp",
    ],
    [
      "sessions:\n  policies:\n    - match: {}\n      grant: {}\n",
      "3: sessions.policies[0].match: expected at least one of agent_id, connector, label",
    ],
    [
      "sessions:\n  policies:\n    - match: { agent_id: a }\n      grant:\n        scopes: [inference, admin]\n",
      "5: sessions.policies[0].grant.scopes[1]: expected one of inference, tools, agent:read, agent:write, agent:exec",
    ],
    [
      "mcp:\n  bridge_url: http://127.0.0.1\n",
      "2: mcp.bridge_url: expected an address such as ws://127.0.0.1:8787",
    ],
    ["store:\n  url: redis://127.0.0.1\n", "2: store.url: expected `sqlite:` or `sqlite:<path>`"],
  ])("%j", (yaml, expected) => {
    expect(complaintOf(yaml)).toBe(expected);
  });

  test("a key that is too short is not quoted", () => {
    const said = complaintOf("security:\n  api_key: dev-token\n");
    expect(said).toBe("2: security.api_key: expected text of at least 16 characters or null");
  });

  test("broken YAML around a key does not quote it", () => {
    expect(complaintOf('security:\n  api_key: "mlp_secret" x\n')).not.toContain("mlp_secret");
    expect(complaintOf('security:\n  api_key: "mlp_secret\\q"\n')).not.toContain("mlp_secret");
  });

  test("control characters of a key do not reach the terminal", () => {
    expect(complaintOf('"a\\e[31m": 1\n')).toBe('1: "a\\u001b[31m": unknown key');
  });

  test("aliases that multiply are refused", () => {
    const levels = Array.from({ length: 9 }, (_, i) =>
      i === 0 ? "a0: &a0 [x,x,x,x,x,x,x,x,x]" : `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`,
    );
    const yaml = `security:\n  allowed_hosts:\n    - { ${levels.join(", ")} }\n`;
    expect(complaintOf(yaml)).toStartWith("2: security.allowed_hosts: ");
  });

  test("a folder, a large file and bytes that are no text are refused", () => {
    expect(complaint({ path: folder })).toBe(`${folder}: not a file`);
    const large = write("#".repeat(1024 * 1024 + 1));
    expect(complaint({ path: large })).toBe(`${large}: larger than 1048576 bytes`);
    const bytes = write(new Uint8Array([0xff, 0xfe, 0x00]));
    expect(complaint({ path: bytes })).toBe(`${bytes}: not UTF-8 text`);
  });

  test("whatever the text is, it loads or is refused in one line", () => {
    const piece = fc.constantFrom(
      "provider",
      "port",
      ": ",
      "\n",
      "  ",
      "- ",
      "1",
      "{",
      "}",
      "[",
      "]",
      "&a",
      "*a",
      '"',
      "'",
      "#",
      "|",
      "?",
      "\t",
      "!!x",
      "null",
      "agents",
      "~",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
        const path = write(pieces.join(""));
        const said = complaint({ path });
        expect(said === "no complaint" || said.startsWith(`${path}:`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("what YAML leaves open", () => {
  test("an empty file, and a section with every line commented out, mean the defaults", () => {
    const expected = load().config;
    expect(load({ path: write("") }).config).toEqual(expected);
    expect(load({ path: write("provider:\n  # port: 1\nagents:\n") }).config).toEqual(expected);
  });

  test("a date and the word no stay text", () => {
    const path = write("model:\n  model_name: 2026-11-22\n  aliases: { a: no }\n");
    expect(load({ path }).config.model).toMatchObject({
      model_name: "2026-11-22",
      aliases: { a: "no" },
    });
  });

  test("anchors work", () => {
    const path = write("bridge: &here { host: ::1 }\nprovider: *here\n");
    expect(load({ path }).config.provider.host).toBe("::1");
  });
});

describe("the environment", () => {
  test("sets each kind of value", () => {
    const { config } = load({
      env: {
        MLP_PROVIDER_DEBUG: "true",
        MLP_LIMITS_BODY_BYTES: "2048",
        MLP_SECURITY_ALLOWED_HOSTS: "a.example, b.example,",
        MLP_SESSIONS_MAX_REQUESTS: "none",
        MLP_SESSIONS_MAX_TOKENS: "5",
        MLP_MODEL_ALIASES: "a=b,c=d=e",
        MLP_AGENTS: "rehearsal,openai:http://127.0.0.1:1/v1#m",
        MLP_LOGGING_LEVEL: "warn",
        MLP_SECURITY_API_KEY: "a key of enough length",
      },
    });
    expect(config.provider.debug).toBe(true);
    expect(config.limits.body_bytes).toBe(2048);
    expect(config.security.allowed_hosts).toEqual(["a.example", "b.example"]);
    expect(config.sessions.max_requests).toBeNull();
    expect(config.sessions.max_tokens).toBe(5);
    expect(config.model.aliases).toEqual({ a: "b", c: "d=e" });
    expect(config.agents).toEqual(["rehearsal", "openai:http://127.0.0.1:1/v1#m"]);
    expect(config.logging.level).toBe("warn");
    expect(config.security.api_key).toBe("a key of enough length");
  });

  test.each([
    ["MLP_PROVIDER_PORT", "80x", "expected a whole number from 0 to 65535, got text"],
    ["MLP_PROVIDER_PORT", "70000", "expected a whole number from 0 to 65535, got 70000"],
    ["MLP_PROVIDER_PORT", "0x50", "expected a whole number from 0 to 65535, got text"],
    ["MLP_PROVIDER_DEBUG", "yes", "expected true or false, got text"],
    [
      "MLP_LOGGING_LEVEL",
      "inof",
      "expected one of debug, info, warn, error, silent, did you mean info?",
    ],
    ["MLP_PROVIDER_PROT", "1", "unknown variable, did you mean MLP_PROVIDER_PORT?"],
    ["MLP_PROVIDER_WIDGETS", "1", "unknown variable"],
    ["MLP_PROVDER_PORT", "1", "unknown variable, did you mean MLP_PROVIDER_PORT?"],
    ["MLP_API_KEYS", "1", "unknown variable, did you mean MLP_API_KEY?"],
    ["MLP_SESSIONS_POLICIES", "x", "can be set in the file only"],
    ["MLP_MODEL_ALIASES", "nonsense", "expected a block of keys, got text"],
    ["MLP_MODEL_ALIASES", "a=b,d=e,a=c", "a stands twice"],
    [
      "MLP_AGENTS",
      "curser",
      "expected `rehearsal`, `cursor`, `acp:<command line>`, `none` or `openai:<base address>[#model]` or a block of keys",
    ],
  ])("refuses %s=%s", (name, value, expected) => {
    expect(complaint({ env: { [name]: value } })).toBe(`${name}: ${expected}`);
  });

  test("leaves the folder, the secrets, empty variables and other people's variables alone", () => {
    const env = Object.fromEntries(OTHER_VARIABLES.map((name) => [name, "/value"]));
    const foreign = { HOST: "0.0.0.0", PORT: "1", MLP_PROVIDER_PORT: "", MLP_ZEBRA_CROSSING: "1" };
    expect(load({ env: { ...env, ...foreign } }).config).toEqual(load().config);
  });

  test("no variable of a setting is one that means something else", () => {
    for (const { variable } of SETTINGS) expect(OTHER_VARIABLES).not.toContain(variable);
  });
});

describe("flags", () => {
  test("are checked like every other source", () => {
    const flags = { "provider.port": { flag: "--port", value: 70_000 } };
    expect(complaint({ flags })).toBe("--port: expected a whole number from 0 to 65535, got 70000");
  });
});

describe("a file that holds a key", () => {
  test("is quoted in the command that closes it, where a shell would not read it as one word", () => {
    const path = join(folder, "my config.yaml");
    writeFileSync(path, "security:\n  api_key: a key of enough length\n", { mode: 0o644 });
    expect(load({ path }).warnings[0]).toEndWith(`run: chmod 600 '${path}'`);
  });

  test("is warned about when others can read it", () => {
    const path = write("security:\n  api_key: a key of enough length\n");
    expect(load({ path }).warnings).toEqual([]);
    chmodSync(path, 0o644);
    expect(load({ path }).warnings).toEqual([
      `${path} holds a key and can be read by other users; run: chmod 600 ${path}`,
    ]);
    const harmless = write("provider:\n  port: 1\n");
    chmodSync(harmless, 0o644);
    expect(load({ path: harmless }).warnings).toEqual([]);
  });
});

describe("agent specs", () => {
  test("say which connector, where and which model", () => {
    expect(parseAgentSpec("rehearsal")).toEqual({ connector: "rehearsal" });
    expect(parseAgentSpec("none")).toEqual({ connector: "none" });
    expect(parseAgentSpec("openai:http://127.0.0.1:1/v1")).toEqual({
      connector: "openai",
      upstreams: [{ baseUrl: "http://127.0.0.1:1/v1" }],
    });
    expect(parseAgentSpec("openai:https://a.example/v1#vendor/model:1#x")).toEqual({
      connector: "openai",
      upstreams: [{ baseUrl: "https://a.example/v1", model: "vendor/model:1#x" }],
    });
  });

  test.each([
    "",
    "Rehearsal",
    "openai:",
    "openai:ftp://x",
    "openai:http://a b",
    "curser",
    "acp:",
    "acp: ",
    "acp:'gemini",
    "mcp",
  ])("%j is refused", (spec) => {
    expect(() => parseAgentSpec(spec)).toThrow(AppError);
  });

  test("name a command that speaks ACP, as a line or as a list", () => {
    const command = ["my agent", "--acp"];
    expect(parseAgentSpec("acp:'my agent' --acp")).toEqual({ connector: "acp", command });
    const path = write(
      "agents:\n  - acp:a b\n  - connector: acp\n    command: a b\n    workspace: /srv/code\n  - connector: acp\n    command: [my agent, --acp]\n",
    );
    expect(load({ path }).config.agents.map(agentSpecOf)).toEqual([
      { connector: "acp", command: ["a", "b"] },
      { connector: "acp", command: ["a", "b"], workspace: "/srv/code" },
      { connector: "acp", command },
    ]);
  });

  test("have an object form in the file", () => {
    const path = write(
      "agents:\n  - connector: openai\n    base_url: http://127.0.0.1:1/v1\n    api_key: k\n    label: L\n",
    );
    expect(load({ path }).config.agents.map(agentSpecOf)).toEqual([
      {
        connector: "openai",
        upstreams: [{ baseUrl: "http://127.0.0.1:1/v1", apiKey: "k" }],
        label: "L",
      },
    ]);
  });
});
