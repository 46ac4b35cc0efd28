// `mlp version`: which version, on what.

import type { CliContext } from "./context.ts";
import { json } from "./table.ts";

export interface VersionFlags {
  readonly json: boolean;
}

export function version(context: CliContext, flags: VersionFlags): void {
  const facts = {
    version: context.version,
    bun: Bun.version,
    platform: `${process.platform}-${process.arch}`,
  };
  const line = `mlp ${facts.version} (Bun ${facts.bun}, ${facts.platform})\n`;
  context.io.output.write(flags.json ? json(facts) : line);
}
