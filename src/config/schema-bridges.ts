// The settings of links to bridges in other processes: our own hub, and those of the two implementation guides.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";

import { SCOPES } from "../core/session.ts";
import { closed, flag, nullable, text, whole } from "./builders.ts";

const BRIDGE_URL = {
  pattern: "^wss?://[^\\s?#@]+$",
  expects: "an address such as ws://127.0.0.1:8787",
};

/** The guides' literal `dev-token`, which everybody knows, is too short to be one. */
const BRIDGE_TOKEN = {
  pattern: "^[\\x21-\\x7e]{16,512}$",
  expects: "16 to 512 characters without spaces; the guides' dev-token is no secret",
};

const DIALECTS = ["mlp", "nested", "flat"] as const;
const CAPABILITIES = ["completion", "tools", "insert", "vision", "embedding", "thinking"] as const;

function dialect(description: string, value?: (typeof DIALECTS)[number]) {
  return Type.Union(
    DIALECTS.map((name) => Type.Literal(name)),
    { description, ...(value !== undefined && { default: value }) },
  );
}

function limit(description: string) {
  const count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });
  return Type.Optional(Type.Union([count, Type.Null()], { description }));
}

/** What the bridge's agent is granted here, where the bridge does not register sessions by itself. */
const session = closed(
  {
    scopes: Type.Optional(
      Type.Array(Type.Union(SCOPES.map((scope) => Type.Literal(scope))), {
        description: "Unless said: inference, tools, agent:read.",
      }),
    ),
    ttl_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 365 * 86_400,
        description: "Unless said: as long as the process.",
      }),
    ),
    max_requests: limit("Unless said: no limit."),
    max_tokens: limit("Unless said: no limit."),
  },
  "The standing session of the bridge's agent. A flat bridge always has one; a nested one has it beside those that it registers.",
);

const NAME = {
  pattern: "^[a-z0-9][a-z0-9_-]{0,31}$",
  expects: "a short lower-case name such as office",
};

const entry = closed(
  {
    name: Type.String({ ...NAME, description: "Shown to people, and the owner of its sessions." }),
    url: Type.String({ ...BRIDGE_URL, description: "Address of the bridge." }),
    dialect: dialect("`mlp`: a hub of ours. `nested`, `flat`: the frames of either guide."),
    token: Type.Optional(
      Type.String({
        ...BRIDGE_TOKEN,
        description: "Its secret, in both directions. A nested bridge needs one.",
      }),
    ),
    default: Type.Optional(
      Type.Boolean({ description: "Answers for the default model names. Unless said: the first." }),
    ),
    agent_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: "Which agent a flat bridge asks." }),
    ),
    models: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        minItems: 1,
        expects: "a list with one model at least",
        description: "Names of its models. Unless said: `model.model_name`, or its own name.",
      }),
    ),
    capabilities: Type.Optional(
      Type.Array(Type.Union(CAPABILITIES.map((name) => Type.Literal(name))), {
        description: "What its models can do. Unless said: completion, tools, vision.",
      }),
    ),
    session: Type.Optional(session),
  },
  "A bridge to dial.",
);
export type BridgeEntry = Static<typeof entry>;

export const mcp = closed(
  {
    bridge_url: text(
      "Address of the bridge that `mlp serve` and `mlp agent` join.",
      "ws://127.0.0.1:8787",
      BRIDGE_URL,
    ),
    dialect: dialect(
      "What the bridge at `bridge_url` speaks: `mlp` is a hub of ours; `nested` and `flat` are bridges of other makers, dialled by `mlp serve`.",
      "mlp",
    ),
    bridge_token: nullable(
      Type.String(BRIDGE_TOKEN),
      "Secret of a nested or flat bridge at `bridge_url`. null: MLP_BRIDGE_TOKEN, where that is set.",
    ),
    agent_id: nullable(
      Type.String({ minLength: 1, maxLength: 128 }),
      "Which agent a flat bridge at `bridge_url` asks. null: its only one.",
    ),
    elicitation_approval: flag(
      "Whether a question that an MCP client puts to its own user counts as approval of its session. The client holds the agent token and could answer by itself: true trusts every program that has that token.",
      false,
    ),
    connection_timeout: whole("Seconds that one attempt to connect may take.", 10, [1, 300]),
    heartbeat_interval: whole("Seconds between pings on a link.", 30, [1, 3600]),
    reconnect_attempts: whole(
      "Attempts to reach a nested or flat bridge before it is called degraded; they go on, 30 seconds apart.",
      5,
      [1, 1000],
    ),
    reconnect_delay: whole(
      "Seconds before the second attempt to reconnect (the first is made at once); doubled each time, up to 30.",
      1,
      [1, 30],
    ),
    bridges: Type.Array(entry, {
      description:
        "Bridges that `mlp serve` dials, the first being the default unless one says so. With any, `bridge_url` is dialled too only when `dialect` is nested or flat.",
      default: [],
    }),
  },
  "The link to a bridge in another process.",
);
