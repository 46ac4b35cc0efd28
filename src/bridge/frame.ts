// The frames of protocol mlp.v1: one closed schema each, the single source of their types and of the AsyncAPI
// document. Shapes only: who may say what is in decode.ts, what a turn looks like inside is in payload.ts.

import { type Static, Type } from "@sinclair/typebox";
import { Payload, ResultsMessage, ToolCallDelta, ToolResults, WholeChoice } from "./payload.ts";
import { closed, Count, described, oneOf } from "./shape.ts";

/** The number that `hello` states: this is mlp.v1. */
export const PROTOCOL_VERSION = 1;

const Id = Type.String({ minLength: 1, maxLength: 128 });
const Name = Type.String({ minLength: 1, maxLength: 256 });
const Limit = Type.Integer({ minimum: 4096, maximum: 1024 * 1024 * 1024 });
/** A wish or a record; words that this version does not know are left out when read. */
const Scopes = Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 });
/** A session's token is a secret of 256 bits: long enough to hold one, too short to be a payload. */
const Token = Type.String({ minLength: 1, maxLength: 512 });

export const ModelEntry = closed({
  id: Name,
  label: Type.Optional(Name),
  context_length: Type.Optional(described(Count, "In tokens.")),
  capabilities: Type.Array(
    oneOf("completion", "tools", "insert", "vision", "embedding", "thinking"),
    { maxItems: 16 },
  ),
});
export type ModelEntry = Static<typeof ModelEntry>;
const Models = Type.Array(ModelEntry, { maxItems: 1000 });

export const WireError = closed({
  code: Type.String({
    maxLength: 64,
    description: "An error code of the HTTP routes; any other reads as `agent_error`.",
  }),
  message: Type.String({ maxLength: 4096, description: "For people." }),
});
export type WireError = Static<typeof WireError>;

export const WireUsage = closed({
  prompt_tokens: Count,
  completion_tokens: Count,
  reasoning_tokens: Type.Optional(Count),
  cached_tokens: Type.Optional(Count),
  estimated: Type.Optional(Type.Boolean()),
});
export type WireUsage = Static<typeof WireUsage>;

const Capabilities = Type.Record(Type.String({ maxLength: 64 }), Type.Boolean(), {
  maxProperties: 64,
});

const FinishReason = oneOf("stop", "length", "tool_calls", "content_filter");

/** First word of whoever dials in. All of it is a claim. */
export const HelloFrame = closed({
  type: Type.Literal("hello"),
  protocol: Type.Integer({ description: "1." }),
  role: described(oneOf("agent", "provider"), "Has to agree with the secret of the upgrade."),
  agent_id: Name,
  label: Name,
  connector: Type.Optional(Name),
  models: Models,
  capabilities: described(
    Capabilities,
    "What its models can do, and what of this protocol it understands. Unknown names are ignored.",
  ),
  requested_scopes: described(Scopes, "A wish: what is granted is in the session's record."),
  session_token: Type.Optional(
    described(
      Token,
      "An agent's: resumes its session without a new approval. In a later `hello`, where the hub has the capability `session_token_kept`: the one that it keeps now.",
    ),
  ),
});
export type HelloFrame = Static<typeof HelloFrame>;

/** What the hub takes. */
const WireLimits = closed({
  invoke_bytes: described(
    Limit,
    "Largest frame that asks (`model_invoke`, `tool_results`), in bytes of its UTF-8 text.",
  ),
  answer_bytes: described(Limit, "Largest frame of every other kind."),
  credit_bytes: described(Limit, "Bytes of stream chunks that every turn begins with."),
  turns: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    description: "Turns open at once on this link.",
  }),
});
export type WireLimits = Static<typeof WireLimits>;

export const WelcomeFrame = closed({
  type: Type.Literal("welcome"),
  link_id: Id,
  limits: WireLimits,
  version: Type.Optional(Name),
  capabilities: Type.Optional(
    described(
      Capabilities,
      "What of this protocol the hub understands: said only of what `hello` named, so that nobody gets a field it does not know.",
    ),
  ),
  session: Type.Optional(described(Id, "To an agent: its session's id.")),
  session_count: Type.Optional(
    described(
      Count,
      "To a provider: how many `session` frames follow that are the state as it stands; later ones are changes.",
    ),
  ),
});
export type WelcomeFrame = Static<typeof WelcomeFrame>;

/** Times are milliseconds since the epoch; null limits mean none. */
export const SessionFrame = closed({
  type: Type.Literal("session"),
  session_id: Id,
  agent_id: Name,
  status: oneOf("pending", "active", "suspended", "expired", "revoked", "exhausted", "denied"),
  scopes: Scopes,
  expires_at: Type.Union([Type.Number(), Type.Null()], {
    description: "Milliseconds since the epoch; null: never.",
  }),
  models: Models,
  session_token: Type.Optional(
    described(Token, "For its agent only, once: on becoming active and at each resume."),
  ),
  label: Type.Optional(Type.String({ maxLength: 256 })),
  connector: Type.Optional(Type.String({ maxLength: 256 })),
  connected: Type.Optional(Type.Boolean()),
  requested_scopes: Type.Optional(Scopes),
  created_at: Type.Optional(Type.Number()),
  last_activity_at: Type.Optional(Type.Number()),
  in_flight: Type.Optional(Count),
  request_count: Type.Optional(Count),
  token_count: Type.Optional(Count),
  max_requests: Type.Optional(Type.Union([Count, Type.Null()])),
  max_tokens: Type.Optional(Type.Union([Count, Type.Null()])),
  approval_hash: Type.Optional(Type.String({ maxLength: 256 })),
});
export type SessionFrame = Static<typeof SessionFrame>;

