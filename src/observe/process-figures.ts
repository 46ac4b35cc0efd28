// What this process uses of the machine, as the system tells it.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../core/ports.ts";

export interface ProcessFigures {
  /** User and system, since the process began. */
  cpuSeconds(): number;
  residentBytes(): number;
  /** Of one core, since the last reading that is at least a second old: 200 where two cores are busy. */
  cpuPercent(): number;
}

const SHORTEST_MS = 1_000;
const MICROSECONDS = 1e6;

export function createProcessFigures(clock: Clock): ProcessFigures {
  let since = { at: clock.monotonic(), cpu: cpuSeconds() };
  let percent: number | undefined;

  return {
    cpuSeconds,
    residentBytes: () => process.memoryUsage.rss(),
    cpuPercent: () => {
      const now = { at: clock.monotonic(), cpu: cpuSeconds() };
      const ms = now.at - since.at;
      if (ms < SHORTEST_MS) return percent ?? 0;
      percent = ((now.cpu - since.cpu) * 1_000 * 100) / ms;
      since = now;
      return percent;
    },
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / MICROSECONDS;
}

/** Files that are looked at; a folder of ours with more is not one that we made. */
const MOST_FILES = 10_000;

/** Bytes of the files and of all files under the folders, links not followed. What is not there counts 0. */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const waiting = [...new Set(paths)];
  let bytes = 0;
  let looked = 0;
  for (let path = waiting.pop(); path !== undefined && looked < MOST_FILES; path = waiting.pop()) {
    looked += 1;
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined) continue;
    if (found.isFile()) bytes += found.size;
    if (!found.isDirectory()) continue;
    const names = await readdir(path).catch(() => []);
    waiting.push(...names.map((name) => join(path, name)));
  }
  return bytes;
}
