// Which bridges a configuration means, and what is said against it.

import { describe, expect, test } from "bun:test";
import { checkBridges, listBridges } from "../../src/app/bridge-list.ts";
import { parseConfig } from "../../src/config/parse-yaml.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { Secrets } from "../../src/security/secrets.ts";

const TOKEN = "a-token-of-a-bridge-0";
const OTHER = "a-token-of-a-bridge-1";

/** `file`: whether the bridge token is the installation's own, from its file. */
function secrets(file: string | undefined = "/secrets/bridge-token"): Secrets {
  const secret = (value: string) => ({ value, file });
  return {
    apiKey: secret("the-client-key-here"),
    controlToken: secret("the-control-token-here"),
    bridgeToken: secret("the-bridge-token-here"),
    agentToken: secret("the-agent-token-here"),
  };
}

function configOf(yaml: string): Config {
  const defaults = loadConfig({ env: {}, paths: { configFile: "/nowhere/config.yaml" } }).config;
  const mcp = { ...defaults.mcp };
  for (const { setting, value } of parseConfig(`mcp:\n${yaml}`, "config.yaml")) {
    Object.assign(mcp, { [setting.path.slice("mcp.".length)]: value });
  }
  return { ...defaults, mcp };
}

const bridges = (...entries: readonly string[]): string =>
  `  bridges:\n${entries.map((entry) => `    - {${entry}}\n`).join("")}`;
const nested = (name: string, more = "") =>
  `name: ${name}, url: "ws://127.0.0.1:1", dialect: nested${more}`;
const flat = (name: string, more = "") =>
  `name: ${name}, url: "ws://127.0.0.1:2", dialect: flat${more}`;

const list = (yaml: string, given = secrets()) => listBridges(configOf(yaml), given);

describe("the bridges to dial", () => {
  test("are our own hub, unless something else is said", () => {
    expect(list("  agent_id: null\n")).toEqual([
      {
        name: "main",
        url: "ws://127.0.0.1:8787",
        dialect: "mlp",
        isDefault: true,
        token: "the-bridge-token-here",
      },
    ]);
  });

  test("are a foreign one at bridge_url, with its own token", () => {
    const yaml = `  dialect: flat\n  agent_id: box\n  bridge_token: ${TOKEN}\n`;
    expect(list(yaml)).toMatchObject([
      { name: "main", dialect: "flat", token: TOKEN, entry: { agent_id: "box" } },
    ]);
  });

  test("never hear the installation's own token by accident, but by its variable", () => {
    expect(() => list("  dialect: nested\n")).toThrow("mcp.bridge_token");
    expect(list("  dialect: flat\n")).toMatchObject([{ token: undefined }]);
    const [first] = listBridges(configOf("  dialect: nested\n"), {
      ...secrets(),
      bridgeToken: { value: TOKEN, file: undefined },
    });
    expect(first).toMatchObject({ token: TOKEN });
  });

  test("are those of the list, the first being the default unless one says so", () => {
    const plain = list(bridges(nested("a", `, token: ${TOKEN}`), flat("b")));
    expect(plain.map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    const said = list(bridges(flat("a"), flat("b", ", default: true")));
    expect(said.map(({ isDefault }) => isDefault)).toEqual([false, true]);
  });

  test("are both, the one at bridge_url first, where that is foreign too", () => {
    const yaml = `  dialect: flat\n${bridges(flat("b"))}`;
    expect(list(yaml).map(({ name }) => name)).toEqual(["main", "b"]);
  });

  test("may be hubs of ours beside foreign ones", () => {
    const own = 'name: hub, url: "ws://127.0.0.1:3", dialect: mlp';
    expect(list(bridges(flat("b"), own))).toMatchObject([
      { name: "b" },
      { name: "hub", dialect: "mlp", token: "the-bridge-token-here" },
    ]);
  });
});

describe("what is said against a list", () => {
  const own = "the-control-token-here";
  test.each<[string, string, string]>([
    ["a name twice", bridges(flat("a"), flat("a")), 'two bridges are called "a"'],
    ["a reserved name", bridges(flat("control")), "is no name for a bridge"],
    ["two defaults", bridges(flat("a", ", default: true"), flat("b", ", default: true")), "only"],
    ["a nested one without a token", bridges(nested("a")), 'token of "a"'],
    [
      "one token for two",
      bridges(nested("a", `, token: ${TOKEN}`), nested("b", `, token: ${TOKEN}`)),
      'that of the bridge "a"',
    ],
  ])("%s", (_, yaml, message) => {
    expect(() => list(yaml)).toThrow(message);
    expect(() => checkBridges(configOf(yaml))).toThrow(message);
  });

  test("a token that opens something else here", () => {
    expect(() => list(bridges(nested("a", `, token: ${own}`)))).toThrow("MLP_CONTROL_TOKEN");
  });

  test("the guides' literal token, a secret in an address, and a list that is empty", () => {
    for (const yaml of [
      "  bridge_token: dev-token\n",
      bridges(nested("a", ", token: dev-token")),
      bridges('name: a, url: "ws://127.0.0.1/?token=x", dialect: flat'),
      bridges(flat("a", ", models: []")),
      bridges(flat("Not A Name")),
    ]) {
      expect(() => configOf(yaml)).toThrow("config.yaml:");
    }
  });

  test("nothing, of two nested bridges with a token each", () => {
    const yaml = bridges(nested("a", `, token: ${TOKEN}`), nested("b", `, token: ${OTHER}`));
    expect(() => checkBridges(configOf(yaml))).not.toThrow();
    expect(list(yaml)).toHaveLength(2);
  });
});
