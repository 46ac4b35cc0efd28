// Loaded before all tests: no process that a test started may live on after the last one. Processes are known by a mark
// in their environment, which children inherit, whoever adopts them. On Linux; elsewhere nothing is checked.

import { afterAll } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { LEFTOVERS_MARK } from "./leftovers-mark.ts";

/** What was told to end may take a moment. */
const PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 100;

if (process.platform === "linux") {
  process.env[LEFTOVERS_MARK] ??= `${process.pid}-${crypto.randomUUID()}`;
  const mark = `${LEFTOVERS_MARK}=${process.env[LEFTOVERS_MARK]}`;
  afterAll(async () => {
    const until = performance.now() + PATIENCE_MS;
    while (marked(mark).length > 0 && performance.now() < until) await Bun.sleep(LOOK_AGAIN_MS);
    const left = marked(mark);
    if (left.length > 0) throw new Error(`processes were left behind:\n${left.join("\n")}`);
  });
}

/** The command lines of the living processes that carry the mark, beside our own. */
function marked(mark: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const isMarked = read(`/proc/${pid}/environ`).split("\0").includes(mark);
      const command = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
      // One that has ended and was not waited for yet has no command line.
      return isMarked && command !== "" ? [`${pid} ${command}`] : [];
    });
}

/** Empty for a process that is gone, or somebody else's. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
