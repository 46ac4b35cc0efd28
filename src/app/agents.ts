// Agents of this process: from what the user named, or else what there is.

import { homedir } from "node:os";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { createOpenAiUpstream } from "../agents/openai-upstream.ts";
import { createRehearsal } from "../agents/rehearsal.ts";
import { parseRehearsalScript } from "../agents/rehearsal-script.ts";
import type { RehearsalScript } from "../agents/rehearsal-script.ts";
import { agentSpecOf, parseAgentSpec } from "../config/agent-spec.ts";
import type { AgentSpec } from "../config/agent-spec.ts";
import type { Config } from "../config/schema.ts";
import { AppError } from "../core/error.ts";
import type { Agent, Log } from "../core/ports.ts";
import { findAgents } from "./find-agents.ts";
import type { System } from "./system.ts";
import type { StartNotes } from "./types.ts";

export interface ChosenAgents {
  readonly specs: readonly AgentSpec[];
  readonly notes: Pick<StartNotes, "chosenAgent" | "foundUnsupported">;
}

/** `named`: the `--agent` flags. @throws AppError invalid_request */
export function chooseAgents(named: readonly string[], config: Config): ChosenAgents {
  const foundUnsupported = findAgents((command) => Bun.which(command));
  const fromFlags = named.map(parseAgentSpec);
  const fromConfig = config.agents.map(agentSpecOf);
  const [specs, why] =
    fromFlags.length > 0
      ? [fromFlags, "named by --agent"]
      : fromConfig.length > 0
        ? [fromConfig, "named in the configuration"]
        : [[{ connector: "rehearsal" }] satisfies AgentSpec[], whyRehearsal(foundUnsupported)];
  return {
    specs: specs.filter((spec) => spec.connector !== "none"),
    notes: {
      chosenAgent: { spec: specs.map(shownSpec).join(", "), why },
      foundUnsupported,
    },
  };
}

function whyRehearsal(found: StartNotes["foundUnsupported"]): string {
  return found.length > 0
    ? "the agents found on this machine are not supported yet"
    : "no agent was found on this machine";
}

export function shownSpec(spec: AgentSpec): string {
  return spec.connector === "openai" ? `openai:${spec.baseUrl}` : spec.connector;
}

export interface AgentDeps {
  readonly system: System;
  readonly log: Log;
  readonly script?: RehearsalScript;
  /** What a rehearsed crash does. */
  readonly crash?: () => void;
  readonly agentId?: string;
  readonly label?: string;
}

/** An agent that can answer at once: an upstream is asked for its models first. */
export async function createAgent(spec: AgentSpec, deps: AgentDeps): Promise<Agent> {
  const { system, log } = deps;
  if (spec.connector === "none") throw new AppError("internal", "`none` is no agent.");
  if (spec.connector === "rehearsal") {
    return createRehearsal({
      clock: system.clock,
      random: system.random,
      log,
      ...(deps.script !== undefined && { script: deps.script }),
      ...(deps.crash !== undefined && { crash: deps.crash }),
      ...(deps.agentId !== undefined && { agentId: deps.agentId }),
      ...(deps.label !== undefined && { label: deps.label }),
    });
  }
  const upstream = createOpenAiUpstream({
    baseUrl: spec.baseUrl,
    fetch,
    clock: system.clock,
    random: system.random,
    log,
    agentId: deps.agentId ?? `openai:${new URL(spec.baseUrl).host}`,
    label: deps.label ?? spec.label ?? `OpenAI-compatible at ${new URL(spec.baseUrl).host}`,
    ...(spec.model !== undefined && { model: spec.model }),
    ...(spec.apiKey !== undefined && { apiKey: spec.apiKey }),
  });
  await upstream.discover();
  return upstream;
}

/** @throws AppError invalid_request naming the file */
export async function readScript(path: string): Promise<RehearsalScript> {
  const file = path.startsWith("~/") ? `${homedir()}${path.slice(1)}` : path;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError("invalid_request", `Cannot read the script ${path}.`, { cause });
  }
  try {
    return parseRehearsalScript(parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it is not YAML";
    throw new AppError("invalid_request", `${path}: ${reason}`, { cause: error });
  }
}
