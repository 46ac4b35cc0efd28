// The agents of this machine as they are: their version, and, where it is asked for, what they say when they are started.
// Each is asked for a bounded time, in a folder that goes away again; none is prompted.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { probeAcp } from "../agents/acp/probe.ts";
import type { AcpFindings } from "../agents/acp/probe.ts";
import { runCommand } from "../agents/process/command.ts";
import { childEnvironment } from "../agents/process/environment.ts";
import { scratchWorkspace } from "../agents/process/workspace.ts";
import type { Workspace } from "../agents/process/workspace.ts";
import { probeCursor } from "../agents/cursor/probe.ts";
import { toAppError } from "../core/error.ts";
import type { Log } from "../core/ports.ts";
import { redact } from "../security/redact.ts";
import { findCursor } from "./cursor.ts";
import { findAgents, findOnPath } from "./find-agents.ts";
import type { FoundAgent } from "./find-agents.ts";
import { createSystem } from "./system.ts";
import { VERSION } from "./version.ts";

export interface InspectedAgent {
  readonly name: string;
  readonly path: string;
  /** The first line that it says of its version; `undefined` when it says none in time. */
  readonly version: string | undefined;
  /** Whether `mlp` can drive it as it is. */
  readonly isSupported: boolean;
  readonly negotiated?: Negotiated;
  /** Why it could not be started. */
  readonly failure?: string;
}

export interface Negotiated {
  readonly way: "acp" | "print";
  readonly models: number;
  readonly acp?: AcpFindings;
}

export interface InspectSettings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether they are started, too. */
  readonly isStarting: boolean;
}

const VERSION_MS = 3_000;
const START_MS = 20_000;
const VERSION_CHARACTERS = 80;
const silent = (): void => undefined;
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent };

export async function inspectAgents(settings: InspectSettings): Promise<readonly InspectedAgent[]> {
  const { env } = settings;
  const which = (command: string): string | null => findOnPath(command, env);
  const found = findAgents((command) =>
    command === "cursor-agent" ? findCursor(env, which) : which(command),
  );
  if (found.length === 0) return [];
  const parent = mkdtempSync(join(tmpdir(), "mlp-doctor-"));
  try {
    const workspace = scratchWorkspace(parent);
    const inspected: InspectedAgent[] = [];
    // One after the other: together they would take each other's time.
    for (const agent of found) inspected.push(await inspect(agent, workspace, settings));
    return inspected;
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}

async function inspect(
  agent: FoundAgent,
  workspace: Workspace,
  { env, isStarting }: InspectSettings,
): Promise<InspectedAgent> {
  const { name, path, spec } = agent;
  const version = await versionOf(path, workspace, env);
  const about = { name, path, version, isSupported: spec !== undefined };
  if (!isStarting || spec === undefined) return about;
  try {
    return { ...about, negotiated: await negotiate(agent, workspace, env) };
  } catch (error) {
    return { ...about, failure: toAppError(error).message };
  }
}

async function versionOf(
  path: string,
  workspace: Workspace,
  env: InspectSettings["env"],
): Promise<string | undefined> {
  try {
    const { exitCode, output } = await runCommand({
      ...partsOf(),
      command: [path, "--version"],
      cwd: workspace.path,
      env: childEnvironment(env),
      timeMs: VERSION_MS,
    });
    const line = output.trim().split("\n")[0]?.trim().slice(0, VERSION_CHARACTERS) ?? "";
    return exitCode === 0 && line !== "" ? line : undefined;
  } catch {
    return undefined;
  }
}

async function negotiate(
  { name, path, spec }: FoundAgent,
  workspace: Workspace,
  env: InspectSettings["env"],
): Promise<Negotiated> {
  const parts = { ...partsOf(), sha256: createSystem().sha256, env, workspace, version: VERSION };
  if (spec?.connector === "cursor") {
    return await probeCursor({ ...parts, program: path, timeMs: START_MS });
  }
  const command = spec?.connector === "acp" ? spec.command : [path];
  const limits = { startMs: START_MS };
  const acp = await probeAcp({ ...parts, agentId: name, command, limits });
  return { way: "acp", models: acp.models, acp };
}

function partsOf() {
  return { clock: createSystem().clock, log: LOG, redact };
}
