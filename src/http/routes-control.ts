// The control routes: what a human decides about sessions, keys and turns. Control token only; the three that a bridge
// may use too are in routes-registration.ts.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import type { Clock } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import type { Engine } from "../engine/engine.ts";
import type { ListedTurn } from "../engine/open-turns.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { KeyRing } from "../security/keys.ts";
import { createBodyReader } from "./body.ts";
import type { BodyLimits } from "./body.ts";
import * as Control from "./control-schema.ts";
import * as Example from "./examples.ts";
import { operation } from "./operation.ts";

/** Ways a session is changed by its id alone. */
const SIMPLE_CHANGES = ["deny", "suspend", "resume", "revoke"] as const;

/** Of a request that says all by its path: no body is as good as an empty one. */
const NOTHING_TO_SAY = {
  body: Control.EmptyBody,
  bodyMayBeAbsent: true,
  examples: Example.NOTHING,
} as const;

function about(summary: string, schemas: Partial<Parameters<typeof operation>[0]> = {}) {
  return { parse: "none" as const, detail: operation({ summary, tag: "Control", ...schemas }) };
}

export function sessionRoutes(deps: { sessions: Sessions; limits: BodyLimits }) {
  const { sessions, limits } = deps;
  const approveBody = createBodyReader(Control.ApproveBody, limits);
  const extendBody = createBodyReader(Control.ExtendBody, limits);
  const emptyBody = createBodyReader(Control.EmptyBody, limits);
  const answered = { answer: Control.SessionAnswer, refusals: ["session"] as const };

  function agents(): object {
    const live = sessions.list().filter((session) => session.connected);
    return {
      agents: live.map((session) => ({
        agent_id: session.agentId,
        label: session.label,
        connector: session.connector,
        session_id: session.sessionId,
        status: session.status,
        connected: session.connected,
        in_flight: session.inFlight,
      })),
    };
  }

  async function approve(id: string, request: Request): Promise<object> {
    const { value } = await approveBody.read(request);
    const session = await sessions.approve(id, {
      ...(value.approval_hash !== undefined && { approvalHash: value.approval_hash }),
      ...(value.ttl_seconds !== undefined && { ttlMs: value.ttl_seconds * 1_000 }),
      ...(value.max_requests !== undefined && { maxRequests: value.max_requests }),
      ...(value.max_tokens !== undefined && { maxTokens: value.max_tokens }),
      ...(value.scopes !== undefined && { scopes: value.scopes }),
    });
    return Control.encodeSession(session);
  }

  async function extend(id: string, request: Request): Promise<object> {
    const { value } = await extendBody.read(request);
    return Control.encodeSession(await sessions.extend(id, value.ttl_seconds * 1_000));
  }

  async function change(
    id: string,
    request: Request,
    act: (sessionId: string) => Promise<Session>,
  ): Promise<object> {
    if (request.body !== null) await emptyBody.read(request);
    return Control.encodeSession(await act(id));
  }

  return () => {
    const app = new Elysia({ name: "control-sessions", normalize: false })
      .get("/control/agents", agents, about("List agents", { answer: Control.AgentsAnswer }))
      .post(
        "/control/sessions/:id/approve",
        ({ params, request }) => approve(params.id, request),
        about("Approve a session that is pending", {
          body: Control.ApproveBody,
          examples: Example.APPROVE,
          ...answered,
        }),
      )
      .post(
        "/control/sessions/:id/extend",
        ({ params, request }) => extend(params.id, request),
        about("Give a session more time", {
          body: Control.ExtendBody,
          examples: Example.EXTEND,
          ...answered,
        }),
      );
    for (const name of SIMPLE_CHANGES) {
      app.post(
        `/control/sessions/:id/${name}`,
        ({ params, request }: { params: { id: string }; request: Request }) =>
          change(params.id, request, sessions[name]),
        about(`${name[0]?.toUpperCase() ?? ""}${name.slice(1)} a session`, {
          ...NOTHING_TO_SAY,
          ...answered,
        }),
      );
    }
    return app;
  };
}

export function keyRoutes(deps: { keys: KeyRing; limits: BodyLimits }) {
  const { keys, limits } = deps;
  const createBody = createBodyReader(Control.CreateKeyBody, limits);
  const emptyBody = createBodyReader(Control.EmptyBody, limits);

  async function create(request: Request): Promise<object> {
    const { value } = await createBody.read(request);
    const created = await keys.create({
      label: value.label ?? "",
      ...(typeof value.ttl_seconds === "number" && { ttlMs: value.ttl_seconds * 1_000 }),
      models: value.models ?? null,
      sessions: value.sessions ?? null,
    });
    return { key: Control.encodeKey(created.key), secret: created.secret };
  }

  async function rotate(id: string, request: Request): Promise<object> {
    if (request.body !== null) await emptyBody.read(request);
    const rotated = await keys.rotate(id);
    return { key: Control.encodeKey(rotated.key), secret: rotated.secret };
  }

  return () =>
    new Elysia({ name: "control-keys", normalize: false })
      .get(
        "/control/keys",
        () => ({ keys: keys.list().map(Control.encodeKey) }),
        about("List client keys", { answer: Control.KeysAnswer }),
      )
      .post(
        "/control/keys",
        ({ request }) => create(request),
        about("Create a client key", {
          body: Control.CreateKeyBody,
          examples: Example.CREATE_KEY,
          answer: Control.NewKeyAnswer,
        }),
      )
      .post(
        "/control/keys/:id/rotate",
        ({ params, request }) => rotate(params.id, request),
        about("Give a client key a new secret", {
          description: "The old secret ends at once.",
          ...NOTHING_TO_SAY,
          answer: Control.NewKeyAnswer,
          refusals: ["clientKey"],
        }),
      )
      .delete(
        "/control/keys/:id",
        async ({ params }) => ({ key: Control.encodeKey(await keys.revoke(params.id)) }),
        about("Revoke a client key", {
          answer: Control.RevokedKeyAnswer,
          refusals: ["clientKey"],
        }),
      );
}

function stateOf({ queued }: ListedTurn): object {
  if (queued === undefined) return { state: "running" };
  const { position, estimatedWaitMs } = queued;
  return { state: "queued", position, estimated_wait_ms: estimatedWaitMs ?? null };
}

export function turnRoutes(deps: { engine: Engine; clock: Clock; limits: BodyLimits }) {
  const emptyBody = createBodyReader(Control.EmptyBody, deps.limits);

  function list(): object {
    return {
      turns: deps.engine.openTurns().map((turn) =>
        Object.assign(
          {
            turn_id: turn.turnId,
            session_id: turn.sessionId,
            key_id: turn.keyId,
            model: turn.model,
            started_at: Control.isoTime(turn.startedAt),
          },
          stateOf(turn),
        ),
      ),
    };
  }

  async function cancel(id: string, request: Request): Promise<object> {
    if (request.body !== null) await emptyBody.read(request);
    if (deps.engine.cancel(id)) return { cancelled: id };
    throw new AppError("not_found", "No turn of this id is open.");
  }

  return () =>
    new Elysia({ name: "control-turns", normalize: false })
      .get("/control/turns", list, about("List open turns", { answer: Control.TurnsAnswer }))
      .post(
        "/control/turns/:id/cancel",
        ({ params, request }) => cancel(params.id, request),
        about("Cancel an open turn", {
          ...NOTHING_TO_SAY,
          answer: Control.CancelledAnswer,
          refusals: ["openTurn"],
        }),
      );
}
