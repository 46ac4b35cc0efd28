// The Ollama dialect's routes about models: which there are, what they can do, whose agent is connected.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import * as Answer from "../dialects/ollama/answer-schema.ts";
import { decodeModelName } from "../dialects/ollama/decode.ts";
import { encodePs, encodeShow, encodeTags, encodeVersion } from "../dialects/ollama/models.ts";
import * as Schema from "../dialects/ollama/schema.ts";
import type { ListedModel } from "../engine/catalog.ts";
import { createBodyReader } from "./body.ts";
import { OLLAMA_SHOW } from "./examples.ts";
import { named, operation } from "./operation.ts";
import type { DialectDeps } from "./routes-openai.ts";

export interface OllamaDeps extends DialectDeps {
  /** SHA-256 in hex, for digests of models. */
  readonly sha256: (text: string) => string;
}

export interface Listing {
  /** @throws AppError model_not_found */
  find(name: string): ListedModel;
  tags(): object;
  running(): object;
}

export function createListing(deps: OllamaDeps): Listing {
  const options = { modifiedAt: deps.startedAt, sha256: deps.sha256 };
  return {
    find: (name) => {
      const found = deps.catalog.find(name, deps.sessions.list());
      if (found !== undefined) return found;
      throw new AppError("model_not_found", "model not found; see /api/tags", { param: "model" });
    },
    tags: () => encodeTags(deps.catalog.list(deps.sessions.list()), options),
    running: () => {
      const sessions = deps.sessions
        .list()
        .filter((session) => session.status === "active" && session.connected);
      const models = sessions.flatMap((session) =>
        session.models.map((model) => ({
          model,
          connector: session.connector,
          expiresAt: session.expiresAt,
        })),
      );
      return encodePs(models, options);
    },
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
    return encodeShow(listing.find(decodeModelName(value)), options);
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
      () => listing.tags(),
      about("List the models", { answer: named("OllamaTagsAnswer", Answer.TagsAnswer) }),
    )
    .get(
      "/api/ps",
      () => listing.running(),
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
    );
}
