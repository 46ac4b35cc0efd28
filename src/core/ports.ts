// Where the core meets the world. Adapters end in `satisfies …`; composition happens in src/app.

import type { AppError } from "./error.ts";
import type { TurnEvent, Usage } from "./event.ts";
import type { Model } from "./model.ts";
import type { Scope, Session } from "./session.ts";
import type { Turn } from "./turn.ts";

/** What an agent says about itself when it joins. All of it is a claim. */
export interface AgentInfo {
  readonly agentId: string;
  readonly label: string;
  readonly connector: string;
  readonly models: readonly Model[];
  readonly requestedScopes: readonly Scope[];
}

/**
 * Who answers. One turn is one `run`; many may run at once.
 * The iterable follows the grammar of `TurnEvent` and throws `AppError`s. When `signal` aborts, the agent
 * stops for real and the iteration ends by throwing within a second. Consuming slowly must slow the agent
 * down, or fail the turn: never grow without bound. After a finish marked `parked` the signal still counts, until a turn
 * brings the results: nobody will bring them when it aborts.
 */
export interface Agent {
  readonly info: AgentInfo;
  run(turn: Turn, signal: AbortSignal): AsyncIterable<TurnEvent>;
}

/** What a turn needs of a session. `onEnd` is called at most once, when the grant ends under the turn (revoked, expired). */
export interface LeaseRequest {
  readonly scopes: readonly Scope[];
  onEnd(error: AppError): void;
}

/** The right to run one turn. `settle` gives it back, exactly once, with what the agent used. */
export interface Lease {
  readonly session: Session;
  readonly agent: Agent;
  settle(usage: Usage | undefined): void;
  /** Instead of `settle`, where nothing was forwarded: the request does not count. */
  refund(): void;
}

/** The sessions a provider can send turns to: its own hub's, or a remote hub's mirrored here. */
export interface SessionDirectory {
  list(): readonly Session[];
  /** Counts the request atomically; throws `AppError` (session_*, scope_missing, no_active_session) when it is not allowed. */
  acquire(sessionId: string, request: LeaseRequest): Promise<Lease>;
  /** Hears of every change. Returns the way to stop hearing. */
  subscribe(listener: (change: SessionChange) => void): () => void;
}

/** `token` is there once, when a session becomes active or is resumed: for its agent's ears only. */
export interface SessionChange {
  readonly session: Session;
  readonly token?: string;
}

/** An agent that asks to join. With a `token` it resumes the session that the token was issued for. */
export interface JoinRequest {
  readonly info: AgentInfo;
  readonly token?: string;
}

/** The hub's side of the sessions: agents come and go. */
export interface SessionRegistry extends SessionDirectory {
  /** A resumed session (with its rotated token), or a new one, pending or approved by policy. */
  join(request: JoinRequest): Promise<SessionChange>;
  /** While attached, the session's turns go to `agent`. The later attachment wins; detaching twice is harmless. */
  attach(sessionId: string, agent: Agent): () => void;
}

/** A session as the store keeps it: never the token, only its SHA-256 in hex. */
export interface StoredSession extends Omit<Session, "connected" | "inFlight"> {
  /** What opens it: the newest hash, and for a while what opened it before, as `<newest> <previous>` or `<newest> claims`. */
  readonly tokenHash: string | null;
}

/** Each write is durable against the process being killed before its promise resolves. */
export interface SessionStore {
  load(): Promise<readonly StoredSession[]>;
  save(session: StoredSession): Promise<void>;
  /** Adds to the counts; cheaper than `save`. */
  count(sessionId: string, requests: number, tokens: number, at: number): Promise<void>;
  remove(sessionId: string): Promise<void>;
}

/** A client key. The key itself is shown once and never kept: only its SHA-256 in hex. */
export interface ClientKey {
  readonly id: string;
  readonly label: string;
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** `null`: all. */
  readonly models: readonly string[] | null;
  readonly sessions: readonly string[] | null;
}

