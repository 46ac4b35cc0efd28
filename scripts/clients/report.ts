// What became of each client, as docs/clients.md.

import { release } from "node:os";
import { join } from "node:path";
import { TASK } from "./model.ts";

const PAPER = join(import.meta.dir, "../../docs/clients.md");

export interface Result {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** The dialect. */
  readonly speaks: string;
  readonly note?: string;
  /** Whether `mlp connect` wrote its settings. */
  readonly connected: boolean;
  readonly status: "done" | "failed";
  readonly reason?: string;
  /** That reached the model behind us. */
  readonly requests: number;
  /** The client's own tools that the model had it run, in their order. */
  readonly called: readonly string[];
  /** How many tools it offered. */
  readonly tools: number;
  readonly milliseconds: number;
}

export interface Circumstances {
  /** Whether they ran where there is no network but loopback. */
  readonly isolated: boolean;
  readonly node: string;
  readonly version: string;
  readonly date: string;
}

export async function writeReport(
  results: readonly Result[],
  circumstances: Circumstances,
): Promise<void> {
  await Bun.write(PAPER, render(results, circumstances));
}

function render(results: readonly Result[], at: Circumstances): string {
  const done = results.filter(({ status }) => status === "done");
  const failed = results.filter(({ status }) => status === "failed");
  return `${[
    "# Real clients",
    [
      "Editors' agents that npm carries, doing a task through the server: what `bun run test:clients` found. It installs one",
      "after the other, in the version named here, into a folder that is deleted afterwards, with a HOME of its own, updates and",
      "telemetry off where there is a switch. The task:",
      "",
      `> ${TASK}`,
      "",
      "The word is made up anew each time and stands only in the file.",
    ].join("\n"),
    [
      "Behind the server is a scripted model, an OpenAI-compatible server on loopback. From the tools that the client offers it",
      "calls one that reads, takes the word from what that returned, calls one that edits, and says the word. The task is done",
      "when that is the only change in the file, the client shows the answer, and it ends with 0. So the client's prompt and tools,",
      "the calls, and the results of the tools have all come through us and back.",
    ].join("\n"),
    [
      `${sentenceOf(done.length, results.length)} MCP Local Provider ${at.version}, ${at.date}, Bun ${Bun.version}, Node ${at.node}, ${process.platform} ${release()}.`,
      at.isolated
        ? "Each ran in a network namespace with loopback and nothing else."
        : "They were told to use loopback only; nothing enforced it.",
    ].join("\n"),
    table(results),
    ...(failed.length === 0 ? [] : ["## What failed", failed.map(failure).join("\n")]),
    "## In words",
    results.map(story).join("\n"),
    "## Not tried",
    [
      "- Editors with a window (Void, Zed, Copilot Chat, Cline and Continue in VS Code): what they send is in the tests of the",
      "  dialects and in [conformance.md](conformance.md), and no program here clicks.",
      "- Other versions than these. Newer ones of Claude Code and Qwen Code want a newer Node than the one here.",
      "- A real model: the script makes no mistakes, and asks for no call twice.",
    ].join("\n"),
  ].join("\n\n")}\n`;
}

function sentenceOf(done: number, all: number): string {
  return done === all ? `All ${all} of them did it.` : `${done} of ${all} did it.`;
}

const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(1);

function table(results: readonly Result[]): string {
  const head = ["client", "package", "it speaks", "settings by", "its calls", "requests", "s", ""];
  const rows = results.map((each) => [
    each.name,
    `\`${each.package}\` ${each.version}`,
    each.speaks,
    each.connected ? "`mlp connect`" : "hand",
    each.called.map((name) => `\`${name}\``).join(", "),
    String(each.requests),
    seconds(each.milliseconds),
    each.status === "done" ? "done" : "**failed**",
  ]);
  const widths = head.map((_, index) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[index] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, index) => (row[index] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

const failure = ({ name, reason }: Result): string => `- ${name}: ${reason ?? "no reason given"}`;

function story({ name, speaks, tools, called, requests, status, note = "" }: Result): string {
  if (called.length === 0) return `- **${name}** (${speaks}): ${requests} requests, no call.`;
  const [first = "", second] = called.map((each) => `\`${each}\``);
  const then = second === undefined ? "and no other" : `then ${second}`;
  const end = status === "done" ? "told the word and ended" : "did not finish";
  return `- **${name}** (${speaks}) offered ${tools} tools, ran ${first}, ${then}, and ${end}, in ${requests} requests. ${note}`.trimEnd();
}
