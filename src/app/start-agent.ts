// `mlp agent`: a runner beside one agent. It joins a bridge, waits for a human's approval, and runs turns.

import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { openBunSocket } from "../bridge/bun-socket.ts";
import { createRunner } from "../bridge/runner.ts";
import type { AgentSpec } from "../config/agent-spec.ts";
import { AppError } from "../core/error.ts";
import type { Agent } from "../core/ports.ts";
import { loadSecrets } from "../security/secrets.ts";
import { createTokenFile } from "./token-file.ts";
import { createAgent, readScript, shownSpec } from "./agents.ts";
import { linkTiming } from "./link-timing.ts";
import { createShutdown } from "./shutdown.ts";
import { createSystem } from "./system.ts";
import type { Running, StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

export interface AgentSettings extends StartSettings {
  readonly spec: AgentSpec;
  /** A rehearsal script's path. */
  readonly script?: string;
  readonly label?: string;
  /** What the agent is called on the bridge; a second runner of the same name replaces the first. */
  readonly agentId?: string;
  readonly onStatus?: (line: string) => void;
}

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export async function startAgent(settings: AgentSettings): Promise<Running> {
  const { config, env, log, paths, spec } = settings;
  const system = createSystem();
  const shutdown = createShutdown(log);
  const secrets = loadSecrets({ dir: paths.secrets, env, only: ["agentToken"] });
  const agentId = settings.agentId ?? `${spec.connector}@${hostname()}`;
  const script = settings.script === undefined ? undefined : await readScript(settings.script);
  const agent: Agent = await createAgent(spec, {
    system,
    log,
    agentId,
    // A rehearsed crash is a real one: the process dies as an agent's would, without a word to anybody.
    crash: () => process.kill(process.pid, "SIGKILL"),
    ...(settings.label !== undefined && { label: settings.label }),
    ...(script !== undefined && { script }),
  });
  const url = config.mcp.bridge_url;
  const failed = Promise.withResolvers<Error>();
  const runner = createRunner({
    url,
    token: secrets.agentToken.value,
    agent,
    tokens: createTokenFile(join(paths.state, "agents", tokenFileName(url, agentId))),
    clock: system.clock,
    random: system.random,
    log,
    openSocket: openBunSocket,
    ...linkTiming(config),
    onSession: (session) => {
      log.info({ sessionId: session.sessionId, status: session.status, agentId }, "session");
    },
    onState: (state) => {
      log.info({ bridge: url, agentId, ...state }, "bridge link");
      // Denied, revoked or replaced: asking again is for a human to decide.
      if (state.state === "stopped") failed.resolve(new AppError("agent_lost", state.reason));
    },
  });
  shutdown.onClose("bridge link", () => runner.close());
  runner.start();
  return {
    ready: {
      event: "ready",
      api: null,
      bridge: url,
      dashboard: null,
      agent: agentId,
      version: VERSION,
    },
    notes: {
      chosenAgent: { spec: shownSpec(spec), why: "named on the command line" },
      foundUnsupported: [],
      apiKey: "",
      apiKeyFile: null,
    },
    failed: failed.promise,
    close: () => shutdown.close(0),
    abort: () => shutdown.abort(),
  };
}

/** One token per bridge and agent; the names of both may hold anything. */
function tokenFileName(url: string, agentId: string): string {
  const digest = createHash("sha256").update(`${url}\n${agentId}`).digest("hex").slice(0, 16);
  return `${agentId.replaceAll(/[^\w.-]/g, "_").slice(0, 64)}-${digest}.token`;
}
