// Which session a request goes to, decided from what is known before any agent hears of it.
// Pure: the sessions come in, one of them or the reason why not comes out.

import { AppError } from "../core/error.ts";
import type { Capability, Model } from "../core/model.ts";
import type { Scope, Session } from "../core/session.ts";
import type { TurnRequest } from "../core/turn.ts";
import { isAllowed, isListed, normalName } from "./catalog.ts";
import type { Target } from "./catalog.ts";
import { fillInField } from "./fill-in.ts";

export interface Wanted {
  readonly target: Target;
  /** The name as the client wrote it, for messages. */
  readonly name: string;
  /** A session the client insists on: never falls through to another one. */
  readonly pin: string | undefined;
  /** The sessions and models a key is limited to; `null`: all. */
  readonly allowedSessions: readonly string[] | null;
  readonly allowedModels: readonly string[] | null;
}

export interface Choice {
  readonly session: Session;
  readonly model: Model;
}

/** @throws AppError model_not_found, session_*, consent_required, no_active_session */
export function chooseSession(wanted: Wanted, sessions: readonly Session[]): Choice {
  refuseForeignModel(wanted);
  const { allowedSessions } = wanted;
  const visible =
    allowedSessions === null
      ? sessions
      : sessions.filter(({ sessionId }) => allowedSessions.includes(sessionId));
  if (wanted.pin !== undefined) return choosePinned(wanted, visible, wanted.pin);

  const fitting: Choice[] = [];
  for (const session of visible) {
    const model = isListed(session) ? modelOf(session, wanted.target) : undefined;
    if (model !== undefined) fitting.push({ session, model });
  }
  const ready = fitting.filter(({ session }) => session.status === "active" && session.connected);
  if (ready.length > 0)
    return best(wanted.target.model === undefined ? ofFirstAgent(ready, wanted.target) : ready);
  throw whyNobody(wanted, visible, fitting);
}

function refuseForeignModel(wanted: Wanted): void {
  if (isAllowed(wanted.name, wanted.allowedModels)) return;
  throw new AppError("model_not_found", `This key may not use the model "${shown(wanted.name)}".`, {
    param: "model",
  });
}

function choosePinned(wanted: Wanted, visible: readonly Session[], pin: string): Choice {
  const session = visible.find((each) => each.sessionId === pin);
  if (session === undefined) {
    throw new AppError("session_not_found", "The session named by x-mcp-session does not exist.");
  }
  const model = modelOf(session, wanted.target);
  if (model === undefined) throw modelNotFound(wanted.name);
  return { session, model };
}

function modelOf(session: Session, target: Target): Model | undefined {
  if (target.model === undefined) return session.models[0];
  return session.models.find((model) => normalName(model.id) === target.model);
}

/** The default agent is the first that was configured: the oldest session's agent, of the default bridge's if it can. */
function ofFirstAgent(choices: readonly Choice[], { isDefault }: Target): readonly Choice[] {
  const preferred = choices.filter(({ session }) => isDefault?.(session) === true);
  const from = preferred.length > 0 ? preferred : choices;
  const first = from.reduce((a, b) => (b.session.createdAt < a.session.createdAt ? b : a));
  return from.filter((choice) => choice.session.agentId === first.session.agentId);
}

/** Least loaded, then oldest. */
function best(choices: readonly Choice[]): Choice {
  return choices.reduce((a, b) => {
    const load = b.session.inFlight - a.session.inFlight;
    return load < 0 || (load === 0 && b.session.createdAt < a.session.createdAt) ? b : a;
  });
}

function whyNobody(
  wanted: Wanted,
  visible: readonly Session[],
  fitting: readonly Choice[],
): AppError {
  const suspended = fitting.find(({ session }) => session.status === "suspended");
  if (suspended !== undefined && fitting.every(({ session }) => session.status === "suspended")) {
    return new AppError(
      "session_suspended",
      "The agent's session is suspended. Resume it with: mlp sessions resume",
    );
  }
  if (fitting.length > 0) {
    return new AppError(
      "no_active_session",
      "The agent is away. It is used again when it is back.",
    );
  }
  const waiting = visible.filter((session) => session.status === "pending");
  const asks = waiting.some((session) => modelOf(session, wanted.target) !== undefined);
  if (asks || (waiting.length > 0 && !visible.some(isListed))) {
    return new AppError(
      "consent_required",
      "An agent is waiting for your approval. See it with: mlp sessions list; approve it with: mlp sessions approve",
    );
  }
  if (!visible.some(isListed)) {
    return new AppError(
      "no_active_session",
      "No agent is connected. Start one with: mlp agent <connector>",
    );
  }
  // Whatever the default agent offers would have done, so it offers nothing.
  if (wanted.target.model === undefined) {
    return new AppError(
      "no_active_session",
      "The agent offers no model yet: the server behind it is away. It is used when it is back.",
    );
  }
  return modelNotFound(wanted.name);
}

function modelNotFound(name: string): AppError {
  return new AppError("model_not_found", `model '${shown(name)}' not found`, { param: "model" });
}

/** A name comes from outside and goes into a message: short, and without control characters. */
function shown(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 80);
}

/** What a session must allow for this request. */
export function scopesFor(request: TurnRequest): readonly Scope[] {
  return request.kind === "chat" && (request.tools?.length ?? 0) > 0
    ? ["inference", "tools"]
    : ["inference"];
}

/**
 * The request as the chosen model can serve it. Tools a model cannot use are left out, as model servers do;
 * what would change the meaning of the answer is refused.
 * @throws AppError unsupported
 */
export function fitToModel(request: TurnRequest, model: Model): TurnRequest {
  const can = model.capabilities;
  refuseKind(request, can);
  const named = { ...request, model: model.id };
  if (named.kind !== "chat") return named;
  if (!can.includes("vision") && hasImage(named)) {
    throw new AppError("unsupported", "This model cannot see images.", { param: "messages" });
  }
  if (named.tools === undefined || can.includes("tools")) return named;
  const { tools: _tools, toolChoice: _toolChoice, ...rest } = named;
  return rest;
}

/** Autocomplete is refused here, before anything is counted or run: no agent is started at a keystroke. */
function refuseKind(request: TurnRequest, can: readonly Capability[]): void {
  if (request.kind === "embedding" && !can.includes("embedding")) {
    throw new AppError(
      "unsupported",
      "This model cannot make embeddings: choose one with the capability embedding.",
      { param: "model" },
    );
  }
  if (request.kind !== "embedding" && can.includes("embedding") && !can.includes("completion")) {
    throw new AppError("unsupported", "This model makes embeddings only.", { param: "model" });
  }
  const gap = request.kind === "completion" ? fillInField(request) : undefined;
  if (gap === undefined || can.includes("insert")) return;
  throw new AppError(
    "unsupported",
    "This model cannot fill in the middle: for autocomplete choose one with the capability insert, or switch it off.",
    { param: gap },
  );
}

function hasImage(request: Extract<TurnRequest, { kind: "chat" }>): boolean {
  return request.messages.some((message) => message.content.some((part) => part.type !== "text"));
}
