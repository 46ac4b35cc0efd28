// What became of each agent, as a section of docs/agents.md between two marks.

import { release } from "node:os";
import { join } from "node:path";
import type { Recipe } from "./recipes.ts";
import { COLUMNS } from "./try-agent.ts";
import type { Column, Outcome, Tried } from "./try-agent.ts";

const PAPER = join(import.meta.dir, "../../docs/agents.md");
const BEGIN = "<!-- test:agents -->";
const END = "<!-- /test:agents -->";

export interface Result {
  readonly recipe: Recipe;
  readonly tried?: Tried;
  /** Why it was not tried. */
  readonly skipped?: string;
}

export interface Circumstances {
  /** Whether they ran where there is no network but loopback. */
  readonly isolated: boolean;
  readonly node: string;
  readonly version: string;
  readonly date: string;
}

const columns = Object.entries(COLUMNS) as readonly (readonly [Column, string])[];

export function renderSummary({ recipe, tried, skipped }: Result): string {
  const title = `${recipe.name} ${recipe.version}`;
  if (tried === undefined) return `${title}: skipped, ${skipped}`;
  const cells = columns.map(([column, name]) => {
    const { status, note } = outcomeOf(tried, column);
    return `  ${status.padEnd(4)} ${name}${note === "" ? "" : `: ${note}`}`;
  });
  return [`${title}, ${seconds(tried)} s`, ...cells].join("\n");
}

export async function writeReport(results: readonly Result[], at: Circumstances): Promise<void> {
  const section = `${BEGIN}\n\n${render(results, at)}\n\n${END}`;
  const file = Bun.file(PAPER);
  const paper = (await file.exists()) ? await file.text() : "# Coding agents\n";
  const [begin, end] = [paper.indexOf(BEGIN), paper.indexOf(END)];
  const isThere = begin >= 0 && end > begin;
  const written = isThere
    ? `${paper.slice(0, begin)}${section}${paper.slice(end + END.length)}`
    : `${paper.trimEnd()}\n\n${section}\n`;
  await Bun.write(PAPER, written);
}

function render(results: readonly Result[], at: Circumstances): string {
  const skipped = results.filter(({ tried }) => tried === undefined);
  return [
    "## Tried with real agents",
    [
      "What `bun run test:agents --write` found. It installs one agent after the other from npm, in the version named here, into",
      "a folder that is deleted afterwards, with a HOME of its own, updates and telemetry off. The model behind it is a script on",
      "loopback; all but Gemini's speak to it through a server of ours, in the protocol named here. What is asked goes through our",
      "API with OpenAI's client, and each answer holds a word that only the model knew.",
    ].join("\n"),
    [
      `MCP Local Provider ${at.version}, ${at.date}, Bun ${Bun.version}, Node ${at.node}, ${process.platform} ${release()}.`,
      at.isolated
        ? "Each ran in a network namespace with loopback and nothing else."
        : "They were told to use loopback only; nothing enforced it.",
    ].join("\n"),
    table(results),
    meaning(),
    "### What was noticed",
    results
      .filter(({ tried }) => tried !== undefined)
      .map(story)
      .join("\n"),
    ...(skipped.length === 0
      ? []
      : [
          "### Skipped",
          skipped.map(({ recipe, skipped: why }) => `- ${recipe.name}: skipped. ${why}`).join("\n"),
        ]),
    "### Not tried",
    NOT_TRIED,
  ].join("\n\n");
}

const NOT_TRIED = [
  "- Cursor's program: npm does not carry it, and it takes no model but its own. What its scripted stand-in does is tested.",
  "- goose: npm does not carry it.",
  "- A real model, and logins: every agent had a key that is none.",
].join("\n");

function meaning(): string {
  return [
    "- **text**: a whole answer. **streaming**: thirteen pieces, 150 ms apart, arrive in their order, the first of them before the",
    "  model has sent the last. **cancel**: the client hangs up in the middle of an endless answer, the agent hangs up on its model",
    "  within 5 s, and the next answer comes.",
    "- **may not write**, **may not run**: in a session without `agent:write` and `agent:exec` the model has the agent call its own",
    "  tool, for a file and for a command. The file is not there afterwards. **may write**, **may run**: the same over the bridge, in",
    "  a session with all scopes, and the file is there.",
    "- **editor's tools**: the request brings a tool, the model calls it, the answer ends with `tool_calls`, the next request brings",
    "  the result, and the model says what stood in it. **two calls**: two of them in one move of the model.",
    "- **leaves nothing**: when the server has ended, so has every process that the agent started. **stays here**: nothing was sent to",
    "  anywhere but loopback, as the kernel counted it where there is no other network.",
  ].join("\n");
}

function table(results: readonly Result[]): string {
  const head = ["", ...results.map(({ recipe }) => recipe.name)];
  const facts: readonly (readonly string[])[] = [
    ["package", ...results.map(({ recipe }) => `\`${recipe.package}\``)],
    ["version", ...results.map(({ recipe }) => recipe.version)],
    ["its model speaks", ...results.map(({ recipe }) => recipe.speaks)],
  ];
  const rows = columns.map(([column, title]) => [
    title,
    ...results.map(({ tried }) => cell(tried === undefined ? SKIPPED : outcomeOf(tried, column))),
  ]);
  const all = [head, ...facts, ...rows];
  const widths = head.map((_, index) =>
    Math.max(3, ...all.map((row) => (row[index] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, index) => (row[index] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...[...facts, ...rows].map(line)].join("\n");
}

const SKIPPED: Outcome = { status: "skip", note: "" };

function outcomeOf({ outcomes }: Tried, column: Column): Outcome {
  return outcomes[column] ?? SKIPPED;
}

const cell = ({ status }: Outcome): string => (status === "fail" ? "**FAIL**" : status);

const seconds = ({ milliseconds }: Tried): string => (milliseconds / 1_000).toFixed(0);

function story({ recipe, tried }: Result): string {
  if (tried === undefined) return "";
  const notes = columns.flatMap(([column, title]) => {
    const { status, note } = outcomeOf(tried, column);
    return note === "" ? [] : [`  - ${status === "fail" ? "FAIL, " : ""}${title}: ${note}`];
  });
  const head = `- **${recipe.name}**, which says that it is ${tried.said}; ${seconds(tried)} s. ${recipe.note ?? ""}`;
  return [head.trimEnd(), ...notes].join("\n");
}
