// What a running server leaves for the client commands: where it is. Only its owner may read it.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RunFile {
  readonly kind: "up" | "serve" | "bridge";
  readonly api: string | null;
  readonly bridge: string | null;
  /** Where this server's control routes are. */
  readonly control: string;
  /** Whether it keeps sessions that its control routes decide about: a hub does, and a provider of foreign bridges. */
  readonly sessions: boolean;
}

/** Answers with the way to take the file away again. */
export function leaveRunFile(folder: string, content: RunFile): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${content.kind}-${process.pid}.json`);
  // What an earlier process of our number left when it was killed: in a container every server is number 1.
  for (const name of readdirSync(folder)) {
    if (name.endsWith(`-${process.pid}.json`)) rmSync(join(folder, name), { force: true });
  }
  const text = `${JSON.stringify({ pid: process.pid, ...content })}\n`;
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  return () => rmSync(file, { force: true });
}
