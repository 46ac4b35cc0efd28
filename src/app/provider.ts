// The provider of a process: the engine, the routes that editors and people use, and the port they are on.

import { createCatalog } from "../engine/catalog.ts";
import type { Catalog } from "../engine/catalog.ts";
import { createEngine } from "../engine/engine.ts";
import type { Engine, TurnRecord } from "../engine/engine.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { SessionDirectory } from "../core/ports.ts";
import { createPortApps, guarded } from "../http/app.ts";
import type { PortApp, RouteGroup } from "../http/app.ts";
import { createGate } from "../http/gate.ts";
import { createInference } from "../http/inference.ts";
import { listen } from "../http/listen.ts";
import type { Listening } from "../http/listen.ts";
import { openApiDocument } from "../http/openapi.ts";
import { keyRoutes, sessionRoutes, turnRoutes } from "../http/routes-control.ts";
import { ollamaRoutes, rootRoute } from "../http/routes-ollama.ts";
import { openaiRoutes } from "../http/routes-openai.ts";
import { documentRoutes, operationsRoutes } from "../http/routes-operations.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { createVisits } from "../http/visit.ts";
import type { Visits } from "../http/visit.ts";
import { createGuard } from "../security/guard.ts";
import type { KeyRing } from "../security/keys.ts";
import type { Secrets } from "../security/secrets.ts";
import { checkExposure, guardRules } from "./guard-rules.ts";
import type { Shutdown } from "./shutdown.ts";
import { createFingerprint } from "./system.ts";
import type { System } from "./system.ts";
import type { StartSettings } from "./types.ts";
import { VERSION } from "./version.ts";

export interface ProviderParts extends StartSettings {
  readonly system: System;
  readonly shutdown: Shutdown;
  readonly keys: KeyRing;
  readonly secrets: Secrets;
  readonly sessions: SessionDirectory;
  /** Where the sessions are this process's own: their control routes are here too. */
  readonly administration: Sessions | undefined;
  readonly link: () => LinkHealth;
}

export interface Provider {
  readonly listening: Listening;
  readonly engine: Engine;
  readonly app: PortApp;
}

export function openProvider(parts: ProviderParts): Provider {
  const { config, log, system, sessions, shutdown, keys } = parts;
  const { limits } = config;
  const catalog = createCatalog({
    modelName: config.model.model_name,
    aliases: config.model.aliases,
  });
  const engine = createEngine({
    sessions,
    catalog,
    clock: system.clock,
    random: system.random,
    limits: {
      firstByteMs: limits.first_byte_ms,
      silenceMs: limits.silence_ms,
      turnMs: limits.turn_ms,
      answerSize: limits.turn_buffer_bytes,
      turnsInFlight: limits.turns_in_flight,
      turnsPerAgent: limits.turns_per_agent,
      turnsPerKey: config.sessions.max_sessions,
    },
    onEnd: (record) => report(parts, record),
  });
  const visits = createVisits();
  // The document describes the routes that it is served by: it is made when it is asked for.
  const openapi = () =>
    openApiDocument(apps.plain.routes, {
      title: "MCP Local Provider",
      version: VERSION,
      description: "A local model server, answered by a coding agent.",
    });
  const groups = routeGroups(parts, { engine, catalog, visits, openapi });
  const apps = createPortApps({ visits, log, groups });
  checkExposure(config, config.provider.host);
  const listening = listen<undefined>({
    host: config.provider.host,
    port: config.provider.port,
    log,
    gateFor: (port) =>
      createGate<undefined>({
        port: "provider",
        guard: createGuard(guardRules(parts, { host: config.provider.host, port })),
        visits,
        keyOf: (id) => keys.get(id),
        ...apps,
        random: system.random,
        clock: system.clock,
        log,
        closing: () => shutdown.closing,
      }),
  });
  shutdown.onDrain(() => engine.drain());
  shutdown.onClose("provider port", () => listening.kill());
  shutdown.onClose("turns", async () => {
    engine.abort();
    await engine.drain();
  });
  return { listening, engine, app: apps.plain };
}

interface RouteParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly visits: Visits;
  readonly openapi: () => object;
}

function routeGroups(
  parts: ProviderParts,
  { engine, catalog, visits, openapi }: RouteParts,
): readonly RouteGroup[] {
  const { config, system, sessions, keys, administration } = parts;
  const { clock } = system;
  const bodies = { bodyBytes: config.limits.body_bytes, jsonDepth: config.limits.json_depth };
  const control = { ...bodies, bodyBytes: config.limits.control_body_bytes };
  const inference = createInference({
    engine,
    visits,
    clock,
    heartbeatMs: config.limits.heartbeat_ms,
    fingerprint: createFingerprint(),
  });
  const dialect = {
    inference,
    catalog,
    sessions,
    clock,
    limits: bodies,
    startedAt: clock.now(),
    sha256: system.sha256,
  };
  const operations = operationsRoutes({
    clock,
    version: VERSION,
    link: parts.link,
    activeSessions: () => sessions.list().filter((each) => each.status === "active").length,
  });
  return [
    rootRoute,
    operations,
    guarded(visits, "client", [
      () => openaiRoutes(dialect),
      () => ollamaRoutes(dialect),
      () => documentRoutes({ openapi }),
    ]),
    guarded(visits, "control", [
      ...(administration === undefined
        ? []
        : [sessionRoutes({ sessions: administration, limits: control })]),
      keyRoutes({ keys, limits: control }),
      turnRoutes({ engine, clock, limits: control }),
    ]),
  ];
}

/** One line for each turn's one end. */
function report({ log }: ProviderParts, record: TurnRecord): void {
  const { outcome } = record;
  if (outcome === "done" || outcome === "client_cancelled") log.info(record, "turn ended");
  else log.warn(record, "turn ended");
}
