// Every setting there is: its type, range, default and meaning. The one source for the loader, the environment
// variables, the example file and the JSON Schema. Knows nothing of files or flags.

import { Type } from "@sinclair/typebox";
import type { Static } from "@sinclair/typebox";

import { SCOPES } from "../core/session.ts";
import { closed, flag, nullable, text, texts, whole } from "./builders.ts";
import { agents } from "./schema-agents.ts";
import { audit } from "./schema-audit.ts";
import { mcp } from "./schema-bridges.ts";
import { limits, rateLimiting } from "./schema-limits.ts";

const DAY_SECONDS = 86_400;

const PORT = [0, 65_535] as const;
const SECONDS = [1, 365 * DAY_SECONDS] as const;
const COUNT = [1, 1_000_000_000] as const;

const HTTP_ADDRESS = {
  pattern: "^https?://\\S+$",
  expects: "an address such as http://127.0.0.1:8080/v1",
};

const provider = closed(
  {
    host: text("Address that editors reach the provider at.", "127.0.0.1"),
    port: whole("Port of the provider; 0 picks a free one.", 11_434, PORT),
    debug: flag(
      "Logs at level debug, whatever `logging.level` says, and serves a page about the routes at `/docs`, for a browser at `/k/<key>/docs`.",
      false,
    ),
    workers: Type.Integer({
      description: "Processes that answer on the port: one.",
      default: 1,
      minimum: 1,
      maximum: 1,
      expects:
        "1, since one process serves a port; to share the load, run several nodes (a store that they share, Redis, is not there yet)",
    }),
    enable_streaming: flag("Answers in streams. Without it a request for one is refused.", true),
    enable_ollama_compat: flag(
      "Serves Ollama's routes, which `mlp list`, `ps`, `show` and `run` use too. Without it they are not there.",
      true,
    ),
    allow_remote: flag(
      "Allows a `host` beyond this machine, of the provider or the bridge. Needs `security.allowed_hosts` and `security.allowed_peers` too.",
      false,
    ),
  },
  "The HTTP server that editors talk to.",
);

const logging = closed(
  {
    level: Type.Union(
      (["debug", "info", "warn", "error", "silent"] as const).map((name) => Type.Literal(name)),
      { description: "The least important messages that are still logged.", default: "info" },
    ),
    format: Type.Union(
      (["auto", "json", "pretty"] as const).map((name) => Type.Literal(name)),
      {
        description:
          "Form of the log on stderr: `json` lines, `pretty` lines for people, or `auto`: pretty on a terminal, json otherwise.",
        default: "auto",
      },
    ),
  },
  "The log, which always goes to stderr.",
);

const security = closed(
  {
    api_key: nullable(
      Type.String({ minLength: 16 }),
      "One more client key, given in clear, of at least 16 characters: beside the generated one, or MLP_API_KEY.",
    ),
    keyless: Type.Union([Type.Literal("off"), Type.Literal("same_user")], {
      description:
        "Who may use the models without a key: `off`: nobody; `same_user`: programs of the user that this server runs as. On Linux only.",
      default: "off",
    }),
    allowed_origins: texts(
      "Origins of web pages that may call inference routes, beside those of editors and of this machine.",
      { pattern: "^[a-z][a-z0-9+.-]*://\\S*$", expects: "an origin such as https://ide.example" },
    ),
    allowed_hosts: texts("Host names that requests may ask for, beside those of this machine.", {
      pattern: "^[^\\s/*]+$",
      expects: "a host name such as models.example, without scheme or *",
    }),
    allowed_peers: texts(
      "Networks that may connect when the provider or the bridge listens beyond this machine.",
      {
        pattern: "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
        expects: "an address or network such as 10.0.0.0/8",
      },
    ),
  },
  "Who may connect. What is not named here is refused.",
);

function limit() {
  return Type.Optional(
    Type.Union([Type.Integer({ minimum: COUNT[0], maximum: COUNT[1] }), Type.Null()], {
      description: "null: no limit.",
    }),
  );
}

