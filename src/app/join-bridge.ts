// An agent of this process on a bridge elsewhere: the runner beside it, with its secrets and the file that keeps its
// session's token between starts.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { openBunSocket } from "../bridge/bun-socket.ts";
import { createRunner } from "../bridge/runner.ts";
import type { Runner } from "../bridge/runner.ts";
import { AppError } from "../core/error.ts";
import type { Session } from "../core/session.ts";
import { loadSecrets } from "../security/secrets.ts";
import { linkTiming } from "./link-timing.ts";
import type { LiveAgent } from "./live-agent.ts";
import { reportLink } from "./report-link.ts";
import type { Base } from "./start.ts";
import { createTokenFile } from "./token-file.ts";

export interface Joined {
  readonly runner: Runner;
  /** Resolves when asking again is for a human to decide: the session was denied, revoked or taken over. */
  readonly stopped: Promise<AppError>;
}

/** Dials the bridge of the configuration for as long as the process runs. A bridge that is away is no failure. */
export function joinBridge(
  { config, env, log, paths, system, shutdown }: Base,
  agent: LiveAgent,
  onSession: (session: Session) => void = () => undefined,
): Joined {
  const url = config.mcp.bridge_url;
  const { agentId } = agent.info;
  const secrets = loadSecrets({ dir: paths.secrets, env, only: ["agentToken"] });
  const stopped = Promise.withResolvers<AppError>();
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
    onSession: (session) => {
      const { sessionId, status } = session;
      log.info({ sessionId, status, agentId }, "session");
      onSession(session);
    },
    onState: (state) => {
      report(state);
      if (state.state === "stopped") stopped.resolve(new AppError("agent_lost", state.reason));
    },
  });
  shutdown.onClose("bridge link", () => runner.close());
  agent.onModels?.(() => runner.announce());
  runner.start();
  return { runner, stopped: stopped.promise };
}

/** One token per bridge and agent; the names of both may hold anything. */
function tokenFileName(url: string, agentId: string): string {
  const digest = createHash("sha256").update(`${url}\n${agentId}`).digest("hex").slice(0, 16);
  return `${agentId.replaceAll(/[^\w.-]/g, "_").slice(0, 64)}-${digest}.token`;
}
