// What a server says of a configuration that it reads again; docs/configuration.md has the same list of settings.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Running } from "../../src/app/types.ts";
import { RELOADED } from "../../src/cli/reload.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

let home: FakeHome;
beforeAll(() => {
  home = createHome();
});
afterAll(() => home.remove());

const RUNNING: Running = {
  ready: { event: "ready", api: null, bridge: null, dashboard: null, agent: null, version: "1" },
  notes: {
    chosenAgent: { spec: "rehearsal", why: "" },
    foundUnsupported: [],
    apiKey: "mlp_the_key",
    apiKeyFile: null,
  },
  failed: new Promise(() => undefined),
  reload: () => undefined,
  close: () => Promise.resolve(),
  abort: () => Promise.resolve(),
};

/** The log of a server that was started with one configuration and told to read another. */
async function logOf(before: string, after: string | null): Promise<string> {
  const file = join(home.path, "config.yaml");
  writeFileSync(file, before, { mode: 0o600 });
  let reload: () => void = () => undefined;
  const { stderr } = await mlp(["up"], {
    home,
    app: { startUp: () => Promise.resolve(RUNNING) },
    onReload: (listener) => {
      reload = listener;
    },
    onOutput: (_, signal) => {
      if (after === null) rmSync(file);
      else writeFileSync(file, after);
      reload();
      signal();
    },
  });
  return stderr;
}

describe("a configuration that is read again", () => {
  test("names the settings that only a new start takes over, and no others", async () => {
    const log = await logOf(
      "provider:\n  port: 0\n",
      "provider:\n  port: 1\n  debug: true\nmodel:\n  aliases:\n    a: b\n",
    );
    expect(log).toContain('"settings":["provider.port","model.aliases"]');
    expect(log).toContain("these settings hold from the next start on");
  });

  test("is taken over without a word more where that is all", async () => {
    const log = await logOf("{}\n", "rate_limiting:\n  requests_per_minute: 5\n");
    expect(log).toContain("the configuration was read again");
    expect(log).not.toContain("next start");
  });

  test("is said to be gone where its file is, since the defaults hold from then on", async () => {
    const gone = "the configuration file is gone; the defaults hold in its place";
    expect(await logOf("rate_limiting:\n  requests_per_minute: 5\n", null)).toContain(gone);
    expect(await logOf("{}\n", "{}\n")).not.toContain(gone);
  });

  test("takes over what its table in the papers says", async () => {
    const page = await Bun.file(
      new URL("../../docs/configuration.md", import.meta.url).pathname,
    ).text();
    const [, section = ""] = /^## Reload\n(.*?)^## /ms.exec(page) ?? [];
    const [, table = ""] = /^\| read again.*?\n(.*?)\n\n/ms.exec(section) ?? [];
    const named = Array.from(table.matchAll(/`([\w.]+)`/g), ([, name = ""]) => name);
    const listed = SETTINGS.map(({ path }) => path).filter((path) =>
      named.some((name) => path === name || path.startsWith(`${name}.`)),
    );
    expect(listed.toSorted()).toEqual([...RELOADED].toSorted());
  });
});
