// docs/metrics.md against what the server exposes: every metric, its type, labels and meaning. After a change of the
// list, `UPDATE_DOCS=1 bun test tests/observe/metrics-doc.test.ts` writes the table.

import { describe, expect, test } from "bun:test";

import { METRICS, PROCESS_METRICS } from "../../src/observe/metric-list.ts";
import type { MetricSpec } from "../../src/observe/tally.ts";
import { aRequest, aTurn, createBench } from "./metrics-support.ts";

const FILE = new URL("../../docs/metrics.md", import.meta.url).pathname;
const TABLE = /^\| metric +\|.*\n(?:\|.*\n)+/m;
const SPECS: readonly MetricSpec[] = Object.values(METRICS);

type Row = readonly string[];

function rowOf({ name, type, unit, labels, help }: MetricSpec): Row {
  const shown = labels.map((label) => `\`${label}\``).join(", ");
  return [`\`${name}\``, type, unit, shown, help];
}

function rowsOf(table: string): readonly Row[] {
  const lines = table.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("\\", "")),
  );
}

async function documented(): Promise<readonly Row[]> {
  const text = await Bun.file(FILE).text();
  if (Bun.env["UPDATE_DOCS"] === "1") {
    const head = [
      ["metric", "type", "unit", "labels", "meaning"],
      ["---", "---", "---", "---", "---"],
    ];
    const lines = [...head, ...SPECS.map(rowOf)].map((row) => `| ${row.join(" | ")} |\n`);
    await Bun.write(
      FILE,
      text.replace(TABLE, () => lines.join("")),
    );
    await Bun.$`bun fmt ${FILE}`.quiet();
  }
  return rowsOf(TABLE.exec(await Bun.file(FILE).text())?.[0] ?? "");
}

interface Exposed {
  readonly type: string;
  readonly help: string;
  readonly labels: ReadonlySet<string>;
}

/** What a server says that has counted something of everything. */
async function exposed(): Promise<ReadonlyMap<string, Exposed>> {
  const { metrics, clock } = createBench({
    sessions: () => [{ status: "active" }],
    audit: () => ({ healthy: true, seq: 1, unsynced: 0, waiting: 0 }),
    agentSessions: () => ({ hits: 1, misses: 1, savedMs: 1 }),
  });
  metrics.recordRequest(aRequest());
  metrics.recordRefusal("rate_limited", "default");
  metrics.recordTurn(aTurn({ outcome: "error", errorCode: "agent_error" }));
  metrics.recordTurn(aTurn({ usage: { promptTokens: 1, completionTokens: 1, estimated: true } }));
  metrics.recordTurn(aTurn());
  metrics.recordOverhead({ dialect: "openai", stream: false, ms: 1 });
  for (const status of ["active", "expired"] as const)
    metrics.recordSession({ sessionId: "s1", status, createdAt: clock.now() });
  const text = await metrics.text();
  const found = new Map<string, Exposed>();
  for (const [, name, help, type, lines] of text.matchAll(
    /^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)\n((?:[^#\n].*\n)*)/gm,
  )) {
    const labels = [...lines!.matchAll(/[{,](\w+)="/g)].map(([, label]) => label!);
    found.set(name!, { type: type!, help: help!, labels: new Set(labels) });
  }
  return found;
}

describe("docs/metrics.md", () => {
  test("lists every metric as it is defined", async () => {
    expect(await documented()).toEqual(SPECS.map(rowOf));
  });

  test("and so does the server", async () => {
    const found = await exposed();
    const names = new Set(SPECS.map(({ name }) => name));
    expect([...found.keys()].filter((name) => !names.has(name))).toEqual([]);
    const measured = new Set(PROCESS_METRICS.map(({ name }) => name));
    for (const spec of SPECS) {
      const shown = found.get(spec.name);
      // Some systems do not tell of file descriptors, and a lag is there from its second reading on.
      if (shown === undefined && measured.has(spec.name)) continue;
      const le = spec.type === "histogram" ? ["le"] : [];
      expect({ ...shown, labels: [...shown!.labels].toSorted() }).toEqual({
        type: spec.type,
        help: spec.help,
        labels: [...spec.labels, ...le].toSorted(),
      });
    }
  });

  test("names units: counters end in _total, times in _seconds, sizes in _bytes", () => {
    for (const { name, type, unit } of SPECS) {
      expect(name).toMatch(/^(?:mlp|gen_ai|process|nodejs)_[a-z0-9_]+$/);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      if (unit === "seconds") expect(name).toMatch(/_seconds(?:_total)?$/);
      if (unit === "bytes") expect(name).toEndWith("_bytes");
    }
    expect(new Set(SPECS.map(({ name }) => name)).size).toBe(SPECS.length);
  });
});
