// The results as markdown: the matrix, what was not passed and why, and what each cell stands for.

import { COLUMNS, FEATURES } from "./check.ts";
import type { Checked, Column, Feature } from "./check.ts";

const columns = Object.entries(COLUMNS) as readonly (readonly [Column, string])[];

export function renderMatrix(results: readonly Checked[]): string {
  const head = ["", ...columns.map(([, title]) => title)];
  const rows = FEATURES.map((feature) => [
    feature,
    ...columns.map(([column]) => cell(of(results, column, feature))),
  ]);
  return table([head, ...rows]);
}

export function renderTotals(results: readonly Checked[]): string {
  const count = (status: string) =>
    results.filter(({ outcome }) => outcome.status === status).length;
  return `${results.length} checks: ${count("pass")} passed, ${count("fail")} failed, ${count("skip")} skipped.`;
}

/** Each failure and skip with its reason; "" without any. */
export function renderReasons(results: readonly Checked[]): string {
  const lines = results.flatMap(({ check, outcome }) => {
    if (outcome.status === "pass") return [];
    const where = `${COLUMNS[check.column]}, ${check.feature}`;
    return [`- ${outcome.status} · ${where}: ${check.title}. ${outcome.reason}`];
  });
  return lines.join("\n");
}

/** Under each feature what is checked, and where. */
export function renderChecks(results: readonly Checked[]): string {
  const rows = FEATURES.flatMap((feature) => {
    const titles = new Map<string, string[]>();
    for (const { check } of results) {
      if (check.feature !== feature) continue;
      const where = titles.get(check.title) ?? [];
      titles.set(check.title, [...where, COLUMNS[check.column]]);
    }
    return [...titles].map(([title, where]) => [
      feature,
      title,
      where.length === columns.length ? "all" : where.join(", "),
    ]);
  });
  return table([["feature", "what holds", "where"], ...rows]);
}

export function renderPaper(results: readonly Checked[], version: string, date: string): string {
  const reasons = renderReasons(results);
  return [
    "# Conformance",
    "What `bun run conformance --write` found: the suite in `conformance/` speaks each dialect over plain HTTP, holds every",
    "answer to schemas and event orders of its own, written from the published specifications and from what the pickiest",
    "clients read, and uses no code of the server. It starts one with the rehearsal agent, or asks one that runs already,",
    "ours or another:",
    "",
    "```sh",
    "bun run conformance",
    'bun run conformance --base http://127.0.0.1:11434 --key "$KEY"',
    "```",
    "",
    "What needs the rehearsal agent is skipped elsewhere. A check either passes, fails or is skipped with its reason; an empty",
    "cell has nothing to check. This page is for the server with the rehearsal agent; a test runs the suite and compares.",
    "What real clients make of it is in [clients.md](clients.md).",
    "",
    `Version ${version}, ${date}. ${renderTotals(results)}`,
    "",
    renderMatrix(results),
    ...(reasons === "" ? [] : ["", "## Not passed", "", reasons]),
    "",
    "## What each cell stands for",
    "",
    renderChecks(results),
    "",
  ]
    .join("\n")
    .replace("# Conformance\n", "# Conformance\n\n");
}

function of(results: readonly Checked[], column: Column, feature: Feature): readonly Checked[] {
  return results.filter(({ check }) => check.column === column && check.feature === feature);
}

function cell(results: readonly Checked[]): string {
  if (results.length === 0) return "";
  const statuses = new Set(results.map(({ outcome }) => outcome.status));
  if (statuses.has("fail")) return "**FAIL**";
  return statuses.has("skip") ? "skip" : "pass";
}

/** Columns as wide as their widest cell, as the formatter leaves them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, index) =>
    Math.max(3, ...rows.map((row) => (row[index] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, index) => (row[index] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join("\n");
}