export const InvokeFrame = closed({
  type: Type.Literal("model_invoke"),
  id: Id,
  session_id: Id,
  model_meta: closed({
    provider: Name,
    label: Type.String({ maxLength: 256 }),
    requested_scopes: described(
      Scopes,
      "From a provider a wish that the hub ignores; from the hub what the session's record grants.",
    ),
    owner: Type.Optional(
      described(Name, "Who asks: an agent's memory of a conversation is for this one alone."),
    ),
  }),
  payload: Payload,
  deadline_ms: described(Count, "How long the whole turn may take, in milliseconds from now."),
});
export type InvokeFrame = Static<typeof InvokeFrame>;

/** A new turn that goes on with the parked turn `resumes`. */
export const ToolResultsFrame = closed({
  type: Type.Literal("tool_results"),
  id: Id,
  session_id: Id,
  resumes: described(Id, "The id of the parked turn."),
  model: Name,
  stream: Type.Boolean(),
  results: ToolResults,
  message: Type.Optional(ResultsMessage),
  requested_scopes: Type.Optional(Scopes),
  deadline_ms: Count,
});
export type ToolResultsFrame = Static<typeof ToolResultsFrame>;

export const ChunkFrame = closed({
  type: Type.Literal("model_stream_chunk"),
  id: Id,
  chunk_index: described(Count, "From 0, without gaps."),
  delta: closed({
    content: Type.Optional(Type.String()),
    reasoning: Type.Optional(Type.String()),
    tool_calls: Type.Optional(Type.Array(ToolCallDelta, { maxItems: 256 })),
  }),
  finish_reason: Type.Optional(
    described(FinishReason, "On the last chunk of the turn, and only there."),
  ),
  usage: Type.Optional(WireUsage),
  parked: Type.Optional(
    Type.Boolean({
      description: "With `finish_reason`: the agent waits for `tool_results`.",
    }),
  ),
});
export type ChunkFrame = Static<typeof ChunkFrame>;

/** A whole answer, or the failure of a turn, streamed or not. `result` goes with `ok`, `error` with the others. */
export const ResultFrame = closed({
  type: Type.Literal("model_result"),
  id: Id,
  status: oneOf("ok", "error", "timeout"),
  result: Type.Optional(
    closed({
      choices: Type.Array(WholeChoice, { minItems: 1, maxItems: 1 }),
      usage: Type.Optional(WireUsage),
      embeddings: Type.Optional(Type.Array(Type.Array(Type.Number()))),
      parked: Type.Optional(Type.Boolean()),
    }),
  ),
  error: Type.Optional(WireError),
});
export type ResultFrame = Static<typeof ResultFrame>;

/** Of a turn that ended `parked`: nobody will bring the results. */
export const CancelFrame = closed({
  type: Type.Literal("cancel"),
  id: Id,
  reason: Type.String({
    maxLength: 256,
    description: "An error code where one fits; anything else is for people.",
  }),
});
export type CancelFrame = Static<typeof CancelFrame>;

const Credit = Type.Integer({
  minimum: 1,
  maximum: 1024 * 1024 * 1024,
  description: "Bytes, on top of what was left.",
});
export const FlowFrame = closed({ type: Type.Literal("flow"), id: Id, credit: Credit });
export type FlowFrame = Static<typeof FlowFrame>;

/** With `id` it ends that turn, without it is about the link. */
export const ErrorFrame = closed({
  type: Type.Literal("error"),
  id: Type.Optional(Id),
  error: WireError,
});
export type ErrorFrame = Static<typeof ErrorFrame>;

const Timestamp = Type.Number({ description: "The pinging end's own; the pong repeats it." });
export const PingFrame = closed({ type: Type.Literal("ping"), timestamp: Timestamp });
export const PongFrame = closed({ type: Type.Literal("pong"), timestamp: Timestamp });

/** `type` → schema. */
export const FRAMES = {
  hello: HelloFrame,
  welcome: WelcomeFrame,
  session: SessionFrame,
  model_invoke: InvokeFrame,
  model_stream_chunk: ChunkFrame,
  model_result: ResultFrame,
  tool_results: ToolResultsFrame,
  cancel: CancelFrame,
  flow: FlowFrame,
  error: ErrorFrame,
  ping: PingFrame,
  pong: PongFrame,
} as const;

export type FrameType = keyof typeof FRAMES;
export type Frame = { [K in FrameType]: Static<(typeof FRAMES)[K]> }[FrameType];
/** A frame that opens a turn. */
export type AskFrame = InvokeFrame | ToolResultsFrame;
