// What is written down of a request, before its agent hears of it and at its end: for the log, the audit and metrics.

import type { Outcome, Usage } from "../core/event.ts";
import type { ResumeRequest, TurnRequest } from "../core/turn.ts";

/** Where a request came from, for the record; never what it said. */
export interface RequestOrigin {
  readonly userAgent: string | undefined;
  readonly endpoint: string;
  readonly method: string;
  readonly bytes: number;
  /** A keyed hash of the body, by which a prompt can be recognised and not be read. */
  readonly promptHash: string;
}

/** What is written down of a request that hears another one's outcome, before it does: no agent hears of it. */
export interface RepeatRecord {
  readonly requestId: string;
  /** The turn whose outcome it hears. */
  readonly repeats: string;
  readonly keyId: string;
  readonly peer: string;
  readonly model: string;
  readonly origin: RequestOrigin;
}

/** What is written down of a turn before its agent hears of it. */
export interface AdmissionRecord {
  readonly turnId: string;
  readonly sessionId: string;
  readonly agentId: string;
  readonly connector: string;
  readonly keyId: string;
  readonly peer: string;
  readonly model: string;
  readonly origin: RequestOrigin;
}

/** What is written down of a turn's end. Durations in milliseconds; never a prompt or an answer. */
export interface TurnRecord extends AdmissionRecord {
  readonly kind: TurnRequest["kind"] | ResumeRequest["kind"];
  readonly stream: boolean;
  readonly startedAt: number;
  readonly outcome: Outcome;
  readonly errorCode: string | undefined;
  readonly durationMs: number;
  readonly firstEventMs: number | undefined;
  readonly usage: Usage | undefined;
}
