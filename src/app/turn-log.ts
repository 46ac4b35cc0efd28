// The log's line for a turn's one end: what somebody looks for when an editor "does not answer". The audit has the rest.

import type { Log } from "../core/ports.ts";
import type { TurnRecord } from "../engine/records.ts";

export function logTurn(log: Log, record: TurnRecord): void {
  const { outcome, usage } = record;
  const line = {
    turnId: record.turnId,
    sessionId: record.sessionId,
    agentId: record.agentId,
    keyId: record.keyId,
    endpoint: record.origin.endpoint,
    model: record.model,
    stream: record.stream,
    outcome,
    errorCode: record.errorCode,
    durationMs: toTenths(record.durationMs),
    firstEventMs: record.firstEventMs === undefined ? undefined : toTenths(record.firstEventMs),
    promptTokens: usage?.promptTokens,
    completionTokens: usage?.completionTokens,
    estimated: usage?.estimated,
  };
  if (outcome === "done" || outcome === "client_cancelled") log.info(line, "turn ended");
  else log.warn(line, "turn ended");
}

function toTenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
