// What a configuration that was read again changes, and what of it only a new start will take over. Pure.

import { isDeepStrictEqual } from "node:util";

import type { Config } from "../config/schema.ts";
import { SETTINGS } from "../config/settings.ts";

/** Settings that a running server takes over; docs/configuration.md says from when on. */
export const RELOADED: ReadonlySet<string> = new Set([
  "rate_limiting.requests_per_minute",
  "rate_limiting.tokens_per_minute",
  "rate_limiting.session_requests_per_minute",
  "rate_limiting.session_tokens_per_minute",
  "limits.max_tokens",
  "limits.reserve_tokens",
  "security.api_key",
  "security.keyless",
  "security.allowed_origins",
  "security.allowed_hosts",
  "security.allowed_peers",
  "mcp.elicitation_approval",
  "logging.level",
  "provider.debug",
]);

/** The settings of `now` that differ from those of the start and do not hold before the next one, by their paths. */
export function waitingForStart(atStart: Config, now: Config): readonly string[] {
  return SETTINGS.map(({ path }) => path).filter(
    (path) =>
      !RELOADED.has(path) && !isDeepStrictEqual(settingAt(atStart, path), settingAt(now, path)),
  );
}

/** The value of a setting, by its path. */
export function settingAt(config: Config, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((inner, step) => (inner as Readonly<Record<string, unknown>>)[step], config);
}
