// A guard over known secrets, and questions that differ in one thing from one that is let in.

import { createGuard, hostsOf } from "../../src/security/guard.ts";
import type { Guard, GuardQuestion, GuardRules } from "../../src/security/guard.ts";
import type { ClientKey } from "../../src/core/ports.ts";

export const PORT = 11_434;
export const CLIENT = `mlp_${"c".repeat(43)}`;
export const CONTROL = `mlp_${"o".repeat(43)}`;
export const BRIDGE = `mlp_${"b".repeat(43)}`;
export const AGENT = `mlp_${"a".repeat(43)}`;
export const WRONG = `mlp_${"w".repeat(43)}`;

export const CLIENT_KEY: ClientKey = {
  id: "key_1",
  label: "test",
  hash: "",
  createdAt: 0,
  expiresAt: null,
  revokedAt: null,
  models: null,
  sessions: null,
};

export function aGuard(rules: Partial<GuardRules> = {}): Guard {
  return createGuard({
    hosts: hostsOf(PORT),
    tokens: { control: CONTROL, bridge: BRIDGE, agent: AGENT },
    keys: { find: (secret) => (secret === CLIENT ? CLIENT_KEY : undefined) },
    limits: { bodyBytes: 10_000, controlBodyBytes: 1_000 },
    ...rules,
  });
}

export interface Asked extends Partial<Omit<GuardQuestion, "header">> {
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** By default a chat request with the client key, as an SDK sends it. `null` takes a header away. */
export function question(asked: Asked = {}): GuardQuestion {
  const { headers = {}, ...rest } = asked;
  const method = rest.method ?? "POST";
  const all: Record<string, string | null> = {
    host: `127.0.0.1:${PORT}`,
    authorization: `Bearer ${CLIENT}`,
    "content-type": method === "POST" ? "application/json" : null,
    ...headers,
  };
  return {
    port: "provider",
    method,
    path: "/v1/chat/completions",
    peer: "127.0.0.1",
    isUpgrade: false,
    ...rest,
    header: (name) => all[name] ?? null,
  };
}

/** `allowed <kind>`, or the code of the refusal: of the request, or of its body to whoever wants to read it. */
export function outcome(guard: Guard, asked: Asked): string {
  const verdict = guard(question(asked));
  const error = verdict.allow ? verdict.unreadable : verdict.error;
  return verdict.allow && error === undefined
    ? `allowed ${verdict.caller.kind}`
    : (error?.code ?? "refused");
}

/** What the refusal says. */
export function messageOf(guard: Guard, asked: Asked): string {
  const verdict = guard(question(asked));
  const error = verdict.allow ? verdict.unreadable : verdict.error;
  if (error === undefined) throw new Error("it was let in");
  return error.message;
}
