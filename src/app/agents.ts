// Agents of this process: from what the user named, or else what there is.

import { homedir } from "node:os";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { programName } from "../agents/process/program-name.ts";
import { createRehearsal } from "../agents/rehearsal/rehearsal.ts";
import { parseRehearsalScript } from "../agents/rehearsal/script.ts";
import type { RehearsalScript } from "../agents/rehearsal/script.ts";
import { agentSpecOf, checkNone, parseAgentSpec } from "../config/agent-spec.ts";
import type { AgentSpec } from "../config/agent-spec.ts";
import type { Config } from "../config/schema.ts";
import { AppError, toAppError } from "../core/error.ts";
import type { AgentSessionTally } from "./agent-sessions.ts";
import { startAcpAgent } from "./acp-agent.ts";
import { CURSOR_COMMAND, createCursorAgent, findCursor } from "./cursor.ts";
import { findAgents, findOnPath } from "./find-agents.ts";
import type { LiveAgent } from "./live-agent.ts";
import type { Base } from "./start.ts";
import type { StartNotes } from "./types.ts";
import { createUpstreams } from "./upstreams.ts";

export interface ChosenAgents {
  readonly specs: readonly AgentSpec[];
  /** Nobody named them: they are what this machine has, in the order in which they are to be tried. One is enough. */
  readonly isFound: boolean;
  readonly notes: Pick<StartNotes, "chosenAgent" | "foundUnsupported">;
}

/** `named`: the `--agent` flags. @throws AppError invalid_request */
export function chooseAgents(
  named: readonly string[],
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): ChosenAgents {
  const which = (command: string): string | null => findOnPath(command, env);
  const found = findAgents((command) =>
    command === CURSOR_COMMAND ? findCursor(env, which) : which(command),
  );
  const usable = found.flatMap(({ spec }) => (spec === undefined ? [] : [spec]));
  const foundUnsupported = found.filter(({ spec }) => spec === undefined);
  const fromFlags = named.map(parseAgentSpec);
  const fromConfig = config.agents.map(agentSpecOf);
  const isFound = fromFlags.length + fromConfig.length === 0;
  const rehearsal: AgentSpec = { connector: "rehearsal" };
  const [specs, why] =
    fromFlags.length > 0
      ? [fromFlags, "named by --agent"]
      : fromConfig.length > 0
        ? [fromConfig, "named in the configuration"]
        : [[...usable, rehearsal], ""];
  const connectors = specs.map(({ connector }) => connector);
  checkNone(connectors, fromFlags.length > 0 ? "--agent" : "agents");
  const shown = isFound ? "" : specs.map(shownSpec).join(", ");
  return {
    specs: specs.filter((spec) => spec.connector !== "none"),
    isFound,
    notes: { chosenAgent: { spec: shown, why }, foundUnsupported },
  };
}

export interface StartedAgents {
  readonly agents: readonly LiveAgent[];
  readonly notes: Pick<StartNotes, "chosenAgent" | "foundUnsupported">;
}

/** All that were named, or the first found one that starts. @throws AppError when a named one does not */
export async function startAgents(chosen: ChosenAgents, deps: AgentDeps): Promise<StartedAgents> {
  const { specs, isFound, notes } = chosen;
  const agents: LiveAgent[] = [];
  if (!isFound) {
    for (const spec of specs) agents.push(await createAgent(spec, deps));
    return { agents, notes };
  }
  const failed: string[] = [];
  for (const spec of specs) {
    try {
      const agent = await createAgent(spec, deps);
      const why = whyFound(spec, notes.foundUnsupported, failed);
      return { agents: [agent], notes: { ...notes, chosenAgent: { spec: shownSpec(spec), why } } };
    } catch (error) {
      const { message } = toAppError(error);
      failed.push(`${shownSpec(spec)} did not start: ${message}`);
      deps.log.warn(
        { agent: shownSpec(spec), reason: message },
        "an agent that was found did not start",
      );
    }
  }
  throw new AppError("internal", "No agent could be started.");
}

function whyFound(
  spec: AgentSpec,
  unsupported: StartNotes["foundUnsupported"],
  failed: readonly string[],
): string {
  const others = failed.length === 0 ? "" : `; ${failed.join("; ")}`;
  if (spec.connector !== "rehearsal") return `found on this machine${others}`;
  if (failed.length > 0) return failed.join("; ");
  return unsupported.length > 0
    ? "the agents found on this machine need an adapter that speaks ACP"
    : "no agent was found on this machine";
}

/** As people are told it; never with a key. */
export function shownSpec(spec: AgentSpec): string {
  if (spec.connector === "openai") {
    return `openai:${spec.upstreams.map(({ baseUrl }) => baseUrl).join("+")}`;
  }
  return spec.connector === "acp" ? `acp:${programName(spec.command)}` : spec.connector;
}

export interface AgentDeps extends Pick<Base, "env" | "log" | "paths" | "shutdown" | "system"> {
  readonly script?: RehearsalScript;
  /** What a rehearsed crash does. */
  readonly crash?: () => void;
  readonly agentId?: string;
  readonly label?: string;
  readonly onAgentSession?: AgentSessionTally["record"];
}

/** An agent that can answer at once: a program or an upstream is asked for its models first. Upstreams may be away. */
export async function createAgent(spec: AgentSpec, deps: AgentDeps): Promise<LiveAgent> {
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
  if (spec.connector === "cursor") return await createCursorAgent(spec, deps);
  if (spec.connector === "acp") {
    const { connector: _connector, ...settings } = spec;
    return await startAcpAgent(
      {
        ...settings,
        agentId: deps.agentId ?? `acp:${programName(spec.command)}`,
        ...(deps.label !== undefined && { label: deps.label }),
        ...(deps.onAgentSession !== undefined && { onSession: deps.onAgentSession }),
      },
      deps,
    );
  }
  return await createUpstreams(spec, deps);
}

/** @throws AppError invalid_request naming the file */
export async function readScript(path: string): Promise<RehearsalScript> {
  const file = path.startsWith("~/") ? `${homedir()}${path.slice(1)}` : path;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError("invalid_request", `Cannot read the script ${path}: ${whyUnread(cause)}.`, {
      cause,
    });
  }
  try {
    return parseRehearsalScript(parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it is not YAML";
    throw new AppError("invalid_request", `${path}: ${reason}`, { cause: error });
  }
}

function whyUnread(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  return code === "EACCES" ? "this user may not read it" : code;
}
