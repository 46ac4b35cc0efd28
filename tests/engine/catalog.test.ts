import { describe, expect, test } from "bun:test";
import { createCatalog } from "../../src/engine/catalog.ts";
import { aSession } from "../support/fake-directory.ts";
import { inVoid } from "./void-rules.ts";

const catalog = createCatalog({ modelName: "cursor-agent", aliases: {} });
const first = aSession();
const second = aSession({
  sessionId: "s2",
  agentId: "a2",
  createdAt: 2_000,
  models: [{ id: "sonnet-4.5", capabilities: ["completion"], contextLength: 64_000 }],
});
const sessions = [first, second];
const namesOf = (from = catalog, of = sessions) => from.list(of).map(({ model }) => model.id);
const meant = (name: string, from = catalog) => from.find(name, sessions)?.model;

const SHIPPED = ["cursor-agent-as-gpt-4.1", "cursor-agent-as-claude"];

describe("the names of the default agent", () => {
  test.each([
    "cursor-agent",
    "cursor-agent:latest",
    "cursor-agent-local",
    "cursor-agent-local:latest",
    "Cursor-Agent",
    "CURSOR-AGENT-LOCAL:LATEST",
    ...SHIPPED,
    ...SHIPPED.map((name) => `${name}:latest`),
    ...SHIPPED.map((name) => name.toUpperCase()),
  ])("%p means its first model", (name) => {
    expect(catalog.resolve(name).model).toBeUndefined();
    expect(meant(name)?.capabilities).toEqual(first.models[0]!.capabilities);
    expect(meant(name)?.id).toBe(name);
  });

  test("are listed once each, before the models of agents and in the same order always", () => {
    expect(namesOf()).toEqual(["cursor-agent", ...SHIPPED, "m1", "sonnet-4.5"]);
    const away = sessions.map((session) => ({ ...session, connected: false }));
    expect(namesOf(catalog, away)).toEqual(namesOf());
  });

  test("are not listed while there is no agent that they could mean", () => {
    expect(namesOf(catalog, [])).toEqual([]);
  });
});

test("a model whose agent does not say how much it takes is shown with the configured figure", () => {
  const told = createCatalog({ modelName: undefined, aliases: {}, contextLength: 32_000 });
  const silent = aSession({ models: [{ id: "silent", capabilities: ["completion"] }] });
  const shown = told.list([silent, second]).map(({ model }) => [model.id, model.contextLength]);
  expect(shown).toContainEqual(["silent", 32_000]);
  expect(shown).toContainEqual(["sonnet-4.5", 64_000]);
  expect(told.find("silent", [silent])?.model.contextLength).toBe(32_000);
});

describe("an alias", () => {
  const own = createCatalog({
    modelName: "cursor-agent",
    aliases: {
      "sonnet-as-gpt-4.1": "sonnet-4.5",
      house: "cursor-agent",
      second: "Cursor-Agent-As-Claude:latest",
      nobody: "no-such-model",
    },
  });

  test("is one more name, of a model or of the default agent", () => {
    expect(own.resolve("Sonnet-as-GPT-4.1:latest").model).toBe("sonnet-4.5");
    expect(meant("sonnet-as-gpt-4.1", own)?.contextLength).toBe(64_000);
    for (const name of ["house", "second"]) expect(own.resolve(name).model).toBeUndefined();
  });

  test("is listed behind the others, if there is what it means", () => {
    const rest = ["m1", "sonnet-4.5", "sonnet-as-gpt-4.1", "house", "second"];
    expect(namesOf(own)).toEqual(["cursor-agent", ...SHIPPED, ...rest]);
  });

  test("goes before a shipped name, which keeps its place", () => {
    const other = createCatalog({
      modelName: "cursor-agent",
      aliases: { "Cursor-Agent-as-Claude": "sonnet-4.5" },
    });
    expect(meant("cursor-agent-as-claude", other)?.contextLength).toBe(64_000);
    expect(other.resolve("cursor-agent-as-gpt-4.1").model).toBeUndefined();
    expect(namesOf(other)).toEqual(["cursor-agent", ...SHIPPED, "m1", "sonnet-4.5"]);
  });

  test("goes before the names of the guides and of agents too, in the list as for a request", () => {
    const other = createCatalog({
      modelName: "cursor-agent",
      aliases: { "cursor-agent": "sonnet-4.5", m1: "sonnet-4.5" },
    });
    for (const name of ["cursor-agent", "m1"]) {
      expect(other.resolve(name).model).toBe("sonnet-4.5");
      const listed = other.list(sessions).find(({ model }) => model.id === name);
      expect(listed?.model.contextLength).toBe(64_000);
    }
    expect(other.resolve("cursor-agent-as-claude").model).toBeUndefined();
  });

  test("that means a model which nobody offers takes a shipped name out of the list", () => {
    const other = createCatalog({
      modelName: "cursor-agent",
      aliases: { "cursor-agent-as-claude": "no-such-model" },
    });
    expect(namesOf(other)).not.toContain("cursor-agent-as-claude");
  });
});

describe("in Void", () => {
  test("one name has its native tools and all the context that there is", () => {
    expect(inVoid("cursor-agent-as-gpt-4.1")).toEqual({
      context: 1_047_576,
      system: "developer",
      tools: "native",
      autocomplete: false,
    });
  });

  test("one leaves the work to the agent, and cuts nothing off", () => {
    expect(inVoid("cursor-agent-as-claude")).toEqual({
      context: 200_000,
      system: "system",
      tools: "none",
      autocomplete: false,
    });
  });

  test("the plain name is what they are there for: it gets next to nothing", () => {
    expect(inVoid("cursor-agent")).toMatchObject({ context: 4_096, tools: "XML" });
  });

  test("no shipped name drops the system prompt, offers autocomplete, or reads otherwise with a tag", () => {
    for (const name of SHIPPED) {
      expect(inVoid(`${name}:latest`)).toEqual(inVoid(name));
      expect(inVoid(name.toUpperCase())).toEqual(inVoid(name));
      expect(inVoid(name).system).toBeOneOf(["system", "developer"]);
      expect(inVoid(name).autocomplete).toBe(false);
    }
  });
});

test("no shipped name has a part that turns something off in Zed or Continue", () => {
  for (const name of [...SHIPPED, "cursor-agent", "cursor-agent-local"]) {
    expect(name).not.toMatch(/-embed|vision|math|guard/);
  }
});
