// The parts of the OpenAPI document that no single route owns: who may call, which headers there are, and where.

import type { RouteGroup } from "../security/guard-routes.ts";

export type PortName = "provider" | "bridge";

/** Who may call the routes of a group, as the guard decides it. */
export type Access = "public" | "client" | "control";

export function accessTo(port: PortName, group: RouteGroup): Access {
  if (group === "public") return "public";
  if (port === "bridge" || group === "control" || group === "dashboard") return "control";
  return "client";
}

const BEARER = { type: "http", scheme: "bearer" } as const;

const SCHEMES = {
  clientKey: {
    ...BEARER,
    description:
      "A client key: that of the file `secrets/api-key`, of `MLP_API_KEY`, or one made by `mlp keys create`. " +
      "Editors that can send no header use the secret base path of `servers` instead.",
  },
  clientKeyHeader: {
    type: "apiKey",
    in: "header",
    name: "x-api-key",
    description: "The same key, as Anthropic's clients send it. `api-key` is read too.",
  },
  controlToken: {
    ...BEARER,
    description:
      "The control token: that of the file `secrets/control-token` or of `MLP_CONTROL_TOKEN`.",
  },
  bridgeToken: {
    ...BEARER,
    description:
      "The token of a foreign bridge of `mcp.bridges`, which registers its sessions here and sees no others.",
  },
} as const;

const USED: Readonly<Record<Access, readonly (keyof typeof SCHEMES)[]>> = {
  public: [],
  client: ["clientKey", "clientKeyHeader"],
  control: ["controlToken"],
};

/** Any one of them will do. A bridge may ask on the provider's port only. */
export function securityOf(access: Access, isForBridges: boolean): readonly object[] {
  const names = isForBridges ? ([...USED[access], "bridgeToken"] as const) : USED[access];
  return names.map((name) => ({ [name]: [] }));
}

export function securitySchemes(port: PortName): object {
  const { controlToken } = SCHEMES;
  return port === "provider" ? SCHEMES : { controlToken };
}

/** Where the model routes are, too, for editors that cannot send a key. `base` ends without a slash. */
export function secretServer(base: string): object {
  return {
    url: `${base}/k/{key}`,
    description: "The secret base path: whoever knows this address has the key.",
    variables: { key: { default: "mlp_your_client_key", description: "A client key." } },
  };
}

function header(description: string, schema: object): object {
  return { description, schema };
}

const Text = { type: "string" };
const Digits = { type: "string", pattern: "^[0-9]+$" };

export const HEADERS = {
  RequestId: header("Names this request in our logs, and its turn.", Text),
  SessionId: header("The session that answers; absent where an earlier outcome is repeated.", Text),
  ProcessingMs: header("Milliseconds until the answer, or until a stream began.", Digits),
  ShouldRetry: header(
    "`false` where a repetition cannot help or would run an agent twice. SDKs of OpenAI and Anthropic obey it.",
    { const: "false" },
  ),
  RetryAfter: header("Whole seconds to wait, where waiting helps.", Digits),
  RetryAfterMs: header("The same in milliseconds.", Digits),
  Allow: header("The methods that the path takes.", Text),
  Authenticate: header("How to show a key.", { const: "Bearer" }),
  RateLimit: header("The limit over any 60 s; absent where there is none.", Digits),
  RateRemaining: header("What is left of it now.", Digits),
  RateReset: header("Until it is whole again, such as `6m0s`, `1.5s` or `20ms`.", Text),
  RateResetAt: header("When it is whole again, in RFC 3339.", Text),
  Queued: header(
    "On a stream that began while its turn waits for room, in place of `x-session-id`: how many get room up to it.",
    Digits,
  ),
  Notice: header("What of the request was not done as it said.", Text),
} as const;

/** On answers of turns; in OpenAI's form everywhere, in Anthropic's beside it where its clients may come. */
export function rateHeaders(path: string): Readonly<Record<string, keyof typeof HEADERS>> {
  const hasAnthropic = !path.startsWith("/api/");
  const names: [string, keyof typeof HEADERS][] = [];
  for (const unit of ["requests", "tokens"] as const) {
    names.push([`x-ratelimit-limit-${unit}`, "RateLimit"]);
    names.push([`x-ratelimit-remaining-${unit}`, "RateRemaining"]);
    names.push([`x-ratelimit-reset-${unit}`, "RateReset"]);
    if (!hasAnthropic) continue;
    names.push([`anthropic-ratelimit-${unit}-limit`, "RateLimit"]);
    names.push([`anthropic-ratelimit-${unit}-remaining`, "RateRemaining"]);
    names.push([`anthropic-ratelimit-${unit}-reset`, "RateResetAt"]);
  }
  return Object.fromEntries(names);
}

export function headerRefs(names: Readonly<Record<string, keyof typeof HEADERS>>): object {
  return Object.fromEntries(
    Object.entries(names).map(([name, part]) => [name, { $ref: `#/components/headers/${part}` }]),
  );
}

/** Headers of requests that run an agent. */
export const PARAMETERS = {
  SessionPin: {
    name: "x-mcp-session",
    in: "header",
    description:
      "Insists on this session. A pin that is unknown, spent or too narrow is refused; it never falls through to another session.",
    schema: { type: "string", minLength: 1, maxLength: 128 },
    example: "session_S01FBZDRlhLkt55fvFkmzA",
  },
  IdempotencyKey: {
    name: "idempotency-key",
    in: "header",
    description:
      "Names this request. A second one of the same name and body joins the first, or hears its outcome again: no agent runs twice.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
    example: "4f2b7c1e-0b7f-4d0e-9c56-2f8a3a5f7d11",
  },
  RetryCount: {
    name: "x-stainless-retry-count",
    in: "header",
    description:
      "Which repetition this is, as OpenAI's and Anthropic's SDKs count: above 0 is a retry.",
    schema: { type: "integer", minimum: 0, maximum: 100 },
  },
} as const;

export const PARAMETER_REFS: readonly object[] = Object.keys(PARAMETERS).map((name) => ({
  $ref: `#/components/parameters/${name}`,
}));

/** What is in a path. */
export function pathParameter(name: string): object {
  const of: Readonly<Record<string, string>> = {
    id: "Of a session, a key or a turn, as the lists have it.",
    name: "The model's name; it may have slashes in it.",
    digest: "Of a file, as in sha256:…",
    key: "A public key of an Ollama account.",
  };
  return {
    name,
    in: "path",
    required: true,
    ...(of[name] !== undefined && { description: of[name] }),
    schema: { type: "string", minLength: 1 },
  };
}
