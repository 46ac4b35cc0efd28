// The configured times of a link, for whoever dials one.

import { DEFAULT_DELAYS } from "../bridge/backoff.ts";
import type { BackoffDelays } from "../bridge/backoff.ts";
import { DEFAULT_TIMES } from "../bridge/liveness.ts";
import type { LinkTimes } from "../bridge/liveness.ts";
import type { Config } from "../config/schema.ts";

export function linkTiming({ mcp }: Config): {
  times: LinkTimes;
  delays: BackoffDelays;
  connectMs: number;
} {
  return {
    times: { ...DEFAULT_TIMES, pingMs: mcp.heartbeat_interval * 1_000 },
    delays: { ...DEFAULT_DELAYS, firstMs: mcp.reconnect_delay * 1_000 },
    connectMs: mcp.connection_timeout * 1_000,
  };
}
