// `mlp agent`: a runner beside a real agent, which joins a bridge and waits for approval there.

import { agentSpecOf } from "../config/agent-spec.ts";
import type { AgentSpec, UpstreamSpec } from "../config/agent-spec.ts";
import type { Config } from "../config/schema.ts";
import type { CliContext } from "./context.ts";
import { describeAgent } from "./describe.ts";
import { UsageError } from "./failure.ts";
import { settingsOf } from "./flags.ts";
import type { CommonFlags } from "./flags.ts";
import { runServer } from "./server.ts";

export interface AgentFlags extends CommonFlags {
  readonly bridge?: string;
  /** Several share the turns. */
  readonly "base-url"?: readonly string[];
  readonly model?: string;
  readonly command?: string;
  readonly workspace?: string;
  /** Names of variables, one for each address: a key on the command line would be seen by every user of the machine. */
  readonly "api-key-env"?: readonly string[];
  readonly script?: string;
  readonly label?: string;
  readonly "agent-id"?: string;
}

/** Which flags each connector understands, beside the ones that all do. */
const OWN_FLAGS = {
  rehearsal: ["script"],
  openai: ["base-url", "model", "api-key-env"],
  cursor: ["command", "model", "workspace"],
  acp: ["workspace"],
} as const satisfies Record<string, readonly (keyof AgentFlags)[]>;

const NEEDS_ADDRESS =
  "mlp agent openai needs --base-url, such as http://127.0.0.1:8080/v1, or an openai agent in the configuration";
/** In place of a variable: this upstream needs no key. */
const NO_KEY = "none";

type Connector = keyof typeof OWN_FLAGS;
const CONNECTORS = Object.keys(OWN_FLAGS).join(", ");

/** `words`: the connector, and after `--` the command that `acp` starts. */
export async function agent(
  context: CliContext,
  flags: AgentFlags,
  ...words: readonly string[]
): Promise<void> {
  const [name, ...command] = words;
  if (name === undefined) throw new UsageError(`name a connector: one of ${CONNECTORS}`);
  if (name !== "acp" && command[0] !== undefined) {
    throw new UsageError(`the ${name} connector takes no command: ${command[0]}`);
  }
  const spec = name === "acp" ? acpSpec(command, flags) : specOf(name, flags, context);
  const { script, label, "agent-id": agentId } = flags;
  await runServer(context, {
    flags,
    settings: settingsOf(flags, "bridge"),
    start: (app, settings) =>
      app.startAgent({
        ...settings,
        spec: spec ?? configuredSpec(settings.config),
        ...(script !== undefined && { script }),
        ...(label !== undefined && { label }),
        ...(agentId !== undefined && { agentId }),
      }),
    describe: (running) => describeAgent(running),
  });
}

/** `undefined`: the one of the configuration. */
function specOf(
  name: string,
  flags: AgentFlags,
  { env }: Pick<CliContext, "env">,
): AgentSpec | undefined {
  if (!isConnector(name)) {
    if (name === "mcp") throw new UsageError("an MCP client starts mlp mcp by itself");
    throw new UsageError(`connector ${name} is unknown; use one of ${CONNECTORS}`);
  }
  checkFlags(name, flags);
  if (name === "rehearsal") return { connector: name };
  return name === "cursor" ? cursorSpec(flags) : openAiSpec(flags, env);
}

/** @throws UsageError for a flag that only another connector understands */
function checkFlags(name: Connector, flags: AgentFlags): void {
  const own: readonly string[] = OWN_FLAGS[name];
  const misplaced = Object.values(OWN_FLAGS)
    .flat()
    .find((flag) => flags[flag] !== undefined && !own.includes(flag));
  if (misplaced === undefined) return;
  throw new UsageError(`--${misplaced} means nothing to the ${name} connector`);
}

function acpSpec(command: readonly string[], flags: AgentFlags): AgentSpec {
  checkFlags("acp", flags);
  const { workspace } = flags;
  if ((command[0] ?? "") !== "") {
    return { connector: "acp", command, ...(workspace !== undefined && { workspace }) };
  }
  throw new UsageError("mlp agent acp needs a command, as in: mlp agent acp -- gemini --acp");
}

function isConnector(name: string): name is Connector {
  return Object.hasOwn(OWN_FLAGS, name);
}

function cursorSpec({ command, model, workspace }: AgentFlags): AgentSpec {
  return {
    connector: "cursor",
    ...(command !== undefined && { command }),
    ...(model !== undefined && { model }),
    ...(workspace !== undefined && { workspace }),
  };
}

/** The first of the configuration, with its weights and keys. */
function configuredSpec({ agents }: Pick<Config, "agents">): AgentSpec {
  const spec = agents.map(agentSpecOf).find(({ connector }) => connector === "openai");
  if (spec === undefined) throw new UsageError(NEEDS_ADDRESS);
  return spec;
}

function openAiSpec(flags: AgentFlags, env: CliContext["env"]): AgentSpec | undefined {
  const { "base-url": addresses = [], model, "api-key-env": variables = [] } = flags;
  if (addresses.length === 0 && model === undefined && variables.length === 0) return undefined;
  if (addresses.length === 0 || !addresses.every((one) => /^https?:\/\/\S+$/.test(one))) {
    throw new UsageError(NEEDS_ADDRESS);
  }
  if (variables.length > 0 && variables.length !== addresses.length) {
    throw new UsageError(
      `--api-key-env: give one for each --base-url, in their order, and ${NO_KEY} for one without a key`,
    );
  }
  const keys = variables.map((variable) => keyIn(variable, env));
  return {
    connector: "openai",
    upstreams: addresses.map((baseUrl, at) => upstreamOf(baseUrl, model, keys[at])),
  };
}

function upstreamOf(
  baseUrl: string,
  model: string | undefined,
  apiKey: string | undefined,
): UpstreamSpec {
  return {
    baseUrl,
    ...(model !== undefined && { model }),
    ...(apiKey !== undefined && { apiKey }),
  };
}

function keyIn(variable: string, env: CliContext["env"]): string | undefined {
  if (variable === NO_KEY) return undefined;
  const key = env[variable] ?? "";
  if (key !== "") return key;
  throw new UsageError(`--api-key-env: the variable ${variable} is not set`);
}