/** `*` stands for any text. What is not named matches all, so at least one has to be. */
const match = Type.Object(
  {
    agent_id: Type.Optional(Type.String({ minLength: 1 })),
    connector: Type.Optional(Type.String({ minLength: 1 })),
    label: Type.Optional(Type.String({ minLength: 1 })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    expects: "at least one of agent_id, connector, label",
    description: "Which agents: all three are claims of an agent that holds the agent token.",
  },
);

const grant = closed(
  {
    scopes: Type.Optional(Type.Array(Type.Union(SCOPES.map((scope) => Type.Literal(scope))))),
    ttl_seconds: Type.Optional(Type.Integer({ minimum: SECONDS[0], maximum: SECONDS[1] })),
    max_requests: limit(),
    max_tokens: limit(),
  },
  "What they get; what is not named is as in a human's approval.",
);

const policy = closed({ match, grant }, "Approves the agents that match, when they join.");

const sessions = closed(
  {
    session_ttl: whole("Life of an approved session in seconds.", 8 * 3600, SECONDS),
    max_requests: Type.Union(
      [Type.Integer({ minimum: COUNT[0], maximum: COUNT[1] }), Type.Null()],
      {
        description: "Requests that an approved session allows. null: no limit.",
        default: 100,
      },
    ),
    max_tokens: nullable(
      Type.Integer({ minimum: COUNT[0], maximum: COUNT[1] }),
      "Tokens that an approved session allows. null: no limit.",
    ),
    max_sessions: whole("Turns that one client key may have open at once.", 64, [1, 100_000]),
    cleanup_interval: whole("Seconds between looks for sessions that have ended.", 60, SECONDS),
    policies: Type.Array(policy, {
      description:
        "Agents that are approved as they join, the first match counting. Empty: a human approves each.",
      default: [],
    }),
  },
  "What an approval grants unless the approval says otherwise.",
);

const model = closed(
  {
    model_name: text("One more name for the default agent's model.", "cursor-agent"),
    aliases: Type.Record(Type.String({ minLength: 1 }), Type.String({ minLength: 1 }), {
      description:
        "Further model names: the name that an editor asks for, and the model that it means.",
      default: {},
    }),
    context_length: whole(
      "Tokens that editors are told a model takes whose agent does not say. Some take silence for 4,096.",
      128_000,
      [1_024, 100_000_000],
    ),
  },
  "Models as editors see them.",
);

const bridge = closed(
  {
    host: text("Address that agents and providers reach the bridge at.", "127.0.0.1"),
    port: whole("Port of the bridge; 0 picks a free one.", 8787, PORT),
  },
  "The WebSocket hub where agents and providers meet.",
);

const store = closed(
  {
    url: text(
      "Where sessions and keys are kept: `sqlite:` (in the state folder) or `sqlite:<path>`.",
      "sqlite:",
      {
        pattern: "^sqlite:",
        expects: "`sqlite:` or `sqlite:<path>`",
      },
    ),
  },
  "What has to survive a restart.",
);

const telemetry = closed(
  {
    metrics: flag("Serves the figures at `/metrics`.", true),
    otlp_endpoint: nullable(
      Type.String({ ...HTTP_ADDRESS, expects: "an address such as http://127.0.0.1:4318" }),
      "Base address of an OpenTelemetry collector that takes traces over HTTP, without /v1/traces. null: what OTEL_EXPORTER_OTLP_ENDPOINT says, or no traces.",
    ),
    service_name: text("Name of this server in traces.", "mlp"),
  },
  "What others may measure. No prompt, answer or secret is ever in it.",
);

/** The whole configuration, with every default filled in. */
export const Config = closed(
  {
    provider,
    logging,
    security,
    sessions,
    mcp,
    model,
    bridge,
    agents,
    store,
    audit,
    rate_limiting: rateLimiting,
    limits,
    telemetry,
  },
  "Configuration of MCP Local Provider.",
);
export type Config = Static<typeof Config>;

export type AgentEntry = Config["agents"][number];
