// `mlp agent`: a runner beside a real agent, which joins a bridge and waits for approval there.

import type { AgentSpec } from "../config/agent-spec.ts";
import type { CliContext } from "./context.ts";
import { describeAgent } from "./describe.ts";
import { UsageError } from "./failure.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";
import { runServer } from "./server.ts";

export interface AgentFlags extends CommonFlags {
  readonly bridge?: string;
  readonly "base-url"?: string;
  readonly model?: string;
  /** The name of a variable: a key on the command line would be seen by every user of the machine. */
  readonly "api-key-env"?: string;
  readonly script?: string;
  readonly label?: string;
  readonly "agent-id"?: string;
}

/** Which flags only one connector understands. */
const OWN_FLAGS = {
  rehearsal: ["script"],
  openai: ["base-url", "model", "api-key-env"],
} as const satisfies Record<string, readonly (keyof AgentFlags)[]>;

export async function agent(context: CliContext, flags: AgentFlags, name: string): Promise<void> {
  const spec = specOf(name, flags, context);
  const { script, label, "agent-id": agentId } = flags;
  await runServer(context, {
    flags,
    settings: settingsOf(flags, "bridge"),
    start: (app, settings) =>
      app.startAgent({
        ...settings,
        spec,
        ...(script !== undefined && { script }),
        ...(label !== undefined && { label }),
        ...(agentId !== undefined && { agentId }),
      }),
    describe: (running) => describeAgent(running),
  });
}

function specOf(name: string, flags: AgentFlags, { env }: Pick<CliContext, "env">): AgentSpec {
  if (name !== "rehearsal" && name !== "openai") {
    const reason = ["cursor", "acp", "mcp"].includes(name) ? "is not supported yet" : "is unknown";
    throw new UsageError(`connector ${name} ${reason}; use rehearsal or openai`);
  }
  const foreign = OWN_FLAGS[name === "openai" ? "rehearsal" : "openai"];
  const misplaced = foreign.find((flag) => flags[flag] !== undefined);
  if (misplaced !== undefined) {
    throw new UsageError(`--${misplaced} means nothing to the ${name} connector`);
  }
  if (name === "rehearsal") return { connector: name };
  const { "base-url": baseUrl, model, "api-key-env": variable } = flags;
  if (baseUrl === undefined || !/^https?:\/\/\S+$/.test(baseUrl)) {
    throw new UsageError("mlp agent openai needs --base-url, such as http://127.0.0.1:8080/v1");
  }
  const apiKey = variable === undefined ? undefined : env[variable];
  if (variable !== undefined && (apiKey ?? "") === "") {
    throw new UsageError(`--api-key-env: the variable ${variable} is not set`);
  }
  return {
    connector: name,
    baseUrl,
    ...(model !== undefined && { model }),
    ...(apiKey !== undefined && { apiKey }),
  };
}
