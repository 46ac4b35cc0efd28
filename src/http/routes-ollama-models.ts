// The Ollama dialect's routes about models: which there are, what they can do, whose agent is connected.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import * as Answer from "../dialects/ollama/answer-schema.ts";
import { decodeModelName } from "../dialects/ollama/decode.ts";
import {
  encodePs,
  encodeShow,
  encodeStatus,
  encodeTags,
  encodeVersion,
} from "../dialects/ollama/models.ts";
import type { RunningModel } from "../dialects/ollama/models.ts";
import * as Schema from "../dialects/ollama/schema.ts";
import type { Session } from "../core/session.ts";
import { normalName } from "../engine/catalog.ts";
import type { ListedModel } from "../engine/catalog.ts";
import type { ListedTurn } from "../engine/open-turns.ts";
import { createBodyReader } from "./body.ts";
import { OLLAMA_SHOW } from "./examples-ollama.ts";
import { named, operation } from "./operation.ts";
import type { DialectDeps } from "./routes-openai.ts";

export interface OllamaDeps extends DialectDeps {
  /** SHA-256 in hex, for digests of models. */
  readonly sha256: (text: string) => string;
}

export interface Listing {
  /** @throws AppError model_not_found */
  find(request: Request, name: string): ListedModel;
  tags(request: Request): object;
  running(request: Request): object;
}

export function createListing(deps: OllamaDeps): Listing {
  const options = { modifiedAt: deps.startedAt, sha256: deps.sha256 };
  return {
    find: (request, name) => {
      const found = deps.models.find(request, name);
      if (found !== undefined) return found;
      throw new AppError("model_not_found", `model '${shown(name)}' not found`, { param: "model" });
    },
    tags: (request) => encodeTags(deps.models.list(request), options),
    running: (request) => {
      const sessions = deps.models.sessions(request);
      const running = runningModels(sessions).filter(({ model }) =>
        deps.models.isAllowed(request, model.id),
      );
      const { models } = encodePs(running, options);
      const turns = deps.openTurns();
      return {
        models: models.map((model) =>
          Object.assign({}, model, loadOf(turns, offering(sessions, model.model))),
        ),
      };
    },
  };
}

/** A name comes from outside and goes into a message: short, and without control characters. */
function shown(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 80);
}

/** Each name once, since clients keep them by it: with the grant that lasts longest. */
function runningModels(sessions: readonly Session[]): readonly RunningModel[] {
  const running = new Map<string, RunningModel>();
  for (const session of sessions) {
    if (session.status !== "active" || !session.connected) continue;
    const { connector, expiresAt } = session;
    for (const model of session.models) {
      const name = normalName(model.id);
      const known = running.get(name);
      if (known !== undefined && (known.expiresAt ?? Infinity) >= (expiresAt ?? Infinity)) continue;
      running.set(name, { model, connector, expiresAt });
    }
  }
  return [...running.values()];
}

function offering(sessions: readonly Session[], name: string): ReadonlySet<string> {
  const wanted = normalName(name);
  const found = sessions.filter((each) => each.models.some(({ id }) => normalName(id) === wanted));
  return new Set(found.map(({ sessionId }) => sessionId));
}

/** Beyond Ollama's own fields: how busy the model's agents are. Its clients pass over what they do not know. */
function loadOf(turns: readonly ListedTurn[], sessions: ReadonlySet<string>) {
  const own = turns.filter(({ sessionId }) => sessions.has(sessionId));
  const queued = own.flatMap((turn) => turn.queued ?? []);
  const waits = queued.flatMap(({ estimatedWaitMs }) => estimatedWaitMs ?? []);
  return {
    turns_running: own.length - queued.length,
    turns_queued: queued.length,
    // That of the last one: who comes now waits about as long.
    estimated_wait_ms: waits.length === 0 ? null : Math.max(...waits),
  };
}

/** What an Ollama route says of itself. */
export function about(summary: string, schemas: Partial<Parameters<typeof operation>[0]> = {}) {
  return { parse: "none" as const, detail: operation({ summary, tag: "Ollama", ...schemas }) };
}

export function ollamaModelRoutes(deps: OllamaDeps, listing: Listing) {
  const showBody = createBodyReader(Schema.ShowRequest, deps.limits);

  async function show(request: Request): Promise<object> {
    const { value } = await showBody.read(request);
    const options = { modifiedAt: deps.startedAt };
    return encodeShow(listing.find(request, decodeModelName(value)), options);
  }

  return new Elysia({ name: "ollama-models", normalize: false })
    .post(
      "/api/show",
      ({ request }) => show(request),
      about("Describe a model", {
        body: named("OllamaShowRequest", Schema.ShowRequest),
        examples: OLLAMA_SHOW,
        answer: named("OllamaShowAnswer", Answer.ShowAnswer),
        refusals: ["model"],
      }),
    )
    .get(
      "/api/tags",
      ({ request }) => listing.tags(request),
      about("List the models", { answer: named("OllamaTagsAnswer", Answer.TagsAnswer) }),
    )
    .get(
      "/api/ps",
      ({ request }) => listing.running(request),
      about("List the models whose agent is connected", {
        answer: named("OllamaPsAnswer", Answer.PsAnswer),
      }),
    )
    .get(
      "/api/version",
      () => encodeVersion(),
      about("The version of Ollama's API that this is", {
        answer: named("OllamaVersionAnswer", Answer.VersionAnswer),
      }),
    )
    .get(
      "/api/status",
      () => encodeStatus(),
      about("Whether models may come from a cloud", {
        answer: named("OllamaStatusAnswer", Answer.StatusAnswer),
      }),
    );
}
