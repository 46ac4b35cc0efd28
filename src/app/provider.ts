// The provider of a process: the engine, the routes that editors and people use, and the port they are on.

import type { Config } from "../config/schema.ts";
import type { KeptResponse } from "../dialects/openai/responses-decode.ts";
import type { Buffers } from "../engine/buffers.ts";
import { createCatalog } from "../engine/catalog.ts";
import { createEngine } from "../engine/engine.ts";
import { createKeptAnswers } from "../engine/kept-answers.ts";
import type { Engine } from "../engine/engine.ts";
import type { Rates } from "../engine/rate-gate.ts";
import type { Sessions } from "../engine/sessions.ts";
import type { SessionDirectory } from "../core/ports.ts";
import type { Session } from "../core/session.ts";
import { createPortApps } from "../http/app.ts";
import type { PortApp } from "../http/app.ts";
import { createGate } from "../http/gate.ts";
import type { Refusal } from "../http/gate.ts";
import { createRequestWatch } from "../http/request-watch.ts";
import { createRouteNames } from "../http/route-names.ts";
import type { AgentSessionFigures } from "../observe/metric-figures.ts";
import type { Store } from "../store/sqlite.ts";
import { addressOf } from "./address.ts";
import { listen } from "../http/listen.ts";
import type { Listening } from "../http/listen.ts";
import type { LinkHealth } from "../http/routes-operations.ts";
import { createVisits } from "../http/visit.ts";
import type { AuthFailures } from "../security/auth-failures.ts";
import { createGuard } from "../security/guard.ts";
import { createLimiter } from "../security/limiter.ts";
import type { KeyRing } from "../security/keys.ts";
import type { Secrets } from "../security/secrets.ts";
import { documentsOf } from "./documents.ts";
import { admissionEntry, refusalListener, repeatEntry } from "./audit.ts";
import type { Trail } from "./audit.ts";
import { observe } from "./observation.ts";
import { checkExposure, guardRules } from "./guard-rules.ts";
import { checkKeyless } from "./keyless.ts";
import type { Base } from "./start.ts";
import { logTurn } from "./turn-log.ts";
import { routeGroups } from "./provider-routes.ts";

export interface ProviderParts extends Base {
  readonly keys: KeyRing;
  readonly secrets: Secrets;
  readonly sessions: SessionDirectory;
  /** Where the sessions are this process's own: their control routes are here too. */
  readonly administration: Sessions | undefined;
  readonly link: () => LinkHealth;
  /** Where agents run in this process. */
  readonly agentSessions?: () => AgentSessionFigures;
  /** Whose sessions the default model names mean; without it the oldest's. */
  readonly isDefault?: (session: Session) => boolean;
  readonly trail: Trail;
  readonly store: Store;
  readonly buffers: Buffers;
  readonly failures: AuthFailures;
  /** Foreign bridges that register their sessions here, each by its own token. */
  readonly registrars?: readonly { readonly name: string; readonly token: string }[];
}

export interface Provider {
  readonly listening: Listening;
  readonly engine: Engine;
  readonly app: PortApp;
}

/** @throws AppError saying what keeps it from starting */
export async function openProvider(parts: ProviderParts): Promise<Provider> {
  const { config, log, system, sessions, shutdown, keys, trail, buffers } = parts;
  const { limits } = config;
  const catalog = createCatalog({
    modelName: config.model.model_name,
    aliases: config.model.aliases,
    contextLength: config.model.context_length,
    ...(parts.isDefault !== undefined && { isDefault: parts.isDefault }),
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
      queuePerAgent: limits.queue_per_agent,
      queueWaitMs: limits.queue_wait_ms,
    },
    limiter: createLimiter({ clock: system.clock }),
    buffers,
    rates: () => ratesOf(parts.current()),
    onAdmit: (record) => trail.audit.writeTogether(admissionEntry(record)),
    onRepeat: (record) => trail.audit.write(repeatEntry(record)),
    onEnd: (record) => {
      observation.metrics.recordTurn(record);
      observation.traces.turnEnded(record);
      logTurn(log, record);
    },
  });
  const observation = await observe(parts, {
    load: () => engine.load(),
    address: () => addressOf("http", config.provider.host, listening.port),
  });
  const { metrics, traces, health } = observation;
  const visits = createVisits();
  const documents = documentsOf({ port: "provider", config, routes: () => apps.plain.routes });
  const kept = createKeptAnswers<KeptResponse>({ clock: system.clock, ...KEPT_RESPONSES });
  const groups = routeGroups(parts, {
    engine,
    kept,
    buffers,
    catalog,
    visits,
    documents,
    metrics,
    health,
    onLateRefusal: (refusal) => onRefusal(refusal),
    onStreamEnd: (visit, end) => watch.streamEnded(visit, end),
  });
  const audited = refusalListener(trail, system.clock);
  const onRefusal = (refusal: Refusal): void => {
    metrics.recordRefusal(refusal.error.code, refusal.keyId ?? "");
    audited(refusal);
  };
  const apps = createPortApps({ visits, log, groups, onRefusal });
  const watch = createRequestWatch({
    clock: system.clock,
    names: createRouteNames(apps.plain.routes),
    metrics,
    traces,
  });
  checkExposure(config, config.provider.host);
  checkKeyless(config);
  const guardFor = (port: number) => {
    checkKeyless(parts.current());
    return createGuard(guardRules(parts, { host: config.provider.host, port }));
  };
  const listening: Listening = listen<undefined>({
    name: "provider",
    host: config.provider.host,
    port: config.provider.port,
    log,
    gateFor: (port) => {
      let guard = guardFor(port);
      parts.onReload(() => {
        guard = guardFor(port);
      });
      return createGate<undefined>({
        port: "provider",
        guard: (question) => guard(question),
        visits,
        keyOf: (id) => keys.get(id),
        ...apps,
        random: system.random,
        clock: system.clock,
        log,
        onRefusal,
        watch,
        crowded: () => listening.open() > limits.connections,
        closing: () => shutdown.closing,
      });
    },
  });
  if (config.security.keyless !== "off") {
    log.warn({}, "programs of this user need no key here (security.keyless: same_user)");
  }
  shutdown.onDrain(() => engine.drain());
  shutdown.onClose("provider port", () => listening.kill());
  shutdown.onClose("kept responses", () => kept.close());
  shutdown.onClose("turns", async () => {
    engine.abort();
    await engine.drain();
  });
  return { listening, engine, app: apps.plain };
}

/** What `/v1/responses` keeps to be gone on from: docs/api.md says so. */
const KEPT_RESPONSES = { keepMs: 3_600_000, maxAnswers: 1_000, maxBytes: 64 * 1024 * 1024 };

function ratesOf(config: Config): Rates {
  const { rate_limiting: rates, limits } = config;
  return {
    keyRequests: rates.requests_per_minute,
    keyTokens: rates.tokens_per_minute,
    sessionRequests: rates.session_requests_per_minute,
    sessionTokens: rates.session_tokens_per_minute,
    reserveTokens: limits.reserve_tokens,
  };
}
