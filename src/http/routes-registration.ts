// The guides' three control routes, by which a bridge that approves sessions on its side makes them known here. A foreign
// bridge's own token sees and touches its own sessions only; the control token all of them.

import { Elysia } from "elysia";
import type { Session } from "../core/session.ts";
import { registeredConnector } from "../engine/sessions-book.ts";
import type { Sessions } from "../engine/sessions.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import * as Control from "./control-schema.ts";
import * as Example from "./examples.ts";
import { operation } from "./operation.ts";
import type { Visits } from "./visit.ts";

export interface RegistrationDeps {
  readonly sessions: Sessions;
  readonly visits: Visits;
  readonly limits: BodyLimits;
}

function about(notes: Omit<Parameters<typeof operation>[0], "tag">) {
  return {
    parse: "none" as const,
    detail: operation({ tag: "Control", forBridges: true, ...notes }),
  };
}

export function registrationRoutes({ sessions, visits, limits }: RegistrationDeps) {
  const registerBody = createBodyReader(Control.RegisterBody, limits);
  const revokeBody = createBodyReader(Control.RevokeBody, limits);

  /** The foreign bridge that asks; `undefined` for whoever holds the control token. */
  function bridgeOf(request: Request): string | undefined {
    return visits.of(request)?.caller.bridge;
  }

  function mayTouch(request: Request, { connector }: Session): boolean {
    const bridge = bridgeOf(request);
    return bridge === undefined || connector === registeredConnector(bridge);
  }

  function list(request: Request): object {
    const seen = sessions.list().filter((session) => mayTouch(request, session));
    return {
      sessions: seen.map(Control.encodeSession),
      total_count: seen.length,
      active_count: seen.filter((session) => session.status === "active").length,
    };
  }

  async function register(request: Request): Promise<object> {
    const { value } = await registerBody.read(request);
    const session = await sessions.register({
      sessionId: value.session_id,
      sessionToken: value.session_token,
      agentId: value.agent_id,
      owner: bridgeOf(request) ?? "control",
      ...(value.allowed_scopes !== undefined && { scopes: value.allowed_scopes }),
      ...(value.ttl_seconds !== undefined && { ttlMs: value.ttl_seconds * 1_000 }),
      ...(value.label !== undefined && { label: value.label }),
    });
    const { session_id, status, expires_at } = Control.encodeSession(session);
    return { registered: session_id, status, expires_at };
  }

  /** Succeeds for sessions that are unknown, or have ended already; somebody else's are unknown. */
  async function revoke(request: Request): Promise<object> {
    const { value } = await revokeBody.read(request);
    const id = value.session_id;
    const session = sessions.get(id);
    if (session !== undefined && mayTouch(request, session)) await end(session);
    return { revoked: id, status: "success" };
  }

  async function end({ sessionId, status }: Session): Promise<void> {
    if (status === "active" || status === "suspended") await sessions.revoke(sessionId);
    if (status === "pending") await sessions.deny(sessionId);
  }

  return () =>
    new Elysia({ name: "control-registration", normalize: false })
      .get(
        "/control/sessions",
        ({ request }) => list(request),
        about({ summary: "List sessions", answer: Control.SessionsAnswer }),
      )
      .post(
        "/control/register",
        ({ request }) => register(request),
        about({
          summary: "Register a session of a foreign bridge",
          description: "For a bridge that approves on its side. Registering an id again renews it.",
          body: Control.RegisterBody,
          examples: Example.REGISTER,
          answer: Control.RegisteredAnswer,
          refusals: ["session"],
        }),
      )
      .post(
        "/control/revoke",
        ({ request }) => revoke(request),
        about({
          summary: "Revoke a session",
          body: Control.RevokeBody,
          examples: Example.REVOKE,
          answer: Control.RevokedAnswer,
          refusals: ["session"],
        }),
      );
}
