// What `--agent` and the `agents` list say, as data. Starts nothing.

import { AppError } from "../core/error.ts";
import { splitCommandLine } from "./command-line.ts";
import { AGENT_SPEC_PATTERN } from "./schema-agents.ts";
import type { AgentEntry } from "./schema.ts";

/** Which agent to run. `none`: agents join by the bridge only. */
export type AgentSpec =
  | { readonly connector: "rehearsal" }
  | { readonly connector: "none" }
  | {
      readonly connector: "openai";
      /** One at least; turns are shared among them. */
      readonly upstreams: readonly UpstreamSpec[];
      readonly label?: string;
    }
  | {
      readonly connector: "cursor";
      /** Path of the program; what CURSOR_AGENT_BIN says, or PATH, without it. */
      readonly command?: string;
      readonly model?: string;
      readonly workspace?: string;
      readonly label?: string;
    }
  | {
      readonly connector: "acp";
      /** The program and its arguments. */
      readonly command: readonly string[];
      readonly workspace?: string;
      readonly label?: string;
    };

/** A server of the `openai` connector. At most one of the three says what its key is. */
export interface UpstreamSpec {
  readonly baseUrl: string;
  readonly name?: string;
  readonly model?: string;
  readonly apiKey?: string;
  /** The variable that holds its key. */
  readonly apiKeyEnv?: string;
  /** The file that holds its key and nothing else. */
  readonly apiKeyFile?: string;
  readonly weight?: number;
  /** In milliseconds. */
  readonly connectMs?: number;
}

const MCP = /^mcp(:|$)/;
const ACP = "acp:";

/** `rehearsal`, `none`, `cursor`, `acp:<command line>`, `openai:<base-url>[#model]`. Throws `AppError` `invalid_request` for anything else. */
export function parseAgentSpec(spec: string): AgentSpec {
  if (MCP.test(spec)) {
    throw new AppError(
      "invalid_request",
      "--agent: an MCP client is not started here, it joins by itself: see mlp mcp, or let it connect to /mcp of the bridge",
    );
  }
  if (!new RegExp(AGENT_SPEC_PATTERN).test(spec)) {
    throw new AppError(
      "invalid_request",
      "--agent: expected rehearsal, cursor, acp:<command line>, none or openai:<base address>[#model]",
    );
  }
  if (spec === "rehearsal" || spec === "none" || spec === "cursor") return { connector: spec };
  if (spec.startsWith(ACP)) {
    return { connector: "acp", command: splitCommandLine(spec.slice(ACP.length)) };
  }
  const address = spec.slice("openai:".length);
  const hash = address.indexOf("#");
  if (hash === -1) return { connector: "openai", upstreams: [{ baseUrl: address }] };
  const model = address.slice(hash + 1);
  const baseUrl = address.slice(0, hash);
  const upstream = model === "" ? { baseUrl } : { baseUrl, model };
  return { connector: "openai", upstreams: [upstream] };
}

/** An entry of the `agents` list, in either of its forms. */
export function agentSpecOf(entry: AgentEntry): AgentSpec {
  if (typeof entry === "string") return parseAgentSpec(entry);
  if (entry.connector === "cursor") return entry;
  if (entry.connector === "acp") {
    const { command, ...rest } = entry;
    return { ...rest, command: typeof command === "string" ? splitCommandLine(command) : command };
  }
  const { connector, label } = entry;
  return {
    connector,
    upstreams: ("upstreams" in entry ? entry.upstreams : [entry]).map(upstreamOf),
    ...(label !== undefined && { label }),
  };
}

/** `source` named them all, each by a word of its own or by its connector. @throws AppError invalid_request for `none` beside others */
export function checkNone(names: readonly string[], source: "--agent" | "agents"): void {
  const others = names.filter((name) => name !== "none");
  if (others.length === 0 || others.length === names.length) return;
  throw new AppError(
    "invalid_request",
    `${source}: none means that no agent is started here, so it stands alone: take it away, or the others`,
  );
}

type OpenAiEntry = Extract<AgentEntry, { connector: "openai" }>;
type UpstreamEntry =
  | Extract<OpenAiEntry, { upstreams: unknown }>["upstreams"][number]
  | Extract<OpenAiEntry, { base_url: unknown }>;

function upstreamOf(entry: UpstreamEntry): UpstreamSpec {
  const { base_url: baseUrl, model, api_key_env: apiKeyEnv, api_key_file: apiKeyFile } = entry;
  const apiKey = "api_key" in entry ? entry.api_key : undefined;
  if ([apiKey, apiKeyEnv, apiKeyFile].filter((given) => given !== undefined).length > 1) {
    throw new AppError(
      "invalid_request",
      "agents: one of api_key, api_key_env and api_key_file is enough",
    );
  }
  const { name, weight } = { name: undefined, weight: undefined, ...entry };
  const { connect_timeout: seconds } = entry;
  return {
    baseUrl,
    ...(name !== undefined && { name }),
    ...(model !== undefined && { model }),
    ...(apiKey !== undefined && { apiKey }),
    ...(apiKeyEnv !== undefined && { apiKeyEnv }),
    ...(apiKeyFile !== undefined && { apiKeyFile }),
    ...(weight !== undefined && { weight }),
    ...(seconds !== undefined && { connectMs: seconds * 1_000 }),
  };
}
