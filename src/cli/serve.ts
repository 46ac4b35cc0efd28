// `mlp serve`: the provider alone, joined to a bridge elsewhere.

import type { CliContext } from "./context.ts";
import { describeServe } from "./describe.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";
import { runServer } from "./server.ts";

export interface ServeFlags extends CommonFlags {
  readonly host?: string;
  readonly port?: number;
  readonly bridge?: string;
}

export async function serve(context: CliContext, flags: ServeFlags): Promise<void> {
  await runServer(context, {
    flags,
    settings: settingsOf(flags, "provider"),
    start: (app, settings) => app.startServe(settings),
    describe: (running, config) =>
      describeServe(running, { config, showKey: context.io.output.isTerminal }),
  });
}
