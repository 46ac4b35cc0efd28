// What the kernel says about a process (proc(5)): the CPU time it used and the memory it holds. Linux only; null elsewhere.

import { readFileSync } from "node:fs";

// USER_HZ, the unit of utime and stime: 100 on every Linux that Bun runs on.
const TICKS_PER_SECOND = 100;

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** utime + stime of all its threads, in seconds. */
export function cpuSeconds(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the name, in brackets, and may hold blanks; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** VmRSS, in MiB. */
export function residentMebibytes(pid: number): number | null {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "");
  return match === null ? null : Number(match[1]) / 1024;
}
