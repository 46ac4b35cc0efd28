// The Ollama dialect's routes about having models. Agents bring theirs: a listed one is here already, and nothing can be
// made, moved or sent away. What a field means is in dialects/ollama.

import { Elysia } from "elysia";
import { AppError } from "../core/error.ts";
import * as Answer from "../dialects/ollama/answer-schema.ts";
import { decodeModelName } from "../dialects/ollama/decode.ts";
import { encodePull, encodePullLines } from "../dialects/ollama/models.ts";
import * as Schema from "../dialects/ollama/schema.ts";
import { createBodyReader } from "./body.ts";
import { OLLAMA_PULL } from "./examples-ollama.ts";
import { named } from "./operation.ts";
import { about } from "./routes-ollama-models.ts";
import type { Listing, OllamaDeps } from "./routes-ollama-models.ts";

const NDJSON = "application/x-ndjson";
const PullAnswer = named("OllamaPullAnswer", Answer.PullAnswer);

const MODELS_COME_WITH_AGENTS =
  "Models here are agents, not files: they come and go with the agents that are connected.";

interface Unserved {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** What it does in Ollama. */
  readonly summary: string;
  /** Why not here, and what to do instead. */
  readonly message: string;
}

const BLOB = {
  path: "/api/blobs/:digest",
  message: `Files cannot be uploaded. ${MODELS_COME_WITH_AGENTS}`,
} as const;
const ACCOUNT = { message: "There are no Ollama accounts here." } as const;

const UNSERVED: readonly Unserved[] = [
  {
    method: "POST",
    path: "/api/create",
    summary: "Create a model",
    message: `Models cannot be created. ${MODELS_COME_WITH_AGENTS}`,
  },
  {
    method: "POST",
    path: "/api/copy",
    summary: "Copy a model",
    message:
      "Models cannot be copied. For another name, add an alias to the configuration (model.aliases).",
  },
  {
    method: "DELETE",
    path: "/api/delete",
    summary: "Delete a model",
    message: "Models cannot be deleted. To end an agent's session: mlp sessions revoke",
  },
  {
    method: "POST",
    path: "/api/push",
    summary: "Send a model to a registry",
    message: `Models cannot be pushed. ${MODELS_COME_WITH_AGENTS}`,
  },
  { ...BLOB, method: "POST", summary: "Upload a file of a model" },
  // HEAD comes as GET. Ollama's 404 would say that the file may be sent, and it can be large.
  { ...BLOB, method: "GET", summary: "Whether a file of a model is there" },
  { ...ACCOUNT, method: "POST", path: "/api/me", summary: "Who is signed in" },
  { ...ACCOUNT, method: "POST", path: "/api/signout", summary: "Sign out" },
  { ...ACCOUNT, method: "DELETE", path: "/api/user/keys/:key", summary: "Remove a key" },
  {
    method: "POST",
    path: "/api/experimental/web_search",
    summary: "Search the web",
    message: "There is no web search here; agents bring their own.",
  },
  {
    method: "POST",
    path: "/api/experimental/web_fetch",
    summary: "Read a page of the web",
    message: "Pages are not read here; agents do that themselves.",
  },
  {
    method: "GET",
    path: "/api/experimental/model-recommendations",
    summary: "Models to install",
    message: "No models are recommended here. The ones that there are: GET /api/tags",
  },
];

export function ollamaManagementRoutes(deps: OllamaDeps, listing: Listing) {
  const pullBody = createBodyReader(Schema.PullRequest, deps.limits);

  async function pull(request: Request): Promise<Response> {
    const { value } = await pullBody.read(request);
    const missing = absence(request, decodeModelName(value), listing);
    if (value.stream !== false) {
      return new Response(encodePullLines(missing), { headers: { "content-type": NDJSON } });
    }
    if (missing !== undefined) throw missing;
    return Response.json(encodePull());
  }

  const routes = new Elysia({ name: "ollama-manage", normalize: false }).post(
    "/api/pull",
    ({ request }) => pull(request),
    about("Make sure that a model is there", {
      description:
        "Succeeds at once for a listed model, and fails for any other: streamed, in the answer; whole, with its status.",
      body: named("OllamaPullRequest", Schema.PullRequest),
      examples: OLLAMA_PULL,
      answer: PullAnswer,
      streams: NDJSON,
      item: PullAnswer,
      refusals: ["model"],
    }),
  );
  for (const { method, path, summary, message } of UNSERVED) {
    // Whatever the body is, a file too: it is not read.
    const refuse = (): never => {
      throw new AppError("not_implemented", message);
    };
    routes.route(method, path, refuse, about(`${summary}: not served`, { unserved: true }));
  }
  return routes;
}

/** Why there is no such model; `undefined` when there is. */
function absence(request: Request, name: string, listing: Listing): AppError | undefined {
  try {
    listing.find(request, name);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
