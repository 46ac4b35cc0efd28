// What settings have to do with each other: all that would keep a server from starting before it touches anything.

import { agentSpecOf, checkNone } from "../config/agent-spec.ts";
import type { Config } from "../config/schema.ts";
import { AppError } from "../core/error.ts";
import { createOriginRule } from "../security/guard-origin.ts";
import { createPeerRule } from "../security/peers.ts";
import { checkBridges } from "./bridge-list.ts";
import { checkExposure } from "./guard-rules.ts";
import { checkKeyless } from "./keyless.ts";

/** One line for each problem. */
export function checkSettings(config: Config): readonly string[] {
  const { security, agents, provider, bridge } = config;
  const names = agents.map((entry) => (typeof entry === "string" ? entry : entry.connector));
  const checks: readonly (() => unknown)[] = [
    ...[...new Set([provider.host, bridge.host])].map((host) => () => checkExposure(config, host)),
    ...security.allowed_origins.map((origin) => () => createOriginRule([origin])),
    ...security.allowed_peers.map((peer) => () => createPeerRule([peer])),
    ...agents.map((entry) => () => agentSpecOf(entry)),
    () => checkNone(names, "agents"),
    () => checkKeyless(config),
    () => checkBridges(config),
  ];
  return checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (error instanceof AppError) return [error.message];
      throw error;
    }
  });
}
