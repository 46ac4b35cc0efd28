// The routes of the provider's port, in their groups: who may ask which, and with what parts each is made.

import type { KeptResponse } from "../dialects/openai/responses-decode.ts";
import type { Buffers } from "../engine/buffers.ts";
import type { Catalog } from "../engine/catalog.ts";
import type { KeptAnswers } from "../engine/kept-answers.ts";
import type { Engine } from "../engine/engine.ts";
import { guarded } from "../http/app.ts";
import type { RouteGroup } from "../http/app.ts";
import { createClientModels } from "../http/client-models.ts";
import type { Refusal } from "../http/gate.ts";
import type { Health } from "../http/health.ts";
import type { RequestWatch } from "../http/request-watch.ts";
import { healthRoutes, metricsRoutes } from "../http/routes-health.ts";
import type { Metrics } from "../observe/metrics.ts";
import { createInference } from "../http/inference.ts";
import { keyRoutes, sessionRoutes, turnRoutes } from "../http/routes-control.ts";
import { anthropicRoutes } from "../http/routes-anthropic.ts";
import { ollamaRoutes, rootRoute } from "../http/routes-ollama.ts";
import { modelRoutes } from "../http/routes-models.ts";
import { openaiRoutes } from "../http/routes-openai.ts";
import { responsesRoutes } from "../http/routes-openai-responses.ts";
import { registrationRoutes } from "../http/routes-registration.ts";
import { docsRoutes } from "../http/routes-docs.ts";
import { documentRoutes } from "../http/routes-documents.ts";
import type { DocumentDeps } from "../http/routes-documents.ts";
import { operationsRoutes } from "../http/routes-operations.ts";
import type { Visits } from "../http/visit.ts";
import { endEntry } from "./audit.ts";
import { controlBody } from "./guard-rules.ts";
import { VERSION } from "./version.ts";
import type { ProviderParts } from "./provider.ts";

interface RouteParts {
  readonly kept: KeptAnswers<KeptResponse>;
  readonly engine: Engine;
  readonly buffers: Buffers;
  readonly onLateRefusal: (refusal: Refusal) => void;
  readonly onStreamEnd: RequestWatch["streamEnded"];
  readonly catalog: Catalog;
  readonly visits: Visits;
  readonly documents: DocumentDeps;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** The port's routes; made without a server, too, to be described. */
export function routeGroups(
  parts: Pick<
    ProviderParts,
    | "config"
    | "current"
    | "system"
    | "log"
    | "sessions"
    | "keys"
    | "trail"
    | "administration"
    | "link"
  >,
  {
    engine,
    kept,
    buffers,
    catalog,
    visits,
    documents,
    metrics,
    health,
    onLateRefusal,
    onStreamEnd,
  }: RouteParts,
): readonly RouteGroup[] {
  const { config, system, sessions, keys, administration } = parts;
  const { clock } = system;
  const { body_bytes: bodyBytes, json_depth: jsonDepth } = config.limits;
  const bodies = { bodyBytes, jsonDepth, buffers };
  const control = controlBody(config);
  const inference = createInference({
    engine,
    visits,
    clock,
    log: parts.log,
    heartbeatMs: config.limits.heartbeat_ms,
    metrics,
    buffers,
    onLateRefusal,
    onStreamEnd,
    streams: config.provider.enable_streaming,
    maxTokens: () => parts.current().limits.max_tokens,
    promptHash: (body) => parts.trail.promptHash(body),
    onAnswered: (record, bytes) => parts.trail.audit.writeWhenPossible(endEntry(record, bytes)),
  });
  const dialect = {
    inference,
    models: createClientModels({ catalog, sessions, visits }),
    openTurns: () => engine.openTurns(),
    clock,
    limits: bodies,
    startedAt: clock.now(),
    sha256: system.sha256,
  };
  const operations = operationsRoutes({
    clock,
    version: VERSION,
    link: parts.link,
    health,
    activeSessions: () => sessions.list().filter((each) => each.status === "active").length,
  });
  const registration =
    administration === undefined
      ? []
      : [registrationRoutes({ sessions: administration, visits, limits: control })];
  const hasOllama = config.provider.enable_ollama_compat;
  return [
    ...(hasOllama ? [rootRoute] : []),
    operations,
    guarded(visits, "client", [
      () => openaiRoutes(dialect),
      () => responsesRoutes({ inference, visits, limits: bodies, kept }),
      () => anthropicRoutes(dialect),
      () => modelRoutes(dialect),
      ...(hasOllama ? [() => ollamaRoutes(dialect)] : []),
      () => documentRoutes(documents),
      ...(config.provider.debug ? [() => docsRoutes(documents)] : []),
      () => healthRoutes({ health }),
      ...(config.telemetry.metrics ? [() => metricsRoutes({ metrics })] : []),
    ]),
    guarded(visits, ["control", "bridge"], registration),
    guarded(visits, "control", [
      ...(administration === undefined
        ? []
        : [sessionRoutes({ sessions: administration, limits: control })]),
      keyRoutes({ keys, limits: control }),
      turnRoutes({ engine, clock, limits: control }),
    ]),
  ];
}
