// What an agent says about itself: refused when a human could be misled by it, and what an approval is bound to.
// Pure: knows no record, no clock, no store.

import { AppError } from "../core/error.ts";
import type { Model } from "../core/model.ts";
import type { AgentInfo } from "../core/ports.ts";
import { SCOPES, isScope } from "../core/session.ts";
import type { Scope, Session } from "../core/session.ts";

/** Bounds of a claim, in characters and entries. */
const MAX_AGENT_ID = 128;
const MAX_LABEL = 128;
const MAX_MODELS = 1_000;
const MAX_MODEL_TEXT = 256;

/**
 * Control characters, bidirectional marks, zero-width and other invisible ones, line separators and lone
 * surrogates: with these a name can look like another one on a screen, or split a line of a log.
 */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** No colon: `bridge:<name>` marks the sessions that a foreign bridge registered, and nobody can claim that. */
const CONNECTOR = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** The claims as they came, known to be harmless to show. @throws AppError invalid_request with `param` */
export function checkClaims(info: AgentInfo): AgentInfo {
  checkText(info.agentId, "agent_id", MAX_AGENT_ID);
  checkText(info.label, "label", MAX_LABEL);
  if (!CONNECTOR.test(info.connector)) {
    throw invalid("connector", "must be a short lower-case word");
  }
  checkModels(info.models);
  return { ...info, requestedScopes: checkScopes(info.requestedScopes, "requested_scopes") };
}

/** The scopes in their usual order, once each. @throws AppError invalid_request with `param` */
export function checkScopes(scopes: readonly string[], param: string): readonly Scope[] {
  if (!scopes.every(isScope)) throw invalid(param, `can only hold: ${SCOPES.join(", ")}`);
  return SCOPES.filter((scope) => scopes.includes(scope));
}

/** @throws AppError invalid_request with `param` */
export function checkText(text: string, param: string, limit = MAX_LABEL): string {
  if (text.trim() === "" || text.length > limit) {
    throw invalid(param, `must have 1 to ${limit} characters`);
  }
  if (MISLEADING.test(text)) throw invalid(param, "must not hold invisible or control characters");
  return text;
}

/** A session id that a foreign bridge chose. @throws AppError invalid_request */
export function checkSessionId(sessionId: string): string {
  if (!SESSION_ID.test(sessionId)) {
    throw invalid("session_id", "must have 1 to 128 letters, digits or . _ : -");
  }
  return sessionId;
}

/**
 * What a human is shown of a request, as canonical JSON: fixed keys in a fixed order. An approval is bound
 * to the hash of this text, so a request that changed after it was shown needs a new look.
 */
export function approvalText(
  session: Pick<
    Session,
    "sessionId" | "agentId" | "label" | "connector" | "requestedScopes" | "models"
  >,
): string {
  return JSON.stringify({
    session_id: session.sessionId,
    agent_id: session.agentId,
    label: session.label,
    connector: session.connector,
    requested_scopes: session.requestedScopes,
    models: session.models.map((model) => ({
      id: model.id,
      label: model.label ?? null,
      context_length: model.contextLength ?? null,
      capabilities: model.capabilities,
    })),
  });
}

function checkModels(models: readonly Model[]): void {
  if (models.length > MAX_MODELS) throw invalid("models", `can hold ${MAX_MODELS} at most`);
  for (const model of models) {
    checkText(model.id, "models", MAX_MODEL_TEXT);
    if (model.label !== undefined) checkText(model.label, "models", MAX_MODEL_TEXT);
  }
}

function invalid(param: string, what: string): AppError {
  return new AppError("invalid_request", `${param} ${what}.`, { param });
}