export interface KeyStore {
  load(): Promise<readonly ClientKey[]>;
  save(key: ClientKey): Promise<void>;
}

/** What a limit counts for: a client key (or a peer's address where there is no key), or a session. */
export interface RateSubject {
  readonly kind: "key" | "session";
  readonly id: string;
  /** Over any 60 s; `null`: none. */
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

/** Where a subject stands after a reservation. Resets are milliseconds until the full limit is free again. */
export interface RateState {
  readonly limitRequests: number | null;
  readonly remainingRequests: number | null;
  readonly resetRequestsMs: number;
  readonly limitTokens: number | null;
  readonly remainingTokens: number | null;
  readonly resetTokensMs: number;
}

/** A request that was let through. Exactly one of the two is called, once; later calls do nothing. */
export interface Reservation {
  /** Of the subject that is closest to its limits. */
  readonly state: RateState;
  /** The turn ended: its real tokens take the place of the reserved ones. `undefined`: the reserved ones stand. */
  settle(tokens: number | undefined): void;
  /** The turn never reached an agent: the request and its tokens are given back. */
  refund(): void;
}

export interface RateLimiter {
  /** Counts for all subjects or for none. @throws AppError rate_limited with `retryAfterMs` */
  reserve(subjects: readonly RateSubject[], tokens: number): Reservation;
  /** Where a subject stands, without counting. */
  look(subject: RateSubject): RateState;
}

/** Everything worth keeping about who did what. Fields as the audit's schema names them; never a prompt or a secret. */
export interface AuditEntry {
  readonly eventType: "REQUEST" | "RESPONSE" | "ERROR" | "SECURITY" | "SESSION";
  /** The finer name: authentication, model_request, rate_limit_exceeded, session_created, security_violation… */
  readonly event: string;
  readonly requestId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly keyId?: string | undefined;
  readonly clientIp?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly method?: string | undefined;
  readonly statusCode?: number | undefined;
  readonly processingTimeMs?: number | undefined;
  readonly requestSizeBytes?: number | undefined;
  readonly responseSizeBytes?: number | undefined;
  /** HMAC-SHA-256 of the body with the installation's own key, in hex. */
  readonly promptHash?: string | undefined;
  readonly model?: string | undefined;
  readonly outcome?: string | undefined;
  readonly promptTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
  /** The counts are our estimate. */
  readonly tokensEstimated?: boolean | undefined;
  /** The request whose outcome this one heard again. */
  readonly repeats?: string | undefined;
  readonly errorDetails?: string | undefined;
  readonly securityFlags?: readonly string[] | undefined;
}

/** The audit. Each fails with `AppError` audit_unavailable when the record cannot be written: then nothing may go on. */
export interface Audit {
  /** Written before it returns; on disk within 100 ms or 256 records. */
  write(entry: AuditEntry): void;
  /** The same for what may wait a moment: resolves when it is written, in one piece with the others of that moment. */
  writeTogether(entry: AuditEntry): Promise<void>;
  /** Resolves when it is on disk. For what a human decides. */
  writeThrough(entry: AuditEntry): Promise<void>;
}

/** Time. `now` is the wall clock (ms since the epoch, for records); `monotonic` (ms) is for measuring and deadlines. */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Calls back once after `ms`, unless cancelled by the function it returns. */
  timer(ms: number, callback: () => void): () => void;
  /** Calls back once, when all that has arrived by now has been heard: for work that is done once for many. */
  soon(callback: () => void): void;
}

export interface Random {
  /** Unguessable, URL-safe, at least 128 bits, with a prefix such as `turn_`. */
  id(prefix: string): string;
  /** 256 bits, URL-safe, with the prefix that secret scanners know: `mlp_…`. */
  secret(): string;
  /** 0 ≤ x < 1, for jitter; not for secrets. */
  fraction(): number;
}

/** Structured logging: fields first. Never a prompt, an answer or a secret. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
