// The settings of agents: which ones `mlp up` starts, each named in a word or described by a block of keys.

import { Type } from "@sinclair/typebox";

import { closed } from "./builders.ts";

/** What `--agent` takes, too. See agent-spec.ts. */
export const AGENT_SPEC_PATTERN = "^(rehearsal|none|cursor|acp:.*\\S.*|openai:https?://\\S+)$";

const agentSpec = Type.String({
  pattern: AGENT_SPEC_PATTERN,
  expects: "`rehearsal`, `cursor`, `acp:<command line>`, `none` or `openai:<base address>[#model]`",
});

function optional(description: string, expects: { pattern?: string; expects?: string } = {}) {
  return Type.Optional(Type.String({ minLength: 1, description, ...expects }));
}

const model = optional("The one model to offer; all of them without it.");
const label = optional("Name to show to people.");

const baseUrl = Type.String({
  pattern: "^https?://\\S+$",
  expects: "an address such as http://127.0.0.1:8080/v1",
  description: "Address of the upstream, with its /v1.",
});

/** What belongs to one upstream, but for its address. Inline keys are for a single one only. */
const ofUpstream = {
  model,
  api_key_env: optional("Variable that holds the key for this upstream.", {
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    expects: "the name of a variable",
  }),
  api_key_file: optional("File that holds the key for this upstream, and nothing else.", {
    pattern: "^(/|~/|[A-Za-z]:)",
    expects: "an absolute path",
  }),
  connect_timeout: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 120,
      description:
        "Seconds that it may take to give its list of models, by which it is seen to be there; 5 without it.",
    }),
  ),
};

const upstream = closed(
  {
    name: optional("What it is called in errors and in the log; its host and port without it."),
    base_url: baseUrl,
    ...ofUpstream,
    weight: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description:
          "Its share of the turns, beside the others that offer the model; 1 without it.",
      }),
    ),
  },
  "One of several upstreams.",
);

const openai = closed(
  {
    connector: Type.Literal("openai"),
    base_url: baseUrl,
    ...ofUpstream,
    api_key: optional("Key for the upstream, in clear."),
    label,
  },
  "An OpenAI-compatible upstream.",
);

const openaiUpstreams = closed(
  {
    connector: Type.Literal("openai"),
    upstreams: Type.Array(upstream, {
      minItems: 1,
      maxItems: 32,
      expects: "a list of one upstream at least",
      description: "They share the turns for a model that several of them offer.",
    }),
    label,
  },
  "Several OpenAI-compatible upstreams as one agent.",
);

const cursor = closed(
  {
    connector: Type.Literal("cursor"),
    command: optional("Path of `cursor-agent`; the one on PATH without it."),
    model,
    workspace: optional(
      "The folder that it works in and may read; an empty one of its own without it.",
      { pattern: "^(/|[A-Za-z]:)", expects: "an absolute path" },
    ),
    label,
  },
  "Cursor's command line program, logged in by you.",
);

const acp = closed(
  {
    connector: Type.Literal("acp"),
    command: Type.Union(
      [Type.String({ minLength: 1 }), Type.Array(Type.String(), { minItems: 1 })],
      {
        description: "The program and its arguments, as one line or as a list.",
        expects: "a command such as `gemini --acp`, or a list of its words",
      },
    ),
    workspace: optional(
      "The folder that it works in and may read; an empty one of its own without it.",
      { pattern: "^(/|[A-Za-z]:)", expects: "an absolute path" },
    ),
    label,
  },
  "A program that speaks the Agent Client Protocol.",
);

export const agents = Type.Array(Type.Union([agentSpec, openai, openaiUpstreams, cursor, acp]), {
  description:
    "Agents that `mlp up` starts, the first being the default. Empty: the first one found on PATH, Cursor's program before those that speak ACP, else the rehearsal agent.",
  default: [],
});
