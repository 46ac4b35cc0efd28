// What several upstreams offer, as one list. Pure.

import type { Capability, Model } from "../../core/model.ts";

/** As many as a session can hold. */
const MAX_MODELS = 1_000;
/** No control, format or other invisible characters, no line separators: a session refuses names with those. */
const PLAIN_NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u;

/** As names are compared: in any case, `name:latest` being `name`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/:latest$/, "");
}

/**
 * Each model once, in the order of the upstreams, under the name that the first of them has for it. Where several offer
 * one, it can do what all of them can: whichever gets a turn has to manage it.
 */
export function mergeModels(lists: readonly (readonly Model[])[]): readonly Model[] {
  const merged = new Map<string, Model>();
  for (const { id, contextLength, capabilities } of lists.flat()) {
    if (!PLAIN_NAME.test(id) || id.trim() === "") continue;
    const key = plainName(id);
    const model = {
      id,
      ...(contextLength === undefined ? {} : { contextLength }),
      capabilities,
    };
    const known = merged.get(key);
    if (known === undefined && merged.size >= MAX_MODELS) continue;
    merged.set(key, known === undefined ? model : common(known, model));
  }
  return [...merged.values()];
}

function common(a: Model, b: Model): Model {
  const lengths = [a, b].flatMap(({ contextLength = [] }) => contextLength);
  return {
    id: a.id,
    ...(lengths.length === 0 ? {} : { contextLength: Math.min(...lengths) }),
    capabilities: both(a.capabilities, b.capabilities),
  };
}

function both(a: readonly Capability[], b: readonly Capability[]): readonly Capability[] {
  const shared = a.filter((capability) => b.includes(capability));
  return shared.length > 0 ? shared : a;
}
