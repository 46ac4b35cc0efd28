// The papers are true: links lead somewhere, paths exist, commands are understood, settings and variables are ours.
// Nothing here starts a server of ours; commands are run against a stub that only shows that they were understood.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Value } from "@sinclair/typebox/value";

import manifest from "../package.json" with { type: "json" };
import { EDITORS } from "../src/cli/editors/list.ts";
import { parseAgentSpec } from "../src/config/agent-spec.ts";
import { loadConfig } from "../src/config/load.ts";
import { parseConfig } from "../src/config/parse-yaml.ts";
import { findPaths } from "../src/config/paths.ts";
import { OTHER_VARIABLES } from "../src/config/read-environment.ts";
import { SECTIONS, SETTINGS } from "../src/config/settings.ts";
import { AppError, ERRORS } from "../src/core/error.ts";
import { ChatCompletionRequest } from "../src/dialects/openai/schema.ts";
import { createHome, createStub, mlp } from "./cli/support.ts";
import type { FakeHome, StubServer } from "./cli/support.ts";

const ROOT = join(import.meta.dir, "..");

const inFolder = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));

const GUIDES = inFolder("docs");
const EDITOR_PAGES = inFolder("docs/editors");
const PAPERS = [...inFolder("."), ...GUIDES, ...EDITOR_PAGES];
PAPERS.push(...inFolder("docs/adr"), ...inFolder("bench"));
PAPERS.push("src/bridge/design.md");

interface Paper {
  readonly name: string;
  readonly text: string;
  readonly fences: readonly { readonly kind: string; readonly body: string }[];
  /** Without the fences. */
  readonly prose: string;
  /** What stands in backticks in the prose. */
  readonly codes: readonly string[];
}

function readPaper(name: string): Paper {
  const text = readFileSync(join(ROOT, name), "utf8");
  const fence = /^ *```(\w*)\n(.*?)^ *```$/gms;
  const fences = Array.from(text.matchAll(fence), ([, kind = "", body = ""]) => ({ kind, body }));
  const prose = text.replaceAll(fence, "");
  const codes = Array.from(prose.matchAll(/`([^`\n]+)`/g), ([, code = ""]) => code);
  return { name, text, fences, prose, codes };
}

const papers = PAPERS.map(readPaper);
const paper = (name: string): Paper => papers.find((each) => each.name === name)!;
const each = papers.map((one) => [one.name, one] as const);

/** One row of a table: its cells, trimmed. */
function rowsOf(text: string): readonly (readonly string[])[] {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands below a heading, up to the next one of its level. */
function sectionOf(text: string, heading: string): string {
  const [, below] = text.split(`\n## ${heading}\n`);
  if (below === undefined) throw new Error(`no heading "${heading}"`);
  return below.split("\n## ")[0]!;
}

