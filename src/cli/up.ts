// `mlp up`: provider, bridge and an agent in one process.

import { parseAgentSpec } from "../config/agent-spec.ts";
import type { CliContext } from "./context.ts";
import { describeUp } from "./describe.ts";
import { asUsage } from "./failure.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";
import { runServer } from "./server.ts";

export interface UpFlags extends CommonFlags {
  readonly host?: string;
  readonly port?: number;
  readonly "bridge-port"?: number;
  readonly agent?: readonly string[];
}

export async function up(context: CliContext, flags: UpFlags): Promise<void> {
  const agents = flags.agent ?? [];
  await asUsage(() => agents.map(parseAgentSpec));
  await runServer(context, {
    flags,
    settings: settingsOf(flags, "provider"),
    start: (app, settings) => app.startUp({ ...settings, agents }),
    describe: (running, config) =>
      describeUp(running, { config, showKey: context.io.output.isTerminal }),
  });
}
