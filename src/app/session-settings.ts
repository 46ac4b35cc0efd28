// What a session is granted unless its approval says otherwise, from the configuration.

import type { Config } from "../config/schema.ts";
import type { SessionSettings } from "../engine/sessions-grant.ts";

const SECOND_MS = 1_000;

export function sessionSettings({ sessions }: Config): Partial<SessionSettings> {
  return {
    ttlMs: sessions.session_ttl * SECOND_MS,
    maxRequests: sessions.max_requests,
    maxTokens: sessions.max_tokens,
    cleanupIntervalMs: sessions.cleanup_interval * SECOND_MS,
  };
}
