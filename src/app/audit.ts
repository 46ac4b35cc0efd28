// The audit of a server: opened where it belongs, and told what happens in its words. What may go on only once it is
// on record (a turn, a grant) asks first; what cannot be refused any more (an end, a revocation) is kept until it can
// be written.

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { AppError, ERRORS, isErrorCode } from "../core/error.ts";
import type { AuditEntry, Clock, SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { AdmissionRecord, RepeatRecord, TurnRecord } from "../engine/records.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { Refusal } from "../http/gate.ts";
import { auditFileOf } from "../observe/audit-files.ts";
import type { AuditOwner } from "../observe/audit-files.ts";
import { createPromptHasher } from "../observe/audit-prompt.ts";
import { openAudit } from "../observe/audit.ts";
import type { AuditFile } from "../observe/audit.ts";
import { createAuthFailures } from "../security/auth-failures.ts";
import type { KeyRing } from "../security/keys.ts";
import { redact } from "../security/redact.ts";
import { createOnce, makePrivateFolder, readPrivate } from "../security/secret-file.ts";
import { shellQuoted } from "../wire/shell.ts";
import type { Base } from "./start.ts";

export interface Trail {
  readonly audit: Pick<
    AuditFile,
    "write" | "writeTogether" | "writeThrough" | "writeWhenPossible" | "synced" | "status"
  >;
  /** HMAC-SHA-256 in hex with the installation's own key. */
  readonly promptHash: (body: Uint8Array) => string;
}

const PROMPT_KEY_BYTES = 32;

/** @throws AppError when the file is not ours to write */
export async function openTrail(base: Base, owner: AuditOwner): Promise<Trail> {
  const { config, paths, log, system, shutdown } = base;
  if (!config.audit.enabled) return noTrail();
  const file = auditFileOf(config.audit.file, paths.state, owner);
  const audit = await openAudit({
    file,
    clock: system.clock,
    log,
    rotateBytes: config.audit.rotate_bytes,
    keep: config.audit.keep,
    censor: redact,
  });
  shutdown.onClose("audit", () => audit.close());
  return { audit, promptHash: createPromptHasher({ key: promptKey(paths.secrets) }) };
}

/** Retries are still recognised by the hash: it then has a key for as long as the process lives. */
function noTrail(): Trail {
  return {
    audit: NO_AUDIT,
    promptHash: createPromptHasher({ key: randomBytes(PROMPT_KEY_BYTES) }),
  };
}

const NO_AUDIT: Trail["audit"] = {
  write: () => undefined,
  writeTogether: () => Promise.resolve(),
  writeThrough: () => Promise.resolve(),
  writeWhenPossible: () => undefined,
  synced: () => Promise.resolve(true),
  status: () => ({ healthy: true, seq: 0, unsynced: 0, waiting: 0 }),
};

function promptKey(secrets: string): Uint8Array {
  const file = join(secrets, "prompt-key");
  makePrivateFolder(secrets);
  const made = (): string => createOnce(file, `${randomBytes(PROMPT_KEY_BYTES).toString("hex")}\n`);
  const key = Buffer.from((readPrivate(file) ?? made()).trim(), "hex");
  if (key.length >= PROMPT_KEY_BYTES) return key;
  throw new AppError(
    "forbidden",
    `${file} holds no usable key. To have a new one, run: rm ${shellQuoted(file)}`,
  );
}

export function admissionEntry(record: AdmissionRecord): AuditEntry {
  return entryOf(record, record.turnId, { eventType: "REQUEST", event: "model_request" });
}

/** A retry that hears an earlier outcome: on record by itself, and never as a second `model_request`. */
export function repeatEntry(record: RepeatRecord): AuditEntry {
  const { requestId, repeats } = record;
  const event = { eventType: "REQUEST", event: "model_request_repeated" } as const;
  return { ...entryOf(record, requestId, event), repeats };
}

/** `bytes`: of the answer's body. */
export function endEntry(record: TurnRecord, bytes: number): AuditEntry {
  const eventType = record.outcome === "done" ? "RESPONSE" : "ERROR";
  return {
    ...entryOf(record, record.turnId, { eventType, event: "model_response" }),
    outcome: record.outcome,
    // A stream's status was sent before its end was known.
    statusCode: record.errorCode === undefined || record.stream ? 200 : statusOf(record.errorCode),
    processingTimeMs: Math.round(record.durationMs),
    responseSizeBytes: bytes,
    promptTokens: record.usage?.promptTokens,
    completionTokens: record.usage?.completionTokens,
    tokensEstimated: record.usage?.estimated,
    errorDetails: record.errorCode,
  };
}

/** Who asked for what, and from where. */
function entryOf(
  record: AdmissionRecord | RepeatRecord,
  requestId: string,
  { eventType, event }: Pick<AuditEntry, "eventType" | "event">,
): AuditEntry {
  const { keyId, peer, model, origin } = record;
  const isKeyless = keyId === "";
  return {
    eventType,
    event,
    requestId,
    sessionId: "sessionId" in record ? record.sessionId : undefined,
    keyId: isKeyless ? undefined : keyId,
    securityFlags: isKeyless ? ["keyless"] : undefined,
    clientIp: peer,
    userAgent: origin.userAgent,
    endpoint: origin.endpoint,
    method: origin.method,
    requestSizeBytes: origin.bytes,
    promptHash: origin.promptHash,
    model,
  };
}

function statusOf(code: string): number {
  return isErrorCode(code) ? ERRORS[code].status : ERRORS.internal.status;
}

/** Refusals worth keeping: of keys, of origins and hosts, of limits. `undefined` for a client's mere mistakes. */
function refusalEntry(refusal: Refusal): AuditEntry | undefined {
  const event = REFUSALS[refusal.error.code];
  if (event === undefined) return undefined;
  return {
    eventType: event === "rate_limit_exceeded" ? "ERROR" : "SECURITY",
    event,
    requestId: refusal.requestId,
    keyId: refusal.keyId,
    clientIp: refusal.peer,
    userAgent: refusal.userAgent,
    endpoint: refusal.path,
    method: refusal.method,
    statusCode: refusal.error.kind.status,
    errorDetails: refusal.error.code,
    securityFlags: [refusal.error.code],
  };
}

/** Of one address at most so many a minute: a stranger without a key must not write the history away. */
const REFUSALS_PER_MINUTE = 60;

export function refusalListener({ audit }: Trail, clock: Clock): (refusal: Refusal) => void {
  const recorded = createAuthFailures({ clock, perMinute: REFUSALS_PER_MINUTE });
  return (refusal) => {
    const entry = refusalEntry(refusal);
    if (entry === undefined || recorded.failed(refusal.peer)) return;
    audit.writeWhenPossible(entry);
  };
}

const REFUSALS: Readonly<Partial<Record<Refusal["error"]["code"], string>>> = {
  invalid_api_key: "authentication",
  forbidden: "security_violation",
  forbidden_origin: "security_violation",
  misdirected: "security_violation",
  rate_limited: "rate_limit_exceeded",
};

/** Sessions and links as they change, whoever changes them. */
export function auditSessions(sessions: SessionDirectory, { audit }: Trail): void {
  const known = new Map<string, Pick<Session, "status" | "connected">>();
  // Those of an earlier start are on record already.
  for (const { sessionId, status, connected } of sessions.list()) {
    if (!ENDED.has(status)) known.set(sessionId, { status, connected });
  }
  sessions.subscribe(({ session }) => {
    const { sessionId, agentId, status, connected } = session;
    const before = known.get(sessionId);
    if (before === undefined && ENDED.has(status)) return;
    known.set(sessionId, { status, connected });
    const entry = (event: string, details: string): void =>
      audit.writeWhenPossible({
        eventType: "SESSION",
        event,
        sessionId,
        outcome: status,
        errorDetails: details,
      });
    if (before === undefined) entry("session_created", `agent ${agentId}`);
    else if (before.status !== status) entry(`session_${status}`, `agent ${agentId}`);
    if (before !== undefined && before.connected !== connected) {
      entry("mcp_connection", connected ? "connected" : "disconnected");
    }
    // Its agent may go later than the session.
    if (ENDED.has(status) && !connected) known.delete(sessionId);
  });
}

const ENDED: ReadonlySet<string> = new Set(["expired", "revoked", "exhausted", "denied"]);

/** What a human grants is on the disk before it holds; what he takes away is taken first. */
export function auditedSessions(sessions: Sessions, { audit }: Trail): Sessions {
  const granting = (event: string, sessionId: string, keyId = "control"): Promise<void> =>
    audit.writeThrough({ eventType: "SESSION", event, sessionId, keyId });
  const taking = async (
    event: string,
    sessionId: string,
    act: (id: string) => Promise<Session>,
  ): Promise<Session> => {
    const session = await act(sessionId);
    audit.writeWhenPossible({ eventType: "SESSION", event, sessionId, keyId: "control" });
    await audit.synced();
    return session;
  };
  return {
    ...sessions,
    approve: async (id, approval) => {
      await granting("session_approve", id);
      return sessions.approve(id, approval);
    },
    resume: async (id) => {
      await granting("session_resume", id);
      return sessions.resume(id);
    },
    extend: async (id, ms) => {
      await granting("session_extend", id);
      return sessions.extend(id, ms);
    },
    register: async (registration) => {
      const { sessionId, owner } = registration;
      await granting("session_register", sessionId, owner);
      return sessions.register(registration);
    },
    deny: (id) => taking("session_deny", id, (each) => sessions.deny(each)),
    suspend: (id) => taking("session_suspend", id, (each) => sessions.suspend(each)),
    revoke: (id) => taking("session_revoke", id, (each) => sessions.revoke(each)),
  };
}

export function auditedKeys(keys: KeyRing, { audit }: Trail): KeyRing {
  const entryFor = (event: string, keyId: string): AuditEntry => ({
    eventType: "SECURITY",
    event,
    keyId,
    endpoint: "/control/keys",
  });
  return {
    ...keys,
    create: (key) => keys.create(key, (id) => audit.writeThrough(entryFor("key_create", id))),
    rotate: (id) => keys.rotate(id, (each) => audit.writeThrough(entryFor("key_rotate", each))),
    revoke: async (id) => {
      const revoked = await keys.revoke(id);
      audit.writeWhenPossible(entryFor("key_revoke", id));
      await audit.synced();
      return revoked;
    },
  };
}
