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
import { reportLink } from "./report-link.ts";
import { start } from "./start.ts";
import type { Base } from "./start.ts";
import type { Running, StartSettings } from "./types.ts";

export interface AgentSettings extends StartSettings {
  readonly spec: AgentSpec;
  /** A rehearsal script's path. */
  readonly script?: string;
  readonly label?: string;
  /** What the agent is called on the bridge; a second runner of the same name replaces the first. */
  readonly agentId?: string;
}

/** @throws AppError saying what keeps it from starting; a bridge that is away does not */
export function startAgent(settings: AgentSettings): Promise<Running> {
  return start(settings, async (base) => {
    const { config, log, paths, system, shutdown } = base;
    const url = config.mcp.bridge_url;
    const agent = await openAgent(settings, base);
    const { agentId } = agent.info;
    const secrets = loadSecrets({ dir: paths.secrets, env: base.env, only: ["agentToken"] });
    const failed = Promise.withResolvers<Error>();
    const report = reportLink(log, { url, secret: "MLP_AGENT_TOKEN", about: { agentId } });
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
      onSession: ({ sessionId, status }) => log.info({ sessionId, status, agentId }, "session"),
      onState: (state) => {
        report(state);
        // Denied, revoked or replaced: asking again is for a human to decide.
        if (state.state === "stopped") failed.resolve(new AppError("agent_lost", state.reason));
      },
    });
    shutdown.onClose("bridge link", () => runner.close());
    runner.start();
    return {
      api: null,
      bridge: url,
      agent: agentId,
      notes: {
        chosenAgent: { spec: shownSpec(settings.spec), why: "named on the command line" },
        foundUnsupported: [],
        apiKey: "",
        apiKeyFile: null,
      },
      failed: failed.promise,
    };
  });
}

async function openAgent(settings: AgentSettings, { system, log }: Base): Promise<Agent> {
  const { spec, label } = settings;
  const script = settings.script === undefined ? undefined : await readScript(settings.script);
  return createAgent(spec, {
    system,
    log,
    agentId: settings.agentId ?? `${spec.connector}@${hostname()}`,
    // A rehearsed crash is a real one: the process dies as an agent's would, without a word to anybody.
    crash: () => process.kill(process.pid, "SIGKILL"),
    ...(label !== undefined && { label }),
    ...(script !== undefined && { script }),
  });
}

/** One token per bridge and agent; the names of both may hold anything. */
function tokenFileName(url: string, agentId: string): string {
  const digest = createHash("sha256").update(`${url}\n${agentId}`).digest("hex").slice(0, 16);
  return `${agentId.replaceAll(/[^\w.-]/g, "_").slice(0, 64)}-${digest}.token`;
}
