// Which mode an ACP agent works in, by what the turn may do. Pure. Ids and names are the agents' own: `plan` and `build`,
// `default` and `yolo`, `read-only` and `full-access`.

import type { AcpChoice } from "./acp-answers.ts";

/** In the order in which they are wanted. Planning looks at everything and touches nothing. */
const LOOKS_ONLY = [/\bread[-_ ]?only\b/i, /\bask\b/i, /\bplan\b/i];
const EDITS = [/\b(?:accept|auto)[-_ ]?edits?\b/i, /\bautoEdit\b/];
/** Asks a human before anything that matters, which here is us. */
const ASKS = [/^default$/i, /\bmanual\b/i];
const ASKS_NOBODY = /yolo|bypass|full[-_ ]?access|danger|\bauto\b|don'?t[-_ ]?ask|allow[-_ ]?all/i;

/**
 * The id of the mode to work in. `undefined`: the agent has no modes, or none that is narrower.
 * @param initial the mode that the session came with
 */
export function modeFor(
  modes: AcpChoice,
  initial: string | undefined,
  scopes: readonly string[],
): string | undefined {
  const writes = scopes.includes("agent:write");
  if (writes && scopes.includes("agent:exec")) return initial;
  const found = (writes ? find(modes, EDITS) : undefined) ?? find(modes, LOOKS_ONLY);
  if (found !== undefined) return found;
  const isLoose = modes.options.some(
    ({ id, label }) => id === initial && (ASKS_NOBODY.test(id) || ASKS_NOBODY.test(label)),
  );
  return isLoose ? find(modes, ASKS) : initial;
}

function find({ options }: AcpChoice, patterns: readonly RegExp[]): string | undefined {
  for (const pattern of patterns) {
    const found =
      options.find(({ id }) => pattern.test(id) && !ASKS_NOBODY.test(id)) ??
      options.find(({ label }) => pattern.test(label) && !ASKS_NOBODY.test(label));
    if (found !== undefined) return found.id;
  }
  return undefined;
}
