// `mlp bridge`: the hub alone, where agents and providers meet.

import type { CliContext } from "./context.ts";
import { describeBridge } from "./describe.ts";
import { UsageError } from "./failure.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";
import { runServer } from "./server.ts";

export interface BridgeFlags extends CommonFlags {
  readonly host?: string;
  readonly port?: number;
  readonly "bridge-port"?: number;
}

export async function bridge(context: CliContext, flags: BridgeFlags): Promise<void> {
  const both = [flags.port, flags["bridge-port"]];
  if (both[0] !== undefined && both[1] !== undefined && both[0] !== both[1]) {
    throw new UsageError("--port and --bridge-port are the same port here; give one of them");
  }
  await runServer(context, {
    flags,
    settings: settingsOf(flags, "bridge"),
    start: (app, settings) => app.startBridge(settings),
    describe: (running) => describeBridge(running, context.paths),
  });
}
