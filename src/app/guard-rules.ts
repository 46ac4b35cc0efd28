// What the guard of a port has to know, from the configuration and the secrets; and what a port must have before
// it may be reached from beyond this machine.

import { AppError } from "../core/error.ts";
import type { BodyLimits } from "../http/body.ts";
import type { AuthFailures } from "../security/auth-failures.ts";
import { hostsOf } from "../security/guard.ts";
import type { GuardRules } from "../security/guard.ts";
import type { KeyRing } from "../security/keys.ts";
import type { Secrets } from "../security/secrets.ts";
import { LOOPBACK_HOSTS } from "./address.ts";
import { sameUserRule } from "./keyless.ts";
import type { StartSettings } from "./types.ts";

export interface GuardRuleParts extends Pick<StartSettings, "config"> {
  /** As it is now: who may come in is taken over while running; what may be read is that of the start. */
  readonly current: () => StartSettings["config"];
  readonly keys: KeyRing;
  readonly secrets: Secrets;
  readonly failures: AuthFailures;
  /** Foreign bridges that register their sessions here. */
  readonly registrars?: readonly { readonly name: string; readonly token: string }[];
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function guardRules(parts: GuardRuleParts, { port }: Address): GuardRules {
  const { limits } = parts.config;
  const { security } = parts.current();
  const { secrets } = parts;
  return {
    hosts: hostsOf(port, security.allowed_hosts),
    allowedOrigins: security.allowed_origins,
    allowedPeers: security.allowed_peers,
    limits: { bodyBytes: limits.body_bytes, controlBodyBytes: limits.control_body_bytes },
    keys: parts.keys,
    failures: parts.failures,
    ...(parts.registrars !== undefined && { bridges: parts.registrars }),
    ...(security.keyless === "same_user" && { keyless: sameUserRule(port) }),
    tokens: {
      control: secrets.controlToken.value,
      bridge: secrets.bridgeToken.value,
      agent: secrets.agentToken.value,
    },
  };
}

/** What may be in a body of a control route. */
export function controlBody({ limits }: StartSettings["config"]): BodyLimits {
  return {
    bodyBytes: limits.control_body_bytes,
    jsonDepth: limits.json_depth,
    setting: "limits.control_body_bytes",
  };
}

/** @throws AppError invalid_request unless everything that makes a wider address safe is there */
export function checkExposure(config: StartSettings["config"], host: string): void {
  if (LOOPBACK_HOSTS.has(host)) return;
  const { security, provider } = config;
  const missing = [
    ...(provider.allow_remote ? [] : ["provider.allow_remote: true"]),
    ...(security.allowed_hosts.length > 0 ? [] : ["security.allowed_hosts"]),
    ...(security.allowed_peers.length > 0 ? [] : ["security.allowed_peers"]),
  ];
  if (missing.length === 0) return;
  throw new AppError(
    "invalid_request",
    `Listening on ${host} lets other machines reach your agent. That needs ${missing.join(", ")} in the configuration.`,
  );
}
