// Whether a completion asks to fill in the middle: what an autocomplete sends at every keystroke. Pure.

import type { CompletionRequest } from "../core/turn.ts";
import { hasGap } from "../wire/fill-in.ts";

/** The field that says so; `undefined` for a text that is just to be gone on from. An empty suffix is one, too. */
export function fillInField(request: CompletionRequest): "suffix" | "prompt" | undefined {
  if (request.suffix !== undefined) return "suffix";
  return hasGap(request.prompt) ? "prompt" : undefined;
}
