// Flags of the commands that decide about sessions and keys. Their code is loaded when they are called.

import { buildCommand, buildRouteMap } from "@stricli/core";

import type { CliContext } from "./context.ts";
import { withContext } from "./context.ts";
import * as Form from "./flag-forms.ts";
import type { ClientFlags, TableFlags } from "./flags.ts";
import type { CreateKeyFlags } from "./keys.ts";
import type { ApproveFlags } from "./sessions-approve.ts";
import type { ExtendFlags } from "./sessions.ts";

const tableFlags = { url: Form.url, json: Form.json } as const;
const sessionName = {
  kind: "tuple",
  parameters: [Form.argument("Session id, or the agent's id or label", "session|agent")],
} as const;
/** For what is easily taken back or asks first: without a name, the only one that it can be about. */
const sessionNameOrOnly = {
  kind: "tuple",
  parameters: [{ ...sessionName.parameters[0], optional: true }],
} as const;
const keyId = { kind: "tuple", parameters: [Form.argument("Id of the key", "key")] } as const;

const resume = buildCommand<ClientFlags, [string?], CliContext>({
  loader: async () => withContext((await import("./sessions.ts")).changeSession("resume")),
  parameters: { flags: { url: Form.url }, positional: sessionNameOrOnly },
  docs: { brief: "Let a paused session go on" },
});

function change(name: "deny" | "suspend" | "revoke", brief: string) {
  return buildCommand<ClientFlags, [string], CliContext>({
    loader: async () => withContext((await import("./sessions.ts")).changeSession(name)),
    parameters: { flags: { url: Form.url }, positional: sessionName },
    docs: { brief },
  });
}

const listSessions = buildCommand<TableFlags, [], CliContext>({
  loader: async () => withContext((await import("./sessions.ts")).listSessions),
  parameters: { flags: tableFlags },
  docs: { brief: "List sessions: who asks, who may answer, and how much is left" },
});

const approve = buildCommand<ApproveFlags, [string?], CliContext>({
  loader: async () => withContext((await import("./sessions-approve.ts")).approveSession),
  parameters: {
    flags: {
      url: Form.url,
      yes: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Do not ask; needed without a terminal",
      },
      ttl: { ...Form.duration, optional: true },
      "max-requests": Form.limit(
        "Requests that are allowed, or none for no limit; default sessions.max_requests",
      ),
      "max-tokens": Form.limit(
        "Tokens that are allowed, or none for no limit; default sessions.max_tokens",
      ),
      scopes: Form.names(
        "inference, tools, agent:read, agent:write, agent:exec; default: the first three, as far as it asks for them",
      ),
    },
    positional: sessionNameOrOnly,
  },
  docs: { brief: "Let an agent answer: shows who asks for what first" },
});

const extend = buildCommand<ExtendFlags, [string], CliContext>({
  loader: async () => withContext((await import("./sessions.ts")).extendSession),
  parameters: { flags: { url: Form.url, ttl: Form.duration }, positional: sessionName },
  docs: { brief: "Give a session more time" },
});

export const sessionsRoutes = buildRouteMap({
  routes: {
    list: listSessions,
    approve,
    deny: change("deny", "Refuse an agent that asks"),
    suspend: change("suspend", "Pause a session"),
    resume,
    revoke: change("revoke", "End a session, and what it is answering, at once"),
    extend,
  },
  aliases: { ls: "list" },
  docs: { brief: "Decide which agents may answer" },
});

const listKeys = buildCommand<TableFlags, [], CliContext>({
  loader: async () => withContext((await import("./keys.ts")).listKeys),
  parameters: { flags: tableFlags },
  docs: { brief: "List client keys" },
});

const createKey = buildCommand<CreateKeyFlags, [], CliContext>({
  loader: async () => withContext((await import("./keys.ts")).createKey),
  parameters: {
    flags: {
      ...tableFlags,
      label: Form.text("Name to know the key by", "text"),
      ttl: { ...Form.duration, optional: true },
      models: Form.names("Models that the key may use; all without it"),
      sessions: Form.names("Sessions that the key may use; all without it"),
    },
  },
  docs: { brief: "Make a key for an editor; it is shown once" },
});

const rotateKey = buildCommand<TableFlags, [string], CliContext>({
  loader: async () => withContext((await import("./keys.ts")).rotateKey),
  parameters: { flags: tableFlags, positional: keyId },
  docs: { brief: "Replace a key by a new one; the old one ends" },
});

const revokeKey = buildCommand<ClientFlags, [string], CliContext>({
  loader: async () => withContext((await import("./keys.ts")).revokeKey),
  parameters: { flags: { url: Form.url }, positional: keyId },
  docs: { brief: "End a key" },
});

export const keysRoutes = buildRouteMap({
  routes: { create: createKey, list: listKeys, revoke: revokeKey, rotate: rotateKey },
  aliases: { ls: "list" },
  docs: { brief: "Keys that editors use" },
});