/** The words of a line for the shell: quotes are taken off, a comment ends it. */
function wordsOf(line: string): readonly string[] {
  const words = line.replace(/\s#\s.*$/, "").match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/["']/g, ""));
}

describe.each(each)("%s", (name, { prose, codes, text }) => {
  const links = Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, link = ""]) => link);
  const local = links.filter((link) => !/^https?:/.test(link));

  test("its links lead to files and headings that exist", () => {
    const broken = local.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? name : normalize(join(dirname(name), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("its paths exist", () => {
    const places = codes.flatMap((code) => {
      if (/^(?:src|tests|docs|scripts|bench|\.ci)\/[\w./-]*$/.test(code)) return [code];
      return /^[a-z]+\/[\w-]+\.ts$/.test(code) && name.startsWith("docs/adr")
        ? [`src/${code}`]
        : [];
    });
    expect(places.filter((place) => !existsSync(join(ROOT, place)))).toEqual([]);
  });

  test("its settings and variables are ours", () => {
    const settings = codes.filter((code) => {
      const [, section = "", key = ""] = /^(\w+)\.(\w+)$/.exec(code) ?? [];
      return SECTIONS.includes(section) && !["ts", "md"].includes(key);
    });
    const paths = new Set(SETTINGS.map((setting) => setting.path));
    expect(settings.filter((setting) => !paths.has(setting))).toEqual([]);
    const variables = new Set([...OTHER_VARIABLES, ...SETTINGS.map(({ variable }) => variable)]);
    const named = text.match(/\bMLP_[A-Z_]*[A-Z]/g) ?? [];
    expect(named.filter((variable) => !variables.has(variable))).toEqual([]);
  });

  test("its scripts are in package.json", () => {
    const scripts = Array.from(text.matchAll(/\bbun(?:@\S+)? run ([a-z]+)/g), ([, one]) => one!);
    expect(scripts.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
  });
});

function anchorsOf(name: string): readonly string[] {
  const headings = readPaper(name).prose.matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe("commands in the papers", () => {
  let home: FakeHome;
  let stub: StubServer;
  beforeAll(() => {
    home = createHome();
    stub = createStub({});
    home.secret("api-key", "a-client-key-of-the-papers");
    home.secret("control-token", "a-control-token-of-the-papers");
    const { url } = stub;
    home.runFile({ kind: "up", api: url, control: url, bridge: url });
  });
  afterAll(async () => {
    await stub.stop();
    home.remove();
  });

  /** Runs it up to where it would start a server or has asked one: then all its words were understood. */
  async function isUnderstood(words: readonly string[]): Promise<boolean> {
    const argv = [...words];
    const valueOf = (flag: string) => argv[argv.indexOf(flag) + 1] ?? "";
    // Nothing talks beyond this machine.
    if (argv.includes("--url")) argv[argv.indexOf("--url") + 1] = stub.url;
    const env = argv.includes("--api-key-env") ? { [valueOf("--api-key-env")]: "a key" } : {};
    let started = 0;
    const start = () => {
      started += 1;
      return Promise.reject(new AppError("internal", "This is as far as the test goes."));
    };
    const app = {
      startUp: start,
      startServe: start,
      startBridge: start,
      startAgent: start,
      startMcp: start,
    };
    // These touch files and need no server: what they would do is shown.
    if (argv[0] === "connect") {
      return (await mlp([...new Set([...argv, "--print"])], { home })).code === 0;
    }
    if (argv[0] === "disconnect") {
      return (await mlp(argv, { home })).stderr.endsWith(" is not connected\n");
    }
    const before = stub.seen.length;
    const { code } = await mlp(argv, { home, env, app });
    return code === 1 && started + stub.seen.length - before > 0;
  }

  async function helpOf(...words: readonly string[]): Promise<string> {
    const { code, stdout } = await mlp([...words, "--help"], { home });
    return code === 0 ? stdout : "";
  }

  /** Whether there is such a command, with such flags; its arguments may be missing. */
  async function isNamedRightly([first = "", second = "", ...rest]: readonly string[]) {
    const isGroup = ["sessions", "keys"].includes(first) && /^[a-z]/.test(second);
    const help = await helpOf(...(isGroup ? [first, second] : [first]));
    const flags = [second, ...rest].filter((word) => word.startsWith("--"));
    return help !== "" && flags.every((flag) => help.includes(flag));
  }

  const lines = papers.flatMap(({ name, fences }) =>
    fences
      .filter(({ kind }) => kind === "sh")
      .flatMap(({ body }) => body.split("\n"))
      .filter((line) => line.trim() !== "")
      .map((line) => [name, line.trim()] as const),
  );

  test.each(lines)("%s: %s", async (_, line) => {
    const words = wordsOf(line).filter((word) => !/^[A-Z_]+=/.test(word));
    const [program = "", ...rest] = words;
    if (program === "mlp") return expect(await isUnderstood(rest)).toBe(true);
    if (program === "bun" && rest[0] !== "run") {
      const places = rest.filter((word) => /^[a-z]+\/[\w./-]+$/.test(word));
      expect(places).not.toBeEmpty();
      return expect(places.filter((place) => !existsSync(join(ROOT, place)))).toEqual([]);
    }
    return expect(line).toMatch(/^(?:bun run|npx -y bun@\S+ run|curl) /);
  });

  const named = papers.flatMap(({ name, codes }) =>
    codes
      .filter((code) => /^(?:mlp|bun src\/main\.ts) /.test(code))
      .map((code) => [name, code] as const),
  );

  test.each(named)("%s: `%s`", async (_, code) => {
    const words = wordsOf(code.replace("bun src/main.ts", "mlp")).slice(1);
    expect(await isNamedRightly(words)).toBe(true);
  });

  test("flags that stand alone are flags of some command", async () => {
    const helps = [await helpOf(), await helpOf("sessions"), await helpOf("keys")].join("\n");
    const flags = [paper("README.md"), paper("SECURITY.md"), ...GUIDES.map(paper)].flatMap(
      ({ codes }) => codes.filter((code) => code.startsWith("--")).map((code) => wordsOf(code)[0]!),
    );
    expect(flags).not.toBeEmpty();
    expect(flags.filter((flag) => !helps.includes(flag))).toEqual([]);
  });

  test("what is no command of ours would be noticed", async () => {
    expect(await isUnderstood(["up", "--prot", "1"])).toBe(false);
    expect(await isUnderstood(["agent", "curser"])).toBe(false);
    expect(await isUnderstood(["sessions", "aprove", "x"])).toBe(false);
    expect(await isUnderstood(["keys", "create", "--ttl", "soon"])).toBe(false);
    expect(await isNamedRightly(["serve", "--agent"])).toBe(false);
    expect(await isNamedRightly(["dashboard"])).toBe(false);
    expect(await isUnderstood(["connect", "voyd"])).toBe(false);
  });

  test("the CHANGELOG has every command", async () => {
    const usage = (await helpOf()).matchAll(/^ {2}mlp ([a-z]+)/gm);
    const commands = new Set(Array.from(usage, ([, command]) => command!));
    expect(commands.size).toBeGreaterThan(5);
    const { codes } = paper("CHANGELOG.md");
    expect([...commands].filter((command) => !codes.includes(command))).toEqual([]);
  });
});

describe("README.md", () => {
  const readme = paper("README.md");

  test("has the two commands, with the Bun of package.json", () => {
    const bun = manifest.packageManager;
    const blocks = readme.fences.map(({ body }) => body);
    expect(blocks).toContain(`npx -y ${bun} run start\nnpx -y ${bun} run verify\n`);
    expect(readme.codes).toEqual(expect.arrayContaining(["bun run start", "bun run verify"]));
  });

  test("has a curl for the default address, the key's place, and a body that is valid", () => {
    const line = readme.fences.map(({ body }) => body).find((body) => body.startsWith("curl "))!;
    const { provider } = loadConfig({ env: {}, paths: { configFile: "/nowhere" } }).config;
    expect(line).toStartWith(`curl http://${provider.host}:${provider.port}/v1/chat/completions `);
    const { secrets } = findPaths({ env: {}, platform: "linux", home: "~" });
    expect(line).toContain(`-H "authorization: Bearer $(cat ${secrets}/api-key)"`);
    const body: unknown = JSON.parse(/-d '([^']*)'/.exec(line)?.[1] ?? "");
    expect(Value.Check(ChatCompletionRequest, body)).toBe(true);
  });

  test("leads to every guide", () => {
    expect(GUIDES).toContain("docs/rehearsal.md");
    const reached = ["README.md", "CONTRIBUTING.md"].map((name) => paper(name).prose).join("\n");
    expect(GUIDES.filter((guide) => !reached.includes(`](${guide})`))).toEqual([]);
    expect(readme.prose).toContain("](docs/rehearsal.md)");
  });

  test("says of nothing that it is missing when it is there", () => {
    const missing = sectionOf(readme.text, "What is not there yet").toLowerCase();
    const connectors = ["cursor", "acp", "mcp"];
    const named = connectors.filter((connector) => missing.includes(`${connector} connector`));
    const unsupported = connectors.filter((connector) => {
      try {
        parseAgentSpec(connector);
      } catch (error) {
        return String(error).includes("not supported yet");
      }
      return false;
    });
    expect(named).toEqual(unsupported);
  });
});

describe("ARCHITECTURE.md", () => {
  const { text, fences } = paper("ARCHITECTURE.md");
  const folders = readdirSync(join(ROOT, "src"));

  test("its tree is the tree", () => {
    const shown = fences[0]!.body.split("\n").flatMap((line) => line.match(/^\S+/) ?? []);
    expect(shown.filter((place) => !existsSync(join(ROOT, place)))).toEqual([]);
    const named = new Set(shown.map((place) => place.replace(/\/$/, "")));
    expect(folders.filter((name) => !named.has(`src/${name}`))).toEqual([]);
  });

  test("its import law is what lint enforces", () => {
    const law = importLaw(sectionOf(text, "The import law"));
    expect([...law.keys()].toSorted()).toEqual(folders.toSorted());
    for (const [folder, forbidden] of forbiddenByLint()) {
      const allowed = folders.filter((name) => name !== folder && !forbidden.includes(name));
      expect([folder, [...law.get(folder)!].toSorted()]).toEqual([folder, allowed.toSorted()]);
    }
  });
});

/** Folder → the folders that its row lets it import. */
function importLaw(section: string): ReadonlyMap<string, readonly string[]> {
  const law = new Map<string, readonly string[]>();
  for (const [names = "", may = ""] of rowsOf(section).slice(2)) {
    const above = may.startsWith("all of the above") ? [...law.keys()] : [];
    const said = Array.from(may.matchAll(/`([^`]+)`/g), ([, name = ""]) => name);
    const allowed = may.includes(" but ") ? above.filter((name) => !said.includes(name)) : above;
    const all = above.length > 0 ? allowed : said;
    for (const [, folder = ""] of names.matchAll(/`([^`]+)`/g)) law.set(folder, all);
  }
  return law;
}

/** Folder → what the patterns of its override in the lint's configuration forbid. */
function forbiddenByLint(): ReadonlyMap<string, readonly string[]> {
  const lint = readFileSync(join(ROOT, ".oxlintrc.json"), "utf8");
  const { overrides } = JSON.parse(lint) as {
    overrides: {
      files: string[];
      rules: { "no-restricted-imports"?: [string, { patterns: { group: string[] }[] }] };
    }[];
  };
  return new Map(
    overrides.flatMap(({ files, rules }) => {
      const rule = rules["no-restricted-imports"];
      const folder = /^src\/(\w+)\//.exec(files[0] ?? "")?.[1];
      if (rule === undefined || folder === undefined) return [];
      const groups = rule[1].patterns.flatMap(({ group }) => group);
      const names = groups.map((pattern) => pattern.replace(/^\*\*\/(.*?)(?:\/\*\*)?$/, "$1"));
      return [[folder, names] as const];
    }),
  );
}

describe("the guides", () => {
  const settings = ["docs/sessions.md", "docs/configuration.md"].map(paper);

  test("their pieces of configuration are valid", () => {
    const pieces = settings.flatMap(({ fences }) => fences.filter(({ kind }) => kind === "yaml"));
    expect(pieces).not.toBeEmpty();
    for (const { body } of pieces) expect(parseConfig(body, "a guide")).not.toBeEmpty();
  });

  test("their refusals have the status and the code of the table of errors", () => {
    const shown = settings.flatMap(({ text }) => [...text.matchAll(/^\| (\d{3}) `(\w+)`/gm)]);
    expect(shown.length).toBeGreaterThan(5);
    const statuses = new Map(Object.entries(ERRORS).map(([code, kind]) => [code, kind.status]));
    for (const [, status, code] of shown) {
      expect([code, statuses.get(code!)]).toEqual([code, Number(status)]);
    }
  });

  test("every editor has a page, and the list of editors leads to every page", () => {
    const { prose } = paper("docs/editors/README.md");
    const pages = EDITOR_PAGES.map((page) => page.replace("docs/editors/", ""));
    const others = pages.filter((page) => page !== "README.md");
    expect(others.filter((page) => !prose.includes(`](${page})`))).toEqual([]);
    const sdks = new Set(["openai", "anthropic", "ollama"]);
    const missing = EDITORS.filter(({ name }) => !sdks.has(name) && !pages.includes(`${name}.md`));
    expect(missing.map(({ name }) => name)).toEqual([]);
    expect(EDITORS.filter(({ name }) => !prose.includes(`\`${name}\``))).toEqual([]);
  });

  test("the decisions are all in their list", () => {
    const { prose } = paper("docs/adr/README.md");
    const pages = readdirSync(join(ROOT, "docs/adr")).filter((name) => /^\d/.test(name));
    expect(pages.filter((page) => !prose.includes(`](${page})`))).toEqual([]);
  });
});
