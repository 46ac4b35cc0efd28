// The `openai` connector of this process: what was said of its upstreams, with the keys from where they are.

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { createOpenAiAgent } from "../agents/openai/agent.ts";
import type { OpenAiAgent } from "../agents/openai/agent.ts";
import type { UpstreamSettings } from "../agents/openai/upstream.ts";
import type { AgentSpec, UpstreamSpec } from "../config/agent-spec.ts";
import { AppError } from "../core/error.ts";
import type { AgentDeps } from "./agents.ts";

const MAX_LABEL = 128;
/** Far more than any key; a file that is larger is another one by mistake. */
const MAX_KEY = 16 * 1024;

/** Started. Upstreams that are away are looked for. @throws AppError invalid_request when a key or address is not there */
export async function createUpstreams(
  spec: Extract<AgentSpec, { connector: "openai" }>,
  deps: AgentDeps,
): Promise<OpenAiAgent> {
  const { system, log, env, shutdown } = deps;
  const hosts = spec.upstreams.map(({ baseUrl }) => new URL(baseUrl).host);
  const agent = createOpenAiAgent({
    agentId: deps.agentId ?? `openai:${hosts[0]}`,
    label: deps.label ?? spec.label ?? labelOf(hosts),
    upstreams: spec.upstreams.map((one) => settingsOf(one, { env, log })),
    fetch,
    clock: system.clock,
    random: system.random,
    log,
  });
  shutdown.onClose("openai", () => agent.close());
  await agent.start();
  return agent;
}

function labelOf(hosts: readonly string[]): string {
  const label = `OpenAI-compatible at ${hosts.join(", ")}`;
  return label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label;
}

function settingsOf(
  spec: UpstreamSpec,
  { env, log }: Pick<AgentDeps, "env" | "log">,
): UpstreamSettings {
  const { apiKeyEnv: variable, apiKeyFile: file, apiKey: given, ...rest } = spec;
  const inFile = file === undefined ? given : renewedKey(file, log);
  const apiKey = variable === undefined ? inFile : keyOf(variable, env);
  return apiKey === undefined ? rest : { ...rest, apiKey };
}

function keyOf(variable: string, env: AgentDeps["env"]): string {
  const key = env[variable]?.trim() ?? "";
  if (isKey(key)) return key;
  const problem = key === "" ? "is not set" : "does not hold a key and nothing else";
  throw new AppError("invalid_request", `agents: the variable ${variable} ${problem}`);
}

/** Keys in files are often renewed by somebody else. While there is none in the file, the last one goes on. */
function renewedKey(path: string, log: AgentDeps["log"]): () => string {
  let last = keyOfFile(path);
  let isMissing = false;
  return () => {
    try {
      last = keyOfFile(path);
      isMissing = false;
    } catch (error) {
      if (!isMissing) log.warn({ err: error }, "a key cannot be read again; the last one goes on");
      isMissing = true;
    }
    return last;
  };
}

function keyOfFile(path: string): string {
  const file = path.startsWith("~/") ? `${homedir()}${path.slice(1)}` : path;
  let key: string;
  try {
    key = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new AppError("invalid_request", `agents: the key in ${path} cannot be read`, { cause });
  }
  if (isKey(key)) return key;
  throw new AppError("invalid_request", `agents: ${path} does not hold a key and nothing else`);
}

/** A header is one line of visible characters: what holds anything else is no key. */
function isKey(text: string): boolean {
  return text.length <= MAX_KEY && /^[\x21-\x7e]+$/.test(text);
}
