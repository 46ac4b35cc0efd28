// Bodies and answers of the control routes. Closed: what is not known here is refused.

import { Type } from "@sinclair/typebox";
import type { Static, TProperties, TSchema } from "@sinclair/typebox";
import { SCOPES } from "../core/session.ts";
import type { Session } from "../core/session.ts";
import type { ListedKey } from "../security/keys.ts";

/** `title` is the name in the OpenAPI document. */
function closed<P extends TProperties>(properties: P, title?: string, description?: string) {
  return Type.Object(properties, {
    additionalProperties: false,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
  });
}

function orNull<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()]);
}

const Count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });
const Seconds = Type.Integer({ minimum: 1, maximum: 366 * 86_400 });
const ScopeName = Type.Union(SCOPES.map((scope) => Type.Literal(scope)));
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 1_000 });

export const ApproveBody = closed(
  {
    approval_hash: Type.Optional(Type.String({ maxLength: 128 })),
    ttl_seconds: Type.Optional(Seconds),
    max_requests: Type.Optional(orNull(Count)),
    max_tokens: Type.Optional(orNull(Count)),
    scopes: Type.Optional(Type.Array(ScopeName, { maxItems: SCOPES.length })),
  },
  "ApproveRequest",
  "What is granted; what is left out is the configured default. `approval_hash` binds the approval to what was shown.",
);

export const ExtendBody = closed({ ttl_seconds: Seconds }, "ExtendRequest");
export const EmptyBody = closed({}, "EmptyRequest");

export const RegisterBody = closed(
  {
    session_id: Type.String({ minLength: 1, maxLength: 200 }),
    session_token: Type.String({ minLength: 1, maxLength: 1_000 }),
    agent_id: Type.String({ minLength: 1, maxLength: 200 }),
    allowed_scopes: Type.Optional(Type.Array(ScopeName, { maxItems: SCOPES.length })),
    ttl_seconds: Type.Optional(Seconds),
    label: Type.Optional(Type.String({ maxLength: 200 })),
  },
  "RegisterRequest",
  "A session that a bridge approved on its side. Unless said otherwise: 300 s, 100 requests, no scopes.",
);

export const RegisteredAnswer = closed(
  {
    registered: Type.String({ description: "The session's id." }),
    status: Type.String(),
    expires_at: orNull(Type.String({ description: "RFC 3339; null: never." })),
  },
  "Registered",
);

export const RevokeBody = closed(
  { session_id: Type.String({ minLength: 1, maxLength: 200 }) },
  "RevokeRequest",
);
export const RevokedAnswer = closed(
  { revoked: Type.String(), status: Type.Literal("success") },
  "Revoked",
  "For sessions that are unknown or have ended, too.",
);

export const CreateKeyBody = closed(
  {
    label: Type.Optional(Type.String({ maxLength: 200 })),
    ttl_seconds: Type.Optional(orNull(Seconds)),
    models: Type.Optional(orNull(Names)),
    sessions: Type.Optional(orNull(Names)),
  },
  "CreateKeyRequest",
  "Null, or left out: no end, all models, all sessions.",
);

const Time = Type.String({ description: "RFC 3339." });

const Model = closed({
  id: Type.String(),
  label: Type.Optional(Type.String()),
  context_length: Type.Optional(Type.Integer()),
  capabilities: Type.Array(Type.String()),
});

export const SessionAnswer = closed(
  {
    session_id: Type.String(),
    agent_id: Type.String(),
    label: Type.String(),
    connector: Type.String(),
    status: Type.String(),
    requested_scopes: Type.Array(Type.String()),
    scopes: Type.Array(Type.String()),
    models: Type.Array(Model),
    created_at: Time,
    expires_at: orNull(Time),
    last_activity: Time,
    request_count: Type.Integer(),
    token_count: Type.Integer(),
    max_requests: orNull(Type.Integer()),
    max_tokens: orNull(Type.Integer()),
    connected: Type.Boolean(),
    in_flight: Type.Integer(),
    approval_hash: Type.String(),
  },
  "Session",
);
type SessionAnswer = Static<typeof SessionAnswer>;

export const SessionsAnswer = closed(
  {
    sessions: Type.Array(SessionAnswer),
    total_count: Type.Integer(),
    active_count: Type.Integer(),
  },
  "Sessions",
);

export const KeyAnswer = closed(
  {
    id: Type.String(),
    label: Type.String(),
    created_at: orNull(Time),
    expires_at: orNull(Time),
    revoked_at: orNull(Time),
    models: orNull(Type.Array(Type.String())),
    sessions: orNull(Type.Array(Type.String())),
  },
  "ClientKey",
);
type KeyAnswer = Static<typeof KeyAnswer>;

export const KeysAnswer = closed({ keys: Type.Array(KeyAnswer) }, "ClientKeys");
export const RevokedKeyAnswer = closed({ key: KeyAnswer }, "RevokedClientKey");
export const NewKeyAnswer = closed(
  { key: KeyAnswer, secret: Type.String() },
  "NewClientKey",
  "The secret is shown this once.",
);

export const TurnsAnswer = closed(
  {
    turns: Type.Array(
      closed({
        turn_id: Type.String(),
        session_id: Type.String(),
        key_id: Type.String(),
        model: Type.String(),
        started_at: Time,
        state: Type.Union([Type.Literal("running"), Type.Literal("queued")]),
        position: Type.Optional(
          Type.Integer({
            description: "Of one that waits for room: from 1, as the keys take turns.",
          }),
        ),
        estimated_wait_ms: Type.Optional(
          orNull(
            Type.Integer({
              description:
                "Of one that waits for room, by the measured times of the agent's turns; null before one has ended.",
            }),
          ),
        ),
      }),
    ),
  },
  "OpenTurns",
);

export const CancelledAnswer = closed({ cancelled: Type.String() }, "CancelledTurn");

export const AgentsAnswer = closed(
  {
    agents: Type.Array(
      closed({
        agent_id: Type.String(),
        label: Type.String(),
        connector: Type.String(),
        session_id: Type.String(),
        status: Type.String(),
        connected: Type.Boolean(),
        in_flight: Type.Integer(),
      }),
    ),
  },
  "Agents",
);

export function encodeSession(session: Session): SessionAnswer {
  return {
    session_id: session.sessionId,
    agent_id: session.agentId,
    label: session.label,
    connector: session.connector,
    status: session.status,
    requested_scopes: [...session.requestedScopes],
    scopes: [...session.scopes],
    models: session.models.map((model) => ({
      id: model.id,
      ...(model.label !== undefined && { label: model.label }),
      ...(model.contextLength !== undefined && { context_length: model.contextLength }),
      capabilities: [...model.capabilities],
    })),
    created_at: isoTime(session.createdAt),
    expires_at: isoTimeOrNull(session.expiresAt),
    last_activity: isoTime(session.lastActivityAt),
    request_count: session.requestCount,
    token_count: session.tokenCount,
    max_requests: session.maxRequests,
    max_tokens: session.maxTokens,
    connected: session.connected,
    in_flight: session.inFlight,
    approval_hash: session.approvalHash,
  };
}

export function encodeKey(key: ListedKey): KeyAnswer {
  return {
    id: key.id,
    label: key.label,
    created_at: isoTimeOrNull(key.createdAt),
    expires_at: isoTimeOrNull(key.expiresAt),
    revoked_at: isoTimeOrNull(key.revokedAt),
    models: key.models && [...key.models],
    sessions: key.sessions && [...key.sessions],
  };
}

export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

function isoTimeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
