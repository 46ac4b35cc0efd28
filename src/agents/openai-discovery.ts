// Which models an upstream offers: the configured one, or what its list says. What was known once stays known while
// the upstream is away, so that an editor's model list does not flicker.

import { toAppError } from "../core/error.ts";
import type { JsonValue } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { Log } from "../core/ports.ts";
import type { UpstreamErrors } from "./openai-errors.ts";
import { decodeModels, namedModel } from "./openai-models.ts";

export interface Discovery {
  readonly models: readonly Model[];
  /**
   * Asks the upstream, unless a model is configured; several at once ask once.
   * Rejects with an `AppError`, and the models stay what they were.
   */
  readonly discover: () => Promise<readonly Model[]>;
  /** The upstream's model that a turn asks for, under its own name. Discovers first when nothing is known yet. */
  readonly modelFor: (asked: string) => Promise<Model>;
}

export interface DiscoveryOptions {
  /** Offered in place of what the upstream lists. */
  readonly model: string | undefined;
  readonly log: Log;
  /** `GET /models`, parsed. */
  readonly list: () => Promise<JsonValue | undefined>;
  readonly errors: UpstreamErrors;
}

export function createDiscovery({ model, log, list, errors }: DiscoveryOptions): Discovery {
  let models: readonly Model[] = model === undefined ? [] : [namedModel(model)];
  let asking: Promise<readonly Model[]> | undefined;

  async function ask(): Promise<readonly Model[]> {
    const found = decodeModels(await list());
    if (found === undefined)
      throw errors.senseless("has no model list: name a model, as in #model");
    if (found.length === 0) throw errors.senseless("lists no models: load one there, or name it");
    models = found;
    log.debug({ models: found.length }, "upstream models discovered");
    return found;
  }

  async function discover(): Promise<readonly Model[]> {
    if (model !== undefined) return models;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    try {
      return await asking;
    } catch (error) {
      log.warn({ code: toAppError(error).code }, "upstream models not discovered");
      throw error;
    }
  }

  async function modelFor(asked: string): Promise<Model> {
    const known = models.length > 0 ? models : await discover();
    const exact = known.find(({ id }) => id === asked);
    if (exact !== undefined) return exact;
    // Another spelling, or one of the names that mean "whatever this agent offers".
    const plain = withoutTag(asked);
    const same = known.find(({ id }) => withoutTag(id) === plain);
    return same ?? known[0] ?? namedModel(asked);
  }

  return {
    get models() {
      return models;
    },
    discover,
    modelFor,
  };
}

/** As names are compared: in any case, `name:latest` being `name`. */
function withoutTag(name: string): string {
  return name.toLowerCase().replace(/:latest$/, "");
}
