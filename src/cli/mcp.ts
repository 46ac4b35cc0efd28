// `mlp mcp`: an MCP server on stdin and stdout for an IDE's chat, which becomes an agent by it. Stdout is the protocol's:
// whatever else there is to say goes to stderr.

import type { RunningMcp } from "../app/start-mcp.ts";
import type { CliContext } from "./context.ts";
import { settingsOf } from "./flags.ts";
import { runServer } from "./server.ts";

export interface McpFlags {
  readonly config?: string;
  readonly "log-level"?: string;
  readonly bridge?: string;
  readonly label?: string;
  readonly model?: string;
  readonly "agent-id"?: string;
}

export async function mcp(context: CliContext, flags: McpFlags): Promise<void> {
  const { label, model, "agent-id": agentId } = flags;
  const stop = Promise.withResolvers<void>();
  const onSignal: CliContext["io"]["onSignal"] = (listener) => {
    // The client that started us ends us by closing stdin: that is as good as a signal.
    void stop.promise.then(listener);
    return context.io.onSignal(listener);
  };
  await runServer(
    { ...context, io: { ...context.io, onSignal } },
    {
      flags: { ...flags, json: false },
      settings: settingsOf(flags, "bridge"),
      start: async (app, settings) => {
        const running: RunningMcp = await app.startMcp({
          ...settings,
          ...(label !== undefined && { label }),
          ...(model !== undefined && { model }),
          ...(agentId !== undefined && { agentId }),
        });
        void running.ended.then(stop.resolve);
        return running;
      },
      describe: () => "",
    },
  );
}
