// Running other programs, all ended by one signal. Knows nothing of containers.

import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Tools {
  readonly signal: AbortSignal;
  run(...argv: readonly string[]): Promise<Ran>;
  /** What it printed. Throws with the end of what it said when it fails. */
  must(...argv: readonly string[]): Promise<string>;
}

export function createTools(signal: AbortSignal): Tools {
  async function run(...argv: readonly string[]): Promise<Ran> {
    signal.throwIfAborted();
    const child = Bun.spawn([...argv], { cwd: ROOT, stdout: "pipe", stderr: "pipe", signal });
    const [stdout, stderr, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { code, stdout: stdout.trim(), stderr: stderr.trim() };
  }
  async function must(...argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(...argv);
    if (code === 0) return stdout;
    const said = `${stdout}\n${stderr}`.trim().slice(-2_000);
    throw new Error(`${argv.slice(0, 4).join(" ")} … ended with ${code}:\n${said}`);
  }
  return { signal, run, must };
}
