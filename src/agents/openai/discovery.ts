// Which models one upstream offers: what its list says, with what its own routes add, or the one that is configured.
// What was known once stays known while the upstream is away, so that an editor's model list does not flicker.

import type { AppError } from "../../core/error.ts";
import type { JsonValue } from "../../core/json.ts";
import type { UpstreamClient } from "./client.ts";
import type { UpstreamErrors } from "./errors.ts";
import type { UpstreamFailure } from "./failover.ts";
import { type UpstreamModel, decodeModels, namedModel, serverKindOf } from "./models.ts";
import { withLlamaProps, withLmStudioList, withOllamaShow } from "./native.ts";

/** What came of looking: it is there, and its list is of use or not; or it is not there. */
export type Look =
  | { readonly there: true; readonly problem?: AppError }
  | { readonly there: false; readonly failure: UpstreamFailure };

export interface Discovery {
  readonly models: readonly UpstreamModel[];
  /** Asks the upstream; several at once ask once. The models stay what they were when it is away. */
  readonly look: () => Promise<Look>;
}

export interface DiscoveryOptions {
  /** Offered in place of what the upstream lists. */
  readonly model: string | undefined;
  readonly client: Pick<UpstreamClient, "listModels" | "ask">;
  readonly errors: UpstreamErrors;
  /** Ends whatever is being asked. */
  readonly signal: AbortSignal;
}

/** Models whose server is asked about each by itself, and how many at once. */
const MAX_SHOWN = 200;
const SHOWN_AT_ONCE = 4;

export function createDiscovery({ model, client, errors, signal }: DiscoveryOptions): Discovery {
  let models: readonly UpstreamModel[] = model === undefined ? [] : [namedModel(model)];
  let asking: Promise<Look> | undefined;
  /** The list of which every model was shown: Ollama's says when a model changed. */
  let shownList: string | undefined;

  async function ask(): Promise<Look> {
    const listed = await client.listModels(signal);
    if ("failure" in listed) {
      const { failure } = listed;
      // A server that answers is there, even if it will not tell. What it refuses is said when a model has to be known.
      if (failure.movable) return { there: false, failure };
      return model === undefined ? { there: true, problem: failure.error } : { there: true };
    }
    const { list } = listed;
    const found = decodeModels(list);
    const wanted = model === undefined ? found : found?.filter(({ id }) => id === model);
    if (wanted !== undefined && wanted.length > 0) {
      models = await enrich(list, wanted);
      return { there: true };
    }
    if (model !== undefined) return { there: true };
    const problem =
      found === undefined
        ? "has no model list: name a model, as in #model"
        : "lists no models: load one there, or name it";
    return { there: true, problem: errors.senseless(problem) };
  }

  async function enrich(
    list: JsonValue | undefined,
    known: readonly UpstreamModel[],
  ): Promise<readonly UpstreamModel[]> {
    switch (serverKindOf(list)) {
      case "ollama":
        return await showAll(JSON.stringify(list), known);
      case "lm-studio":
        return withLmStudioList(known, await client.ask("/api/v0/models", signal));
      case "llama.cpp":
        // With several models the properties would be those of whichever is loaded.
        if (known.length > 1) return known;
        return await Promise.all(
          known.map(async (each) => withLlamaProps(each, await client.ask("/props", signal))),
        );
      case "other":
        return known;
    }
  }

  async function showAll(
    list: string,
    known: readonly UpstreamModel[],
  ): Promise<readonly UpstreamModel[]> {
    if (list === shownList) return models;
    const shown = [...known];
    const waiting = known.slice(0, MAX_SHOWN).entries();
    const worker = async (): Promise<void> => {
      for (const [at, each] of waiting) {
        shown[at] = withOllamaShow(each, await client.ask("/api/show", signal, { model: each.id }));
      }
    };
    await Promise.all(Array.from({ length: SHOWN_AT_ONCE }, worker));
    const isComplete = shown.every((each, at) => each !== known[at]);
    shownList = isComplete ? list : undefined;
    return shown;
  }

  return {
    get models() {
      return models;
    },
    look: () => {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
}
