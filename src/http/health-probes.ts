// How the components are asked. A fault that stops every request is `unhealthy`; one that the server waits out, or that
// a human has to end, is `degraded`.

import type { Session } from "../core/session.ts";
import type { Probe } from "./health.ts";
import { encodeLinks } from "./routes-operations.ts";
import type { LinkHealth } from "./routes-operations.ts";

const ANSWER_MS = 2_000;

export interface ProviderState {
  /** Where it listens, as in `http://127.0.0.1:11434`. */
  readonly address: string;
  readonly closing: boolean;
  readonly turnsInFlight: number;
}

/** Whether the port answers, asked over the network as a client would. Any answer is one. */
export function providerProbe(state: () => ProviderState): Probe {
  return async () => {
    const { address, closing, turnsInFlight } = state();
    const details = { turns_in_flight: turnsInFlight };
    if (closing) return { status: "unhealthy", details: { ...details, state: "stopping" } };
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      await (await fetch(`${address}/livez`, { signal })).body?.cancel();
      return { status: "healthy", details: { ...details, state: "listening" } };
    } catch {
      return { status: "unhealthy", details: { ...details, state: "not listening" } };
    }
  };
}

/** A link that is away is dialled for ever: until it stands there is an answer to every request, but no turn. */
export function bridgeProbe(link: () => LinkHealth): Probe {
  return () => {
    const health = link();
    const all = [health, ...(health.bridges ?? [])];
    const stands = all.every(({ status }) => status === "embedded" || status === "connected");
    const details = encodeLinks(health);
    return Promise.resolve({ status: stands ? "healthy" : "degraded", details });
  };
}

/** Well as long as one agent can be asked. None: a human has to start one, or to approve it. */
export function agentsProbe(sessions: () => readonly Session[]): Probe {
  return () => {
    const all = sessions();
    const active = all.filter(({ status }) => status === "active");
    const connected = active.filter((session) => session.connected);
    return Promise.resolve({
      status: connected.length > 0 ? "healthy" : "degraded",
      details: {
        active: active.length,
        connected: connected.length,
        pending: all.filter(({ status }) => status === "pending").length,
        connectors: [...new Set(connected.map(({ connector }) => connector))],
      },
    });
  };
}

/** `read`: anything small that the store has to look up. */
export function storeProbe(read: () => Promise<unknown>): Probe {
  return async () => {
    await read();
    return { status: "healthy", details: { state: "readable" } };
  };
}

export interface AuditState {
  readonly healthy: boolean;
  readonly lastError?: string | undefined;
  readonly seq: number;
  readonly unsynced: number;
  readonly waiting: number;
}

/** An audit that cannot be written stops every turn. */
export function auditProbe(status: () => AuditState): Probe {
  return () => {
    const { healthy, lastError, seq, unsynced, waiting } = status();
    return Promise.resolve({
      status: healthy ? "healthy" : "unhealthy",
      details: {
        records: seq,
        unsynced,
        waiting,
        ...(lastError !== undefined && { error: lastError }),
      },
    });
  };
}
