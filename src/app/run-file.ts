// What a running server leaves for the client commands: where it is. Only its owner may read it.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RunFile {
  readonly kind: "up" | "serve" | "bridge";
  readonly api: string | null;
  readonly bridge: string | null;
  /** Where this server's control routes are. */
  readonly control: string;
}

/** Answers with the way to take the file away again. */
export function leaveRunFile(folder: string, content: RunFile): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${content.kind}-${process.pid}.json`);
  rmSync(file, { force: true });
  const text = `${JSON.stringify({ pid: process.pid, ...content })}\n`;
  writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  return () => rmSync(file, { force: true });
}
