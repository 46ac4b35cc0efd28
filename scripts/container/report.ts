// What was found, for people: figures and the sentences that held, written into the paper.

import { readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { argumentOf, bytesToPull, readImage } from "./image.ts";
import { ROOT } from "./tools.ts";
import type { Tools } from "./tools.ts";

export type Fact = readonly [string, string];

const PAPER = join(ROOT, "docs/container.md");

export async function measure(tools: Tools, folder: string): Promise<readonly Fact[]> {
  const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  const entries = await readImage(tools);
  const executable = entries.find((entry) => entry.path === "mlp")?.bytes ?? 0;
  const all = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return [
    ["size", `${mebibytes(all)}, of it the executable ${mebibytes(executable)}`],
    ["to pull, compressed", mebibytes(await bytesToPull(tools, folder))],
  ];
}

/** Between the two marks of the paper, which keeps the rest. */
export async function writeResults(
  { must }: Tools,
  facts: readonly Fact[],
  checks: readonly string[],
): Promise<void> {
  const version = async (tool: string): Promise<string> =>
    /\d+(?:\.\d+)+/.exec(await must(tool, "--version"))?.[0] ?? "unknown";
  const by = await Promise.all(
    ["buildah", "podman", "crun"].map(async (tool) => `${tool} ${await version(tool)}`),
  );
  const rows: readonly Fact[] = [
    ["date", new Date().toISOString().slice(0, 10)],
    ["version", `mlp ${manifest.version}, Bun ${Bun.version}`],
    [
      "bases",
      `made with debootstrap ${await version("debootstrap")} (${argumentOf("RUNTIME_IMAGE").split(":")[1]?.replace("-slim", "")})`,
    ],
    ["built and run by", `${by.join(", ")}, on Linux ${release().split("-")[0]}, ${arch()}`],
    ...facts,
  ];
  const table = [
    "| what | found |",
    "| --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
  ];
  const list = checks.map((sentence) => `- ${sentence}`);
  const block = `<!-- results -->\n\n${table.join("\n")}\n\n${list.join("\n")}\n\n<!-- end of results -->`;
  const paper = readFileSync(PAPER, "utf8");
  await Bun.write(
    PAPER,
    paper.replace(/<!-- results -->.*<!-- end of results -->/s, () => block),
  );
  await must(process.execPath, "fmt", "--no-script", PAPER);
}
